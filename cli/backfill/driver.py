"""Has pieces copied, several at once, and writes down each slice before the next one of its piece is asked for."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from msgspec.structs import replace

from cli.backfill.function import AgainError
from cli.backfill.journal import Journal
from cli.backfill.planning import Move, Plan, plan
from cli.errors import CliError, ServerFaultError
from contract.backfill import MAX_SLICE_POINTS, Answer, Copied, CopyRequest, Listing, PlanRequest, Position, Request

ATTEMPTS = 9
LEAST_POINTS = 1000
GIVE_UP_AFTER = 3
"""Pieces that fail one after another, and none between them that does not: then it is not the pieces."""

Ask = Callable[[Request], Answer]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Waits between attempts: exponential, capped and jittered."""

    attempts: int = ATTEMPTS
    base_s: float = 0.5
    cap_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def wait(self, attempt: int) -> None:
        self.sleep((0.5 + self.chance() / 2) * min(self.cap_s, self.base_s * 2**attempt))


@dataclass(frozen=True)
class Failure:
    """A piece that is not done, and why."""

    piece: int
    error: CliError


_Task = tuple[int, CopyRequest]
_Result = tuple[int, Copied | BaseException]


def make_plan(ask: Ask, move: Move, journal: Journal, patience: Patience) -> Plan:
    """Asks for what the journal does not hold already. Raises CliError."""
    while not journal.is_planned:
        cursor = journal.listings[-1].cursor if journal.listings else None
        journal.planned(list_page(ask, move, cursor, patience))
    return plan(move, journal.listings)


def list_page(ask: Ask, move: Move, cursor: str | None, patience: Patience) -> Listing:
    """Raises CliError."""
    request = PlanRequest(source=move.source, target=move.target, since=move.since, until=move.until, cursor=cursor)
    try:
        answer = _patiently(lambda _: ask(request), patience)
    except AgainError as exc:
        raise exc.cause from exc
    if not isinstance(answer, Listing):
        raise ServerFaultError("The function answered a question for a plan with something else.")
    return answer


class Driver:
    """`told` hears of every slice once it is written down, and whether its piece is done with it."""

    def __init__(
        self,
        ask: Ask,
        move: Move,
        whole: Plan,
        journal: Journal,
        *,
        parallel: int,
        patience: Patience,
        told: Callable[[int, Copied], None],
    ) -> None:
        self._ask = ask
        self._move = move
        self._plan = whole
        self._journal = journal
        self._parallel = parallel
        self._patience = patience
        self._told = told
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._results: SimpleQueue[_Result] = SimpleQueue()

    def run(self) -> list[Failure]:
        """The pieces that could not be copied. Raises CliError where no piece can be: what is done stays written."""
        # Not a pool: who presses Ctrl-C does not wait for the answers to what was asked.
        for _ in range(self._parallel):
            threading.Thread(target=self._work, daemon=True).start()
        try:
            return self._drive()
        finally:
            for _ in range(self._parallel):
                self._tasks.put(None)

    def _drive(self) -> list[Failure]:
        positions = self._journal.positions
        waiting = deque(at for at in range(len(self._plan.pieces)) if positions.get(at, Position()) is not None)
        failures: list[Failure] = []
        in_a_row = in_flight = 0
        while waiting or in_flight:
            while waiting and in_flight < self._parallel:
                self._tasks.put(self._task(waiting.popleft()))
                in_flight += 1
            piece, result = self._results.get()
            in_flight -= 1
            if isinstance(result, Copied):
                in_a_row = 0
                self._journal.copied(piece, result)
                self._told(piece, result)
                if result.next is not None:
                    waiting.appendleft(piece)
            elif isinstance(result, AgainError):
                failures.append(Failure(piece, result.cause))
                in_a_row += 1
                if in_a_row >= min(GIVE_UP_AFTER, len(self._plan.pieces)):
                    raise result.cause
            else:
                raise result
        return failures

    def _task(self, piece: int) -> _Task:
        move = self._move
        request = CopyRequest(
            source=move.source,
            target=move.target,
            since=move.since,
            until=move.until,
            piece=self._plan.pieces[piece].piece,
            position=self._journal.positions.get(piece) or Position(),
        )
        return piece, request

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            piece, request = task
            try:
                self._results.put((piece, self._copy(request)))
            except BaseException as exc:  # noqa: BLE001 - whatever it is, the main thread waits for it and raises it
                self._results.put((piece, exc))

    def _copy(self, request: CopyRequest) -> Copied:
        answer = _patiently(lambda points: self._ask(replace(request, max_points=points)), self._patience)
        if not isinstance(answer, Copied):
            raise ServerFaultError("The function answered a question for a copy with something else.")
        return answer


def _patiently(ask: Callable[[int], Answer], patience: Patience) -> Answer:
    """The answer after as many attempts as it takes, for fewer points where the function failed. Raises AgainError."""
    points = MAX_SLICE_POINTS
    for attempt in range(patience.attempts - 1):
        try:
            return ask(points)
        except AgainError as exc:
            if exc.smaller:
                points = max(LEAST_POINTS, points // 4)
        patience.wait(attempt)
    return ask(points)
