"""What the engine was really given: which pass over a device was committed, with which messages of the script."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from functions.domain.engine.program import Program
from functions.domain.presence import Presence, Status
from functions.domain.state import DeviceState
from tests.simulation.oracle import Handled
from tests.simulation.script import Message
from tests.simulation.tables import Item, Key

_ONLINE = {Status.ONLINE: True, Status.OFFLINE: False, Status.UNKNOWN: None}


class Passes:
    """`whose` says which process runs. A pass counts once the state that it read is followed by what it made of it."""

    def __init__(self, messages: list[Message], whose: Callable[[], Any], now: Callable[[], float]) -> None:
        self.committed: dict[str, list[Handled]] = {}
        self.learned: dict[str, list[tuple[int, float]]] = {}
        """From when on each pass told something, in the time of the data, and when it was committed."""
        self.problems: list[str] = []
        self._messages = {message.key: message for message in messages}
        self._whose = whose
        self._now = now
        self._runs: WeakKeyDictionary[Any, dict[str, tuple[DeviceState, Handled]]] = WeakKeyDictionary()

    def watching(self) -> AbstractContextManager[Any]:
        run = Program.run

        def watched(program: Program, thing: str, state: DeviceState, inputs: Any, now: int | None, **more: Any) -> Any:
            given = list(inputs)
            presence: Presence = more.get("presence") or state.presence
            messages = tuple(
                (message, one.received_at)
                for one in given
                if (message := self._messages.get((thing, one.boot, one.seq))) is not None
            )
            rules = {one.id: one.version for one in program.compiled.values()}
            handled = Handled(messages, now, (_ONLINE[presence.status], presence.since), rules=rules)
            self._runs.setdefault(self._whose(), {})[thing] = (state, handled)
            return run(program, thing, state, given, now, **more)

        def cleared(program: Program, thing: str, state: DeviceState, rule: str, now: int, **more: Any) -> Any:
            self._runs.setdefault(self._whose(), {})[thing] = (state, Handled((), now, (None, None), rule))
            return reset(program, thing, state, rule, now, **more)

        reset = Program.reset
        return patch.multiple(Program, run=watched, reset=cleared)

    def wrote(self, key: Key, before: Item | None, after: Item | None) -> None:
        """A write to the table of states."""
        version = _version(before)
        if after is None or _version(after) == version:
            return
        thing = key[0].removeprefix("DEVICE#")
        new = _seen(after) - _seen(before)
        read, handled = self._runs.get(self._whose(), {}).pop(thing, (None, None))
        if handled is None or read is None or read.version != version:
            if new:
                self._passed_over(thing, new)
            return
        # The first of them may have been passed over: then the pass begins with a state that has them.
        first = {place for boot in read.boots for place in _of_boot(boot.boot, boot.high, boot.seen)} - _seen(before)
        if first:
            self._passed_over(thing, first)
            new -= first
        given = {(message.boot, message.seq) for message, _ in handled.messages}
        if given != new:
            self.problems.append(f"{thing}: its rules were given {sorted(given)}, where {sorted(new)} were new")
        for message, received_at in handled.messages:
            if received_at not in message.received:
                self.problems.append(f"{thing}: its rules were told that {message.key} was received at {received_at}")
        self._add(thing, handled)

    def _passed_over(self, thing: str, new: set[tuple[str, int]]) -> None:
        """Messages that were stored without a look at the rules, since nothing comes of them; nobody waits then."""
        before = self.committed.get(thing)
        known = [self._messages[place] for boot, seq in sorted(new) if (place := (thing, boot, seq)) in self._messages]
        messages = tuple((message, message.received[0]) for message in known)
        self._add(thing, Handled(messages, None, before[-1].online if before else (None, None)))

    def _add(self, thing: str, handled: Handled) -> None:
        known = self.committed.setdefault(thing, [])
        if handled.cleared is not None:
            known.append(handled._replace(online=known[-1].online if known else (None, None)))
            return
        told = [reading.ts for message, _ in handled.messages for reading in message.readings]
        if handled.online[1] is not None and not (known and known[-1].online == handled.online):
            told.append(handled.online[1])
        if told:
            self.learned.setdefault(thing, []).append((min(told), self._now()))
        known.append(handled)


def _version(item: Mapping[str, Any] | None) -> int:
    return int(item["version"]["N"]) if item and "version" in item else 0


def _seen(item: Mapping[str, Any] | None) -> set[tuple[str, int]]:
    if not item or "stream" not in item:
        return set()
    boots = [boot["M"] for boot in item["stream"]["L"]]
    return {
        place
        for boot in boots
        for place in _of_boot(boot["boot"]["S"], int(boot["high"]["N"]), int.from_bytes(boot["window"]["B"], "big"))
    }


def _of_boot(boot: str, high: int, window: int) -> Iterator[tuple[str, int]]:
    for behind in range(window.bit_length()):
        if window >> behind & 1:
            yield boot, high - behind
