"""What the commands function has to do besides hearing devices, as messages to itself. At least once, in any order."""

from typing import Final

import msgspec

from functions.errors import QueueMessageError

ONLINE: Final = "device_online"
"""The kind of the internal event that a device has come back; `at` is when it connected."""
WAITING: Final = "command_waiting"
"""… that a device has a command to be sent."""
TICKS_S: Final = (0, 20, 40)
"""Within the minute between two beats of the schedule, which are no closer."""

VERSION: Final = 1


class _Work(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    v: int = VERSION


class Tick(_Work, frozen=True, kw_only=True, tag="tick"):
    """A minute has begun."""


class Sweep(_Work, frozen=True, kw_only=True, tag="sweep"):
    """Look at what is due; with `shard`, on in it behind `after`, up to `until`."""

    shard: str | None = None
    until: int | None = None
    after: str | None = None


class SendBulk(_Work, frozen=True, kw_only=True, tag="send_bulk"):
    """Go on with the devices behind `after`: the registry's cursor, or a position among those that are named."""

    bulk: str
    after: str | None = None


class CancelBulk(_Work, frozen=True, kw_only=True, tag="cancel_bulk"):
    """Cancel what was not sent, from the rows behind `after` on."""

    bulk: str
    after: str | None = None


Work = Tick | Sweep | SendBulk | CancelBulk

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Work] = msgspec.json.Decoder(Work)


def encode(work: Work) -> str:
    return _encoder.encode({"v": VERSION, **msgspec.to_builtins(work)}).decode()


def decode(body: bytes | str) -> Work:
    """Raises QueueMessageError for a body that is none of these, or of another version."""
    try:
        work = _decoder.decode(body)
    except msgspec.DecodeError as exc:
        raise QueueMessageError(f"expected work of the commands function: {exc}") from exc
    if work.v != VERSION:
        raise QueueMessageError(f"expected work of version {VERSION}, got {work.v}")
    return work
