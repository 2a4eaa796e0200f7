"""Whom alarms are told: by rules' names for him, on a channel, within limits and quiet hours of his own."""

from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.models import Severity
from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.operations.deliveries import DeliveryView, delivery_view
from functions.api.parameters import Cursor
from functions.api.request import Request
from functions.domain.recipients import (
    DEFAULT_DIGEST_MS,
    MAX_ADDRESS_CHARS,
    MAX_DIGEST_MS,
    MAX_PER_HOUR,
    MAX_SPANS,
    MIN_DIGEST_MS,
    Channel,
    QuietHours,
    Recipient,
    masked,
    parse_quiet_hours,
    spelled_span,
)
from functions.services.recipients import ManageRecipients, Wanted, WithSecret

_Recipient = Annotated[str, Path(max_length=63)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_Channel = Literal["email", "sms", "webhook", "slack"]


class QuietSpanBody(BaseModel):
    """From one time of day until another, of the next day if that is earlier: `22:00` until `06:00`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    days: list[_Day] = Field(min_length=1, max_length=7)
    from_: str = Field(alias="from", max_length=5)
    to: str = Field(max_length=5)


class QuietHoursBody(BaseModel):
    """`zone` is one of the IANA database. What is as bad as `unless`, or worse, is told all the same."""

    model_config = ConfigDict(extra="forbid", strict=True)

    zone: str = Field(max_length=100)
    spans: list[QuietSpanBody] = Field(min_length=1, max_length=MAX_SPANS)
    unless: Severity | None = None

    def quiet(self) -> QuietHours:
        return parse_quiet_hours(self.zone, [(span.days, span.from_, span.to) for span in self.spans], self.unless)


class RecipientBody(BaseModel):
    """`address` is that of the channel: an e-mail address, a phone number such as +4366012345678, or an https URL.

    He is told of alarms of devices in `scope` that are as bad as `min_severity`, or worse. `per_hour` bounds the
    messages; what is beyond it, or falls into quiet hours, is gathered for `digest_ms` and told in one message: not at
    all where that is null.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=128)
    channel: _Channel
    address: str | None = Field(default=None, max_length=MAX_ADDRESS_CHARS)
    scope: str = Field(default="*", max_length=400)
    min_severity: Severity = "info"
    quiet_hours: QuietHoursBody | None = None
    per_hour: int | None = Field(default=None, ge=1, le=MAX_PER_HOUR)
    digest_ms: int | None = Field(default=DEFAULT_DIGEST_MS, ge=MIN_DIGEST_MS, le=MAX_DIGEST_MS)

    def wanted(self) -> Wanted:
        return Wanted(
            name=self.name,
            channel=Channel(self.channel),
            address=self.address,
            scope=self.scope,
            minimum=self.min_severity,
            quiet=self.quiet_hours.quiet() if self.quiet_hours else None,
            per_hour=self.per_hour,
            digest_ms=self.digest_ms,
        )


class NewRecipientBody(RecipientBody):
    """`id` is what rules call him."""

    id: str = Field(min_length=1, max_length=63)


class QuietSpanView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    days: tuple[str, ...]
    from_: str
    to: str


class QuietHoursView(msgspec.Struct, frozen=True):
    zone: str
    spans: tuple[QuietSpanView, ...]
    unless: Severity | None


class RecipientView(msgspec.Struct, frozen=True, kw_only=True):
    """Of an address that may hold a secret only the host is shown. `secret_at` is when his secret was made."""

    id: str
    name: str
    channel: _Channel
    address: str
    scope: str
    min_severity: Severity
    quiet_hours: QuietHoursView | None
    per_hour: int | None
    digest_ms: int | None
    secret_at: int | None
    created_at: int
    updated_at: int
    version: int


class NewRecipientView(RecipientView, frozen=True, kw_only=True):
    """`secret` is what verifies webhooks, null for other channels. It is shown this once."""

    secret: str | None


