"""Queues of dead letters in memory, with the queues that they come from. Time goes by `clock`, for what is hidden."""

from collections.abc import Mapping, Sequence
from itertools import count

import msgspec

from functions.domain.dead_letters import Depth, Letter
from functions.errors import DeadLettersError, NotFoundError
from functions.ports.clock import Clock
from functions.ports.dead_letters import Taken

_AT_ONCE = 10


class MemoryDeadLetters:
    """`letters` and `sent` are by name; a queue in `no_source` gets its messages from nowhere."""

    def __init__(self, clock: Clock, names: Sequence[str], no_source: Sequence[str] = ()) -> None:
        self._clock = clock
        self.letters: dict[str, list[Letter]] = {name: [] for name in names}
        self.sent: dict[str, list[str]] = {name: [] for name in names if name not in no_source}
        self._hidden_until: dict[tuple[str, str], int] = {}
        self._receipts = count()
        self._taken: dict[str, str] = {}

    def add(self, name: str, letter: Letter) -> None:
        self.letters[name].append(letter)

    def names(self) -> Sequence[str]:
        return sorted(self.letters)

    def depths(self, names: Sequence[str]) -> list[Depth]:
        found = []
        for name in names:
            visible = self._visible(name)
            oldest = min((one.sent_at for one in visible), default=None)
            hidden = len(self.letters[name]) - len(visible)
            found.append(Depth(name, len(visible), hidden, oldest, self.has_source(name)))
        return found

    def has_source(self, name: str) -> bool:
        self._check(name)
        return name in self.sent

    def take(self, name: str, most: int, hidden_s: int) -> list[Taken]:
        taken = []
        for letter in self._visible(name)[: min(most, _AT_ONCE)]:
            receipt = f"receipt-{next(self._receipts)}"
            self._hidden_until[name, letter.id] = self._clock.now_ms() + hidden_s * 1000
            self._taken[receipt] = letter.id
            received = msgspec.structs.replace(letter, receives=letter.receives + 1)
            self.letters[name] = [received if one.id == letter.id else one for one in self.letters[name]]
            taken.append(Taken(received, receipt))
        return taken

    def give_back(self, name: str, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._hidden_until.pop((name, one.letter.id), None)

    def remove(self, name: str, taken: Sequence[Taken]) -> None:
        gone = {self._taken.pop(one.receipt, None) for one in taken}
        self.letters[name] = [one for one in self.letters[name] if one.id not in gone]

    def send(self, name: str, bodies: Mapping[str, str]) -> frozenset[str]:
        if not self.has_source(name):
            raise DeadLettersError(f"the dead letters of {name} come from no queue")
        self.sent[name] += bodies.values()
        return frozenset()

    def _visible(self, name: str) -> list[Letter]:
        self._check(name)
        now = self._clock.now_ms()
        return [one for one in self.letters[name] if self._hidden_until.get((name, one.id), 0) <= now]

    def _check(self, name: str) -> None:
        if name not in self.letters:
            raise NotFoundError(f"there is no queue of dead letters {name!r}")
