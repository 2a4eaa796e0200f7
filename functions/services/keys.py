"""Keys of apps and devices: made by people, shown once, revoked at any time."""

from collections.abc import Sequence
from typing import NamedTuple

from functions.domain.access import Grant, Kind, Permission, Principal, Target, demand
from functions.domain.audit import Actor, Note
from functions.domain.grants import grant_set, within
from functions.domain.keys import (
    KEEP_LISTED,
    MAX_LIVE_DEVICE_KEYS,
    Entropy,
    Key,
    KeyPage,
    check_expiry,
    mint,
)
from functions.errors import ConflictError, ForbiddenError, NotFoundError
from functions.ports.clock import Clock
from functions.ports.people import Keys
from functions.services.gate import Gate
from functions.services.grants import shown
from functions.services.whois import WhoIs


class NewKey(NamedTuple):
    """`text` is the key itself: nobody can show it again."""

    key: Key
    text: str


class ManageKeys:
    def __init__(self, keys: Keys, gate: Gate, whois: WhoIs, entropy: Entropy, clock: Clock) -> None:
        self._keys = keys
        self._gate = gate
        self._whois = whois
        self._entropy = entropy
        self._clock = clock

    def create(self, actor: Actor, name: str, grants: Sequence[Grant], expires_at: int) -> NewKey:
        """Raises ForbiddenError for grants beyond those of whoever asks."""
        now = self._clock.now_ms()
        check_expiry(expires_at, now)
        wanted = grant_set(grants)
        maker = self._person(actor, now)
        demand(maker, Permission.KEYS_WRITE, Target())
        if within(wanted, maker.grants) != wanted:
            raise ForbiddenError("a key can do no more than whoever makes it")
        return self._new(actor, Kind.KEY, name, now, expires_at, grants=wanted)

    def show(self, key: str) -> Key:
        found = self._keys.find(key)
        if found is None or found.kind is not Kind.KEY:
            raise _no_key()
        return found

    def page(self, limit: int, cursor: str | None) -> KeyPage:
        return self._keys.page("", limit, cursor)

    def revoke(self, actor: Actor, key: str) -> None:
        """Idempotent."""
        self._revoke(actor, self.show(key))

    def create_for_device(self, actor: Actor, thing: str, name: str, expires_at: int | None) -> NewKey:
        """Raises ConflictError where the device has too many that are live, or is decommissioned."""
        device = self._gate.device(actor.principal, Permission.DEVICE_KEYS_WRITE, thing)
        if device.decommissioned:
            raise ConflictError(f"device {thing!r} is decommissioned: a key of it would be refused")
        now = self._clock.now_ms()
        if expires_at is not None:
            check_expiry(expires_at, now)
        # A key outlives the half minute for which the gateway remembers a grant that was taken away.
        demand(self._person(actor, now), Permission.DEVICE_KEYS_WRITE, Target(thing, device.group))
        live = [key for key in self._keys.page(thing, KEEP_LISTED, None).items if key.live(now)]
        if len(live) >= MAX_LIVE_DEVICE_KEYS:
            raise ConflictError(f"{thing} has {len(live)} keys that are good: revoke one first")
        return self._new(actor, Kind.DEVICE, name, now, expires_at, thing=thing)

    def page_of_device(self, who: Principal, thing: str, limit: int, cursor: str | None) -> KeyPage:
        self._gate.device(who, Permission.DEVICE_KEYS_READ, thing)
        return self._keys.page(thing, limit, cursor)

    def revoke_of_device(self, actor: Actor, thing: str, key: str) -> None:
        """Idempotent."""
        self._gate.device(actor.principal, Permission.DEVICE_KEYS_WRITE, thing)
        found = self._keys.find(key)
        if found is None or found.thing != thing or found.kind is not Kind.DEVICE:
            raise _no_key()
        self._revoke(actor, found)

    def _person(self, actor: Actor, now: int) -> Principal:
        if actor.principal.kind is not Kind.USER:
            raise ForbiddenError("only a person may make a key, no key")
        return self._whois.again(actor.principal, now).principal

    def _new(
        self,
        actor: Actor,
        kind: Kind,
        name: str,
        now: int,
        expires_at: int | None,
        *,
        grants: tuple[Grant, ...] = (),
        thing: str = "",
    ) -> NewKey:
        minted = mint(kind, self._entropy)
        key = Key(
            id=minted.id,
            kind=kind,
            name=name,
            digest=minted.digest,
            created_at=now,
            created_by=actor.principal.id,
            expires_at=expires_at,
            thing=thing,
            grants=grants,
        )
        self._keys.add(key, self._note(actor, "create", key, now, after=_described(key)))
        return NewKey(key, minted.text)

    def _revoke(self, actor: Actor, key: Key) -> None:
        now = self._clock.now_ms()
        if key.revoked_at is None:
            self._keys.revoke(key, now, self._note(actor, "revoke", key, now, before=_described(key)))

    def _note(
        self,
        actor: Actor,
        verb: str,
        key: Key,
        now: int,
        *,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
    ) -> Note:
        # A device's key is a change of the device, and so stands in the device's audit.
        of_device = key.kind is Kind.DEVICE
        return Note(
            actor=actor,
            action=f"device.key.{verb}" if of_device else f"key.{verb}",
            subject_kind="device" if of_device else "key",
            subject_id=key.thing if of_device else key.id,
            at=now,
            before=before,
            after=after,
        )


def _described(key: Key) -> dict[str, object]:
    return {"id": key.id, "name": key.name, "expires_at": key.expires_at, **shown(key.grants)}


def _no_key() -> NotFoundError:
    return NotFoundError("there is no such key")