class RecipientsView(msgspec.Struct, frozen=True):
    items: tuple[RecipientView, ...]
    cursor: str | None


class RecipientOperations:
    def __init__(self, request: Request, recipients: ManageRecipients, cursors: Cursors) -> None:
        self._request = request
        self._recipients = recipients
        self._cursors = cursors

    @answers(RecipientsView)
    def list_recipients(self, limit: _Limit = 100, cursor: Cursor = None) -> Answer:
        """The recipients, by id."""
        who = self._request.who
        found, more = self._recipients.listed(limit, self._cursors.open(cursor, who, "list_recipients"))
        return answer(RecipientsView(tuple(map(_view, found)), self._cursors.close(more, who, "list_recipients")))

    @answers(NewRecipientView, status=201, etag=True, problems=("conflict",))
    def create_recipient(self, recipient: Annotated[NewRecipientBody, Body()]) -> Answer:
        """Make a recipient. The secret that signs his webhooks is shown once."""
        return _new(self._recipients.create(self._request.actor, recipient.id, recipient.wanted()), status=201)

    @answers(RecipientView, etag=True)
    def show_recipient(self, recipient: _Recipient) -> Answer:
        """A recipient, without his secret."""
        return _answer(self._recipients.show(recipient))

    @answers(RecipientView, etag=True)
    def replace_recipient(self, recipient: _Recipient, wanted: Annotated[RecipientBody, Body()]) -> Answer:
        """What is left out becomes what it is without being said; but without an `address` it stays."""
        version = self._request.if_match(required=True)
        return _answer(self._recipients.replace(self._request.actor, recipient, wanted.wanted(), version))

    @answers(None, status=204)
    def delete_recipient(self, recipient: _Recipient) -> Answer:
        """Delete a recipient. What is still to be told to him fails, and is listed so."""
        self._recipients.delete(self._request.actor, recipient, self._request.if_match())
        return nothing()

    @answers(NewRecipientView, etag=True, problems=("conflict",))
    def rotate_recipient_secret(self, recipient: _Recipient) -> Answer:
        """A new secret for webhooks, shown once. The one before signs as well for 24 hours."""
        return _new(self._recipients.rotate(self._request.actor, recipient))

    @answers(DeliveryView, status=202)
    def test_recipient(self, recipient: _Recipient) -> Answer:
        """Send a message that says it is a test, whatever the limits and quiet hours; the delivery says what comes."""
        return answer(delivery_view(self._recipients.test(self._request.actor, recipient)), status=202)


def _answer(recipient: Recipient) -> Answer:
    return answer(_view(recipient), etag=recipient.version)


def _new(made: WithSecret, status: int = 200) -> Answer:
    view = NewRecipientView(**_fields(made.recipient), secret=made.secret)
    return answer(view, status=status, etag=made.recipient.version)


def _view(recipient: Recipient) -> RecipientView:
    return RecipientView(**_fields(recipient))


def _fields(recipient: Recipient) -> dict[str, Any]:
    signs = recipient.channel is Channel.WEBHOOK
    return {
        "id": recipient.id,
        "name": recipient.name,
        "channel": recipient.channel.value,
        "address": masked(recipient.channel, recipient.address),
        "scope": recipient.scope,
        "min_severity": recipient.minimum,
        "quiet_hours": _quiet(recipient.quiet),
        "per_hour": recipient.per_hour,
        "digest_ms": recipient.digest_ms,
        "secret_at": (recipient.rotated_at or recipient.created_at) if signs else None,
        "created_at": recipient.created_at,
        "updated_at": recipient.updated_at,
        "version": recipient.version,
    }


def _quiet(quiet: QuietHours | None) -> QuietHoursView | None:
    if quiet is None:
        return None
    spans = (spelled_span(span) for span in quiet.spans)
    return QuietHoursView(quiet.zone, tuple(QuietSpanView(tuple(days), *times) for days, *times in spans), quiet.unless)
