"""What the functions `alarms`, `actions` and `backtests` have to do: messages in a queue of each, at least once, in any
order.

Whatever a message asks for is looked up when it is done, so that one which comes twice, late or not at all changes
nothing that the next sweep would not put right.
"""

from typing import Final, TypeVar

import msgspec

from functions.errors import QueueMessageError

TICKS_S: Final = (0, 20, 40)
"""Within the minute between two beats of the schedule, which are no closer."""

VERSION: Final = 1


class _Work(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    v: int = VERSION


class Tick(_Work, frozen=True, kw_only=True, tag="tick"):
    """A minute has begun. The functions `alarms` and `actions` hear of it."""


class SweepTimers(_Work, frozen=True, kw_only=True, tag="sweep_timers"):
    """Evaluate the devices whose timers are due; with `shard`, on in it behind `after`, up to `until`."""

    shard: str | None = None
    until: int | None = None
    after: str | None = None


class Wake(_Work, frozen=True, kw_only=True, tag="wake"):
    """Evaluate one device now: its presence, its attributes or what applies to it has changed."""

    thing: str


class Refresh(_Work, frozen=True, kw_only=True, tag="refresh"):
    """Evaluate every device of a scope, as rules spell scopes, from those behind `after` on.

    Sent late enough that no process goes by the rules of before any more: an alarm that one of them would raise anew
    is cleared by nobody, if the device never sends again.
    """

    scope: str
    reason: str = ""
    after: str | None = None


AlarmsWork = Tick | SweepTimers | Wake | Refresh


class Act(_Work, frozen=True, kw_only=True, tag="act"):
    """Do what is to be done about one transition, which stands in the outbox until it is planned."""

    thing: str
    number: int
    step: int


class Deliver(_Work, frozen=True, kw_only=True, tag="deliver"):
    """One attempt at a delivery."""

    id: str


class SweepOutbox(_Work, frozen=True, kw_only=True, tag="sweep_outbox"):
    """Act on the transitions that nobody was told of; with `shard`, on in it behind `after`, up to `until`."""

    shard: str | None = None
    until: int | None = None
    after: str | None = None


class SweepDeliveries(_Work, frozen=True, kw_only=True, tag="sweep_deliveries"):
    """Go on with the deliveries, escalations and digests that are due; with `shard`, as `SweepOutbox`."""

    shard: str | None = None
    until: int | None = None
    after: str | None = None


ActionsWork = Tick | Act | Deliver | SweepOutbox | SweepDeliveries


class Backtest(_Work, frozen=True, kw_only=True, tag="backtest"):
    """Run a backtest that somebody asked for. In a queue of its own: sweeps must not wait behind it."""

    id: str


_AnyWork = TypeVar("_AnyWork", bound=_Work)
_encoder = msgspec.json.Encoder()
_alarms: msgspec.json.Decoder[AlarmsWork] = msgspec.json.Decoder(AlarmsWork)
_actions: msgspec.json.Decoder[ActionsWork] = msgspec.json.Decoder(ActionsWork)
_backtests = msgspec.json.Decoder(Backtest)


def encode(work: AlarmsWork | ActionsWork | Backtest) -> str:
    return _encoder.encode({"v": VERSION, **msgspec.to_builtins(work)}).decode()


def decode_alarms(body: bytes | str) -> AlarmsWork:
    """Raises QueueMessageError for a body that is no work of the alarms function, or of another version."""
    return _decode(_alarms, body, "alarms")


def decode_actions(body: bytes | str) -> ActionsWork:
    """Raises QueueMessageError for a body that is no work of the actions function, or of another version."""
    return _decode(_actions, body, "actions")


def decode_backtest(body: bytes | str) -> Backtest:
    """Raises QueueMessageError for a body that is no work of the backtests function, or of another version."""
    return _decode(_backtests, body, "backtests")


def _decode(decoder: "msgspec.json.Decoder[_AnyWork]", body: bytes | str, function: str) -> _AnyWork:
    try:
        work = decoder.decode(body)
    except msgspec.DecodeError as exc:
        raise QueueMessageError(f"expected work of the {function} function: {exc}") from exc
    if work.v != VERSION:
        raise QueueMessageError(f"expected work of version {VERSION}, got {work.v}")
    return work
