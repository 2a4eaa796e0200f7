"""Recipients as administrators keep them. A secret of a webhook is told when it is made, and never again."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from contract.errors import shown
from contract.models import Severity
from functions.domain.access import parse_scope
from functions.domain.audit import Actor, Note
from functions.domain.cursors import seal, unseal
from functions.domain.deliveries import FIRST_TRY_MS, Delivery, Trial
from functions.domain.delivery_ids import own_id
from functions.domain.devices import parse_text
from functions.domain.recipients import (
    MAX_RECIPIENTS,
    Channel,
    QuietHours,
    Recipient,
    masked,
    parse_address,
    parse_recipient_id,
)
from functions.domain.webhook_signatures import secret_of, spelled
from functions.errors import (
    ConflictError,
    NotFoundError,
    PreconditionError,
    RequestError,
)
from functions.ports.alarms import ActionsQueue
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore, RecipientStore
from functions.services.act import send

_ATTEMPTS: Final = 5
_TESTS_A_MS: Final = 1_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator says of a recipient. Without an `address` it stays what it was."""

    name: str
    channel: Channel
    address: str | None
    scope: str
    minimum: Severity
    quiet: QuietHours | None
    per_hour: int | None
    digest_ms: int | None


class WithSecret(NamedTuple):
    """`secret` is None where nothing is signed for the recipient."""

    recipient: Recipient
    secret: str | None


