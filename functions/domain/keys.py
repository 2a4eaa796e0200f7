"""Keys of machines: `flk_…` of an app, `fld_…` of a device. The secret is shown once; its SHA-256 is what is kept."""

import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec

from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.grants import Holder, within
from functions.errors import RequestError

MAX_AGE_MS: Final = 366 * 86_400_000
"""A key that nobody remembers ends by itself within a year."""
MIN_AGE_MS: Final = 60_000
KEEP_ENDED_MS: Final = 90 * 86_400_000
"""How long a key that has ended stays on the list."""
MAX_LIVE_DEVICE_KEYS: Final = 5
"""Of one device: enough to change one for the next."""

KEEP_LISTED: Final = 100
"""How many of a device's newest keys are looked through for those that are live."""

_ID_BYTES, _SECRET_BYTES = 10, 32
_PREFIXES: Final = {Kind.KEY: "flk", Kind.DEVICE: "fld"}
ID_PATTERN: Final = r"[a-z2-7]{16}"
_TEXT = re.compile(rf"(fl[kd])_({ID_PATTERN})_([A-Za-z0-9_-]{{43}})")
_ID = re.compile(ID_PATTERN)
_DAY_MS = 86_400_000

Entropy = Callable[[int], bytes]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored. `thing` is the device of a device's key; such a key holds no grants."""

    id: str
    kind: Kind
    name: str
    digest: str
    created_at: int
    created_by: str
    expires_at: int | None
    thing: str = ""
    grants: tuple[Grant, ...] = ()
    revoked_at: int | None = None
    used_day: int | None = None
    """The newest day of use, counted since the epoch: noted once a day, so that a call costs no write."""

    def live(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def holder(self) -> str:
        return key_holder(self.id)

    @property
    def forget_at(self) -> int | None:
        ends = [at for at in (self.revoked_at, self.expires_at) if at is not None]
        return min(ends) + KEEP_ENDED_MS if ends else None

    def principal(self, creator: Holder | None) -> Principal:
        """Who calls with it. An app's key can do no more than whoever made it can do now."""
        if self.kind is Kind.DEVICE:
            return Principal(f"device:{self.thing}", Kind.DEVICE, self.thing, (device_grant(self.thing),))
        held = creator.grants if creator else ()
        return Principal(self.holder, Kind.KEY, self.name, within(self.grants, held))


class KeyPage(msgspec.Struct, frozen=True):
    items: tuple[Key, ...]
    cursor: str | None


class Minted(msgspec.Struct, frozen=True):
    """A new key: `text` is for whoever asked for it, and nobody ever again."""

    id: str
    text: str
    digest: str


class Shown(msgspec.Struct, frozen=True):
    """What a caller shows as his key."""

    kind: Kind
    id: str
    digest: str


def key_holder(key: str) -> str:
    return f"key:{key}"


def device_grant(thing: str) -> Grant:
    return Grant(Role.DEVICE, f"device:{thing}")


def mint(kind: Kind, entropy: Entropy) -> Minted:
    key = b32encode(entropy(_ID_BYTES)).decode().lower()
    secret = urlsafe_b64encode(entropy(_SECRET_BYTES)).rstrip(b"=").decode()
    return Minted(key, f"{_PREFIXES[kind]}_{key}_{secret}", _digest(secret))


def read(text: str) -> Shown | None:
    """None for what is no key at all."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    kind = next(kind for kind, prefix in _PREFIXES.items() if prefix == found[1])
    return Shown(kind, found[2], _digest(found[3]))


def parse_key_id(text: str) -> str:
    """The id of a key, not the key; raises RequestError, which never shows what came: it may be one."""
    if not _ID.fullmatch(text):
        raise RequestError("key", "the id of a key: 16 of a-z and 2-7", f"{len(text)} characters")
    return text


def looks_like_one(text: str) -> bool:
    return text.startswith(tuple(f"{prefix}_" for prefix in _PREFIXES.values()))


def check_expiry(expires_at: int, now: int) -> None:
    if not now + MIN_AGE_MS <= expires_at <= now + MAX_AGE_MS:
        raise RequestError("expires_at", "a time in milliseconds, from a minute to a year from now", str(expires_at))


def day_of(now: int) -> int:
    return now // _DAY_MS


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
