"""What the engine keeps of a device, as bytes.

The head says all that is asked while nothing happens; what the rules remember is in its `rest`, encoded by itself, and
need not be looked at then. Both are arrays, so a newer release may add members at their ends and an older one passes
them over.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from contract.errors import shown
from contract.evaluation import ANYTHING
from contract.rules.lifecycle import RuleState
from contract.telemetry import Value
from functions.domain.engine.inputs import SURE
from functions.domain.engine.lag import NO_LAG, Lag
from functions.domain.engine.losses import Gap, Hour, HourlyLoss, Losses
from functions.domain.engine.order import Held, Place
from functions.domain.presence import Status
from functions.domain.state import DeviceState

VERSION: Final = 1
MAX_RULES_BYTES: Final = 24 * 1024
NEVER: Final = 2**63 - 1
NONE_SKIPPED: Final = -1
MAX_PASSED: Final = 24
"""So many hours may pass of a device whose messages are all passed over, before the rest must say what they were."""

Bounds: TypeAlias = Mapping[str, tuple[float, float]]


class Head(msgspec.Struct, array_like=True, gc=False):
    """`boot` goes on with `next`, and its newest message was sent at `sent`; nothing is held unless `quiet` is None.

    `received` counts messages of the hour that begins at `hour`, beside what the rest says of it, and `passed` those of
    earlier hours.

    `quiet` says, encoded, what need not be looked at (see Allowance) before `until` in the time of the data, which each
    sample moves away again, but never beyond `due`. Of samples that were passed over so, those of `latest` that are
    newer than `mark` are still to be shown to the rules. `last` is the time of the newest of all samples. `told` is in
    short what the rules know of presence and attributes. `revision` is that of the rules: whoever knows only an older
    one must not go on with it. `lag` is how far the device's clock is behind.
    """

    v: int = VERSION
    program: str = ""
    boot: str = ""
    next: int = 0
    sent: int = 0
    hour: int = 0
    received: int = 0
    due: int = NEVER
    until: int = NEVER
    mark: int = NONE_SKIPPED
    last: int = 0
    quiet: bytes | None = None
    rest: bytes = b""
    told: str = ""
    revision: int = 0
    passed: tuple[tuple[int, int], ...] = ()
    lag: Lag = NO_LAG


class Allowance(msgspec.Struct, frozen=True, array_like=True):
    """What may be skipped: of each metric a number within an open interval, if no metric of `silences` is missing.

    Those must come again within so many ms each; ANYTHING among them is any metric.
    """

    bounds: Bounds
    silences: Mapping[str, int] = {}


class Running(msgspec.Struct, array_like=True):
    """A rule that has begun. Of its active alarm: its number, the step that it is at, and the rule's title then.

    `allowance` is that of the rule alone, before `due`; None where it must see every sample.
    `skipped` are the last samples that were, still to be looked at.
    """

    rule: str
    version: int
    fingerprint: str
    state: RuleState
    number: int = 0
    step: int = 0
    title: str = ""
    allowance: Allowance | None = None
    due: int = NEVER
    skipped: dict[str, tuple[int, Value | None]] = {}


class Rest(msgspec.Struct, array_like=True):
    """`places` are the boots that do not go on. `refused` are rules that there was no room for.

    `presence` and, by their names, attributes and presence in `known` are what the rules were last told, each with the
    time that it was told for.
    """

    places: tuple[Place, ...] = ()
    held: tuple[Held, ...] = ()
    hours: tuple[Hour, ...] = ()
    gaps: tuple[Gap, ...] = ()
    running: tuple[Running, ...] = ()
    presence: tuple[Status, int | None] = (Status.UNKNOWN, None)
    known: dict[str, tuple[int, Value | None]] = {}
    refused: tuple[str, ...] = ()


class _Hours(msgspec.Struct, array_like=True):
    """The beginning of a Rest, with the members before its hours as they lie there: nobody needs them for a count."""

    places: msgspec.Raw = msgspec.Raw()
    held: msgspec.Raw = msgspec.Raw()
    hours: tuple[Hour, ...] = ()


_head = msgspec.msgpack.Decoder(Head)
_rest = msgspec.msgpack.Decoder(Rest)
_hours = msgspec.msgpack.Decoder(_Hours)
_quiet = msgspec.msgpack.Decoder(Allowance)
encode = msgspec.msgpack.Encoder().encode


def head_of(state: DeviceState) -> Head | None:
    """None for a device that has none yet. Raises ValueError for bytes that no release wrote."""
    if not state.rules:
        return None
    try:
        head = _head.decode(state.rules)
    except msgspec.DecodeError as exc:
        raise ValueError(f"the state of a device's rules cannot be read: {exc}") from exc
    if head.v != VERSION:
        raise ValueError(f"expected the state of a device's rules in version {VERSION}, got {shown(head.v)}")
    return head


def rest_of(head: Head) -> Rest:
    try:
        return _rest.decode(head.rest) if head.rest else Rest()
    except msgspec.DecodeError as exc:
        raise ValueError(f"the state of a device's rules cannot be read: {exc}") from exc


def settled(state: DeviceState) -> bytes:
    """The same with the samples that were passed over for all rules noted for each, so that `latest` may move on."""
    opened = open_rules(state)
    if opened is None:
        return state.rules
    head, rest = opened
    head.rest = encode(rest)
    return encode(head)


def open_rules(state: DeviceState) -> tuple[Head, Rest] | None:
    """The same to work with: None for a device that has none yet."""
    head = head_of(state)
    if head is None:
        return None
    rest = rest_of(head)
    if head.mark == NONE_SKIPPED:
        return head, rest
    newest = {metric: one for metric, one in state.latest.items() if one.ts > head.mark and one.q in SURE}
    heard = max((one.ts for one in newest.values()), default=None)
    for rule in rest.running:
        # A metric that a rule asks for was passed over only within the bounds of that rule.
        for metric in rule.allowance.bounds if rule.allowance is not None else ():
            if (one := newest.get(metric)) is not None:
                rule.skipped[metric] = (one.ts, one.value)
        if heard is not None:
            rule.skipped[ANYTHING] = (heard, True)
    head.mark = NONE_SKIPPED
    return head, rest


def allowance_of(quiet: bytes) -> Allowance:
    return _quiet.decode(quiet)


def losses(state: DeviceState, since: int = 0) -> tuple[HourlyLoss, ...]:
    """The last two days in which a device was heard, the oldest hour first; of hours that begin at `since` or later.

    Raises ValueError for bytes that no release wrote.
    """
    head = head_of(state)
    if head is None:
        return ()
    try:
        kept = _hours.decode(head.rest).hours if head.rest else ()
    except msgspec.DecodeError as exc:
        raise ValueError(f"the state of a device's rules cannot be read: {exc}") from exc
    hours = _with_passed(head, Losses(one for one in kept if one.hour >= since)).hours
    return tuple(
        HourlyLoss(hour=one.hour, received=one.received, duplicates=one.duplicates, late=one.late, lost=one.lost)
        for one in hours
        if one.hour >= since
    )


def counted(head: Head, rest: Rest) -> Losses:
    """All counts of a device, with those of messages that were passed over."""
    return _with_passed(head, Losses(rest.hours, rest.gaps))


def _with_passed(head: Head, losses: Losses) -> Losses:
    for hour, received in (*head.passed, (head.hour, head.received)):
        if received:
            losses.received(hour, received)
    return losses