class ManageRecipients:
    """`key` gives the secret of the deployment that those of recipients are derived from.

    `mails` says whether the deployment sends e-mail, `loopback` is the switch of the laptop.
    """

    def __init__(
        self,
        *,
        recipients: RecipientStore,
        deliveries: DeliveryStore,
        queue: ActionsQueue,
        key: Callable[[], bytes],
        clock: Clock,
        chance: Callable[[], bytes],
        mails: bool,
        loopback: bool,
    ) -> None:
        self._recipients = recipients
        self._deliveries = deliveries
        self._queue = queue
        self._key = key
        self._clock = clock
        self._chance = chance
        self._mails = mails
        self._loopback = loopback

    def listed(self, limit: int, cursor: str | None) -> tuple[list[Recipient], str | None]:
        """By id. Raises CursorError."""
        question = ("recipients",)
        found = self._recipients.all()
        if cursor is not None:
            (after,) = map(str, unseal(cursor, question, (str,)))
            found = [one for one in found if one.id > after]
        page = found[:limit]
        return page, seal(question, (page[-1].id,)) if len(found) > limit else None

    def show(self, id: str) -> Recipient:  # noqa: A002 - its name everywhere
        """Raises NotFoundError."""
        found = self._recipients.find([parse_recipient_id(id)]).get(id)
        if found is None:
            raise NotFoundError(f"there is no recipient {shown(id)}")
        return found

    def create(self, actor: Actor, id: str, wanted: Wanted) -> WithSecret:  # noqa: A002 - its name everywhere
        """Raises RequestError, ConflictError."""
        parse_recipient_id(id)
        now = self._clock.now_ms()
        if len(self._recipients.all()) >= MAX_RECIPIENTS:
            raise ConflictError(f"there are {MAX_RECIPIENTS} recipients, and there may be no more")
        if wanted.address is None:
            raise RequestError("address", "an address of the channel", "nothing")
        made = self._made(Recipient(id=id, created_at=now, updated_at=now, **_fields(wanted, wanted.address)))
        kept = self._recipients.save(None, made, self._note(actor, "create", made, now, after=_described(made)))
        if kept is None:
            raise ConflictError(f"there is a recipient {id!r} already")
        return self._with_secret(kept)

    def replace(self, actor: Actor, id: str, wanted: Wanted, if_version: int | None) -> Recipient:  # noqa: A002
        """Raises NotFoundError, RequestError, PreconditionError where it is no longer of `if_version`."""
        was = self._at(id, if_version)
        address = wanted.address
        if address is None:
            if wanted.channel is not was.channel:
                raise RequestError("address", f"an address of the channel {wanted.channel.value}", "nothing")
            address = was.address
        now = self._clock.now_ms()
        becomes = self._made(msgspec.structs.replace(was, updated_at=now, **_fields(wanted, address)))
        note = self._note(actor, "update", becomes, now, before=_described(was), after=_described(becomes))
        kept = self._recipients.save(was, becomes, note)
        if kept is None:
            raise _changed()
        return kept

    def delete(self, actor: Actor, id: str, if_version: int | None) -> None:  # noqa: A002 - its name everywhere
        """What is still to be told to him fails. Raises NotFoundError, PreconditionError."""
        was = self._at(id, if_version)
        now = self._clock.now_ms()
        if not self._recipients.delete(was, self._note(actor, "delete", was, now, before=_described(was))):
            raise _changed()

    def rotate(self, actor: Actor, id: str) -> WithSecret:  # noqa: A002 - its name everywhere
        """A new secret; the one before signs as well for a day. Raises NotFoundError, ConflictError."""
        for _ in range(_ATTEMPTS):
            was = self.show(id)
            if was.channel is not Channel.WEBHOOK:
                raise ConflictError(f"a recipient of the channel {was.channel.value} has no secret")
            now = self._clock.now_ms()
            becomes = was.rotated(now)
            note = self._note(
                actor,
                "rotate",
                becomes,
                now,
                before={"generation": was.generation},
                after={"generation": becomes.generation},
            )
            kept = self._recipients.save(was, becomes, note)
            if kept is not None:
                return self._with_secret(kept)
        raise _changed()

    def test(self, actor: Actor, id: str) -> Delivery:  # noqa: A002 - its name everywhere
        """A message to him that says it is a test, by the way that all others go. Raises NotFoundError."""
        recipient = self.show(id)
        now = self._clock.now_ms()
        number = now * _TESTS_A_MS + int.from_bytes(self._chance()) % _TESTS_A_MS
        delivery = Delivery(
            id=own_id(recipient.id, "test", number),
            task=Trial(recipient=recipient.id, by=actor.principal.name),
            created_at=now,
            since=now,
            next_at=now,
            due=now + FIRST_TRY_MS,
        )
        note = self._note(actor, "test", recipient, now, after={"delivery": delivery.id})
        kept = self._deliveries.create(delivery, note)
        send(self._queue, [kept], now)
        return kept

    def _made(self, recipient: Recipient) -> Recipient:
        """Checked as a whole."""
        if recipient.channel is Channel.EMAIL and not self._mails:
            raise RequestError(
                "channel",
                "another one, since this deployment sends no e-mail (its setting mail_from is empty)",
                "email",
            )
        return msgspec.structs.replace(
            recipient,
            name=parse_text("name", recipient.name),
            address=parse_address(recipient.channel, recipient.address, loopback=self._loopback),
            scope=parse_scope(recipient.scope),
        )

    def _at(self, id: str, if_version: int | None) -> Recipient:  # noqa: A002 - its name everywhere
        found = self.show(id)
        if if_version is not None and if_version != found.version:
            raise PreconditionError(f"If-Match: expected the version {found.version} as of now, got {if_version}")
        return found

    def _with_secret(self, recipient: Recipient) -> WithSecret:
        if recipient.channel is not Channel.WEBHOOK:
            return WithSecret(recipient, None)
        return WithSecret(recipient, spelled(secret_of(self._key(), recipient, recipient.generation)))

    def _note(
        self,
        actor: Actor,
        verb: str,
        recipient: Recipient,
        now: int,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> Note:
        return Note(
            actor=actor,
            action=f"recipient.{verb}",
            subject_kind="recipient",
            subject_id=recipient.id,
            at=now,
            before=before,
            after=after,
        )


def _fields(wanted: Wanted, address: str) -> dict[str, Any]:
    return {**msgspec.structs.asdict(wanted), "address": address}


def _described(recipient: Recipient) -> dict[str, Any]:
    """As the audit has it: an address may hold a secret."""
    return {
        "name": recipient.name,
        "channel": recipient.channel.value,
        "address": masked(recipient.channel, recipient.address),
        "scope": recipient.scope,
        "minimum": recipient.minimum,
        "quiet": msgspec.to_builtins(recipient.quiet),
        "per_hour": recipient.per_hour,
        "digest_ms": recipient.digest_ms,
    }


def _changed() -> PreconditionError:
    return PreconditionError("If-Match: the recipient was changed by somebody at the same moment")
