"""In which order the rules of a device see its messages.

Messages of one start of the agent, a *boot*, are numbered from 0. The next one is ready at once. One behind a gap is
held until the gap is filled or the hold is over: `hold_ms` after its receipt, as a later message or a tick shows. Then
order goes on behind the gap, and what comes of it afterwards is late. The first message of another boot is held too,
since the boot before may have stragglers; not that of a device's first one.

Boots come after one another by the time at which their messages were sent, as the device's clock says, though no
message was sent after it was received. One of another boot that is older than what was ready before is late: a backlog
of earlier boots does not take the place of the one that is alive, and that one comes back whatever happened.

The result is the same for any order within the hold, any repetition and any split into passes, as long as the clock of
a device does not run back between two boots.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from contract.models import DEFAULT_LATENESS_MS
from functions.domain.engine.inputs import Input, Values
from functions.domain.engine.lag import NO_LAG, Lag, heard, step_ms
from functions.domain.engine.losses import Losses

MAX_BOOTS: Final = 8
MAX_HELD: Final = 64
MAX_HELD_BYTES: Final = 16 * 1024
"""Of their samples, encoded."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[tuple[int, dict[str, float | bool | str | None]], ...]).decode


class Place(msgspec.Struct, array_like=True):
    """How far a boot is: `next` is the number that is ready next."""

    boot: str
    next: int = 0


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A message that waits, with its samples encoded; `first` is the time of the oldest."""

    boot: str
    seq: int
    sent: int
    received_at: int
    first: int
    samples: bytes

    def input(self) -> Input:
        samples: tuple[tuple[int, Values], ...] = _decode(self.samples)
        return Input(self.boot, self.seq, self.sent, self.received_at, samples)


class Order:
    """The order of a device's messages, at work.

    `places`, of which the last goes on, `sent`, `held` and `lag` are its state. `sent` is when the newest message that
    was ready was sent. `lag` is how far the device's clock is behind, at most `lateness_ms`: what is older than
    that no rule sees.
    """

    def __init__(
        self,
        losses: Losses,
        hold_ms: int,
        *,
        places: Iterable[Place] = (),
        sent: int = 0,
        held: Iterable[Held] = (),
        lag: Lag = NO_LAG,
        lateness_ms: int = DEFAULT_LATENESS_MS,
    ) -> None:
        self.places = list(places)
        self.sent = sent
        self.held = list(held)
        self.lag = lag
        self._lateness_ms = lateness_ms
        self._losses = losses
        self._hold_ms = hold_ms
        self._held_bytes = sum(len(one.samples) for one in self.held)
        self._ready: list[Input] = []

    @property
    def due(self) -> int | None:
        """When the next message is let go, if the gap before it is not filled."""
        return min(one.received_at for one in self.held) + self._hold_ms if self.held else None

    @property
    def known_until(self) -> int | None:
        """The time of the oldest sample that is held: nothing may be concluded of later times before it is let go."""
        return min((one.first for one in self.held), default=None)

    def take(self, inputs: Iterable[Input], now: int | None = None) -> list[Input]:
        """Messages that came together, in whatever order; then, if given, the time it is. Returns what is ready."""
        for one in sorted(inputs, key=lambda one: (one.received_at, one.sent, one.seq)):
            self._let_go(one.received_at)
            self._hear(one)
            self._place(one)
        if now is not None:
            self._let_go(now)
        ready, self._ready = self._ready, []
        return ready

    def _hear(self, one: Input) -> None:
        """What the newest messages tell of the clock; older ones only waited."""
        if _sent(one) >= max([self.sent, *map(_sent, self.held)]):
            step = step_ms(self._hold_ms)
            self.lag = heard(self.lag, one.received_at, one.sent, step=step, most=self._lateness_ms)

    def _let_go(self, now: int) -> None:
        while (due := self.due) is not None and due <= now:
            self._go_on_behind(min(self.held, key=lambda one: one.received_at))

    def _place(self, one: Input) -> None:
        if not self.places:
            self.places.append(Place(one.boot))
        current = self.places[-1]
        if one.boot != current.boot:
            if _sent(one) < self.sent:
                self._pass_by(one)
            else:
                self._hold(one)
        elif one.seq < current.next:
            self._losses.received(one.received_at)
            self._losses.late(one.boot, one.seq, one.received_at)
        elif one.seq == current.next:
            self._losses.received(one.received_at)
            self._is_ready(one)
            self._fill()
        else:
            self._hold(one)

    def _pass_by(self, one: Input) -> None:
        """Remembered, so that a boot which goes on after all is not thought to have lost it."""
        self._losses.received(one.received_at)
        self._losses.late(one.boot, one.seq, one.received_at)
        place = self._known(one.boot)
        if place is None:
            self.places.insert(-1, Place(one.boot, one.seq + 1))
            del self.places[:-MAX_BOOTS]
        else:
            place.next = max(place.next, one.seq + 1)

    def _hold(self, one: Input) -> None:
        if any((other.boot, other.seq) == (one.boot, one.seq) for other in self.held):
            return
        self._losses.received(one.received_at)
        samples = _encode(one.samples)
        first = one.samples[0][0] if one.samples else one.received_at
        self.held.append(Held(one.boot, one.seq, one.sent, one.received_at, first, samples))
        self._held_bytes += len(samples)
        while len(self.held) > MAX_HELD or self._held_bytes > MAX_HELD_BYTES:
            self._go_on_behind(self._in_order()[0])

    def _go_on_behind(self, last: Held) -> None:
        """Give up what is missing before a message that is held, and before those that come before it."""
        while last in self.held:
            self._take_out(self._in_order()[0])
            self._fill()

    def _fill(self) -> None:
        """Go on with what is held as long as nothing is missing."""
        current = self.places[-1]
        while (found := next((one for one in self.held if self._follows(one, current)), None)) is not None:
            self._take_out(found)

    @staticmethod
    def _follows(one: Held, current: Place) -> bool:
        return one.boot == current.boot and one.seq <= current.next

    def _take_out(self, one: Held) -> None:
        self.held.remove(one)
        self._held_bytes -= len(one.samples)
        current = self.places[-1]
        if one.boot != current.boot:
            current = self._known(one.boot) or Place(one.boot)
            self.places = [*(place for place in self.places if place is not current), current][-MAX_BOOTS:]
        if one.seq < current.next:
            self._losses.late(one.boot, one.seq, one.received_at)
            return
        if one.seq > current.next:
            self._losses.lost(one.boot, current.next, one.seq - 1, one.received_at)
        self._is_ready(one.input())

    def _is_ready(self, one: Input) -> None:
        self.places[-1].next = one.seq + 1
        self.sent = max(self.sent, _sent(one))
        self._ready.append(one)

    def _known(self, boot: str) -> Place | None:
        return next((place for place in self.places if place.boot == boot), None)

    def _in_order(self) -> list[Held]:
        """First what the boot that goes on still waits with, then the other boots."""
        current = self.places[-1].boot
        began: dict[str, int] = {}
        for one in self.held:
            began[one.boot] = min(began.get(one.boot, one.received_at), _sent(one))
        return sorted(self.held, key=lambda one: (one.boot != current, began[one.boot], one.boot, one.seq))


def _sent(one: Input | Held) -> int:
    """A clock that runs ahead must not hold up the boots that come after it."""
    return min(one.sent, one.received_at)
