"""What nothing could handle: looked at, and moved back to where it came from once the reason is mended.

A message is put into its queue before it is taken from the dead letters, so that nothing is lost; whoever dies in
between leaves it in both, and its consumer, which is used to messages that come twice, does it once.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from functions.domain.access import Permission, Principal, Target, demand
from functions.domain.audit import Actor, Note
from functions.domain.dead_letters import Depth, Described, described, forward
from functions.ports.clock import Clock
from functions.ports.dead_letters import DeadLetters, Taken
from functions.ports.logs import Journal

MAX_PEEKED: Final = 50
MAX_NAMED: Final = 100
REPLAY_MS: Final = 15_000
"""No further messages are taken later: with a last call it fits into the time that API Gateway waits."""
_AT_ONCE: Final = 10
_PEEK_S: Final = 10
_MOVE_S: Final = 60
_MAX_REFUSED: Final = 50


class Refused(msgspec.Struct, frozen=True):
    id: str
    why: str


class Moved(msgspec.Struct, frozen=True):
    """`missing` were named and not found. `done`: nothing is left of what was to be moved when it began.

    `refused` cannot go back, and stay; of many the first ones.
    """

    moved: int
    refused: tuple[Refused, ...]
    missing: tuple[str, ...]
    left: int
    done: bool


class ManageDeadLetters:
    def __init__(self, letters: DeadLetters, journal: Journal, clock: Clock) -> None:
        self._letters = letters
        self._journal = journal
        self._clock = clock

    def queues(self, who: Principal) -> list[Depth]:
        """Raises ForbiddenError, DeadLettersError."""
        demand(who, Permission.DLQ_READ, Target())
        return self._letters.depths(self._letters.names())

    def peek(self, who: Principal, name: str, limit: int) -> tuple[Depth, list[Described]]:
        """Some of them, oldest first, left where they are. Raises ForbiddenError, NotFoundError, DeadLettersError."""
        demand(who, Permission.DLQ_READ, Target())
        taken: list[Taken] = []
        try:
            while len(taken) < min(limit, MAX_PEEKED):
                some = self._letters.take(name, min(limit, MAX_PEEKED) - len(taken), _PEEK_S)
                if not some:
                    break
                taken += some
        finally:
            self._letters.give_back(name, taken)
        (depth,) = self._letters.depths([name])
        found = {one.letter.id: one.letter for one in taken}
        return depth, [described(name, letter) for letter in sorted(found.values(), key=lambda letter: letter.sent_at)]

    def replay(self, actor: Actor, name: str, named: Sequence[str] | None) -> Moved:
        """Move all messages back that are there now, or these, for some seconds at most.

        Raises ForbiddenError, NotFoundError, DeadLettersError, AuditError.
        """
        demand(actor.principal, Permission.DLQ_WRITE, Target())
        self._letters.has_source(name)  # raises for a name that is none
        asked = {"messages": "all" if named is None else list(named)}
        self._journal.record(self._note(actor, "dlq.replay", name, asked))
        move = _Move(self._letters, name, None if named is None else frozenset(named), self._clock)
        move.run()
        (depth,) = self._letters.depths([name])
        moved = Moved(
            move.moved,
            tuple(move.refused[:_MAX_REFUSED]),
            tuple(sorted(move.missing)) if move.done else (),
            depth.waiting + depth.hidden,
            move.done,
        )
        self._journal.record(self._note(actor, "dlq.replayed", name, {"moved": moved.moved, "left": moved.left}))
        return moved

    def _note(self, actor: Actor, action: str, name: str, after: dict[str, Any]) -> Note:
        return Note(
            actor=actor, action=action, subject_kind="dlq", subject_id=name, at=self._clock.now_ms(), after=after
        )


class _Move:
    """One run through a queue. What is looked at stays hidden until the end, so that each message comes once."""

    def __init__(self, letters: DeadLetters, name: str, wanted: frozenset[str] | None, clock: Clock) -> None:
        self._letters = letters
        self._name = name
        self._wanted = wanted
        self._clock = clock
        self._began = clock.now_ms()
        self._sources = {one for one in letters.names() if letters.has_source(one)}
        self._aside: list[Taken] = []
        self.missing: set[str] = set(wanted or ())
        self.moved = 0
        self.refused: list[Refused] = []
        self.done = False

    def run(self) -> None:
        try:
            for some in self._taken():
                self._move([one for one in some if self._is_meant(one)])
        finally:
            self._letters.give_back(self._name, self._aside)

    def _taken(self) -> Iterator[list[Taken]]:
        while self._clock.now_ms() < self._began + REPLAY_MS:
            some = self._letters.take(self._name, _AT_ONCE, _MOVE_S)
            if not some:
                self.done = True
                return
            yield some
            if self._wanted is not None and not self.missing:
                self.done = True
                return

    def _is_meant(self, one: Taken) -> bool:
        # What was sent since then may be what was moved and failed again: it waits for the next time.
        meant = one.letter.id in self._wanted if self._wanted is not None else one.letter.sent_at <= self._began
        if not meant:
            self._aside.append(one)
        self.missing.discard(one.letter.id)
        return meant

    def _move(self, some: Sequence[Taken]) -> None:
        bodies: dict[str, dict[str, str]] = {}
        by_id = {one.letter.id: one for one in some}
        for id_, one in by_id.items():
            going = forward(self._name, one.letter)
            if isinstance(going, str):
                self._refuse(one, going)
            elif going.name not in self._sources:
                self._refuse(one, f"it comes from no queue that it could go back to, but from {going.name}")
            else:
                bodies.setdefault(going.name, {})[id_] = going.body
        for target, of_target in bodies.items():
            failed = self._letters.send(target, of_target)
            for id_ in failed:
                self._refuse(by_id[id_], "its queue did not take it")
            sent = [by_id[id_] for id_ in of_target if id_ not in failed]
            self._letters.remove(self._name, sent)
            self.moved += len(sent)

    def _refuse(self, one: Taken, why: str) -> None:
        self._aside.append(one)
        self.refused.append(Refused(one.letter.id, why))
