"""What holds over many pieces: the order, how many at once, and that a stop at any moment loses nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.backfill.driver import Driver, Patience, make_plan
from cli.backfill.function import AgainError
from cli.backfill.journal import Journal
from cli.backfill.planning import DAY_MS, Move
from cli.errors import CliError, ServerFaultError
from contract.backfill import Copied, CopyRequest, Listing, PlanRequest, Position
from tests.cli.backfill.conftest import CREDENTIALS, FUNCTION, NOW
from tests.functions.moving import everything, message

ROOT = Path(__file__).parents[3]
MOVE = Move("old", "new", 0, 6 * DAY_MS)


class Function:
    """Six pieces of up to three slices each; counts what it is asked."""

    def __init__(self, slices=(1, 3, 1, 2, 1, 1)):
        self.slices = slices
        self.asked = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.before = lambda request: None

    def __call__(self, request):
        if isinstance(request, PlanRequest):
            return Listing(devices=("pump-1",))
        day = request.piece.day // DAY_MS
        with self.lock:
            self.asked.append((day, request.position.item))
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            self.before(request)
        finally:
            with self.lock:
                self.at_once -= 1
        following = request.position.item + 1
        return Copied(points=1, next=Position(following) if following < self.slices[day] else None)


def drive(function, path, *, parallel=1, patience=None):
    patience = patience or Patience(sleep=lambda _: None)
    told = []
    with Journal.opened(path) as journal:
        if journal.move is None:
            journal.begin(MOVE)
        plan = make_plan(function, MOVE, journal, patience)
        driver = Driver(
            function, MOVE, plan, journal, parallel=parallel, patience=patience, told=lambda at, _: told.append(at)
        )
        return driver.run(), told


EVERY = [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (3, 1), (4, 0), (5, 0)]


def test_slices_are_asked_for_in_the_order_of_time(tmp_path):
    function = Function()
    assert drive(function, tmp_path / "j") == ([], [day for day, _ in EVERY])
    assert function.asked == EVERY


def test_several_pieces_go_at_once_and_no_more_than_that(tmp_path):
    function = Function()
    meeting = threading.Barrier(3, timeout=20)
    function.before = lambda request: meeting.wait() if request.position.item == 0 else None
    drive(function, tmp_path / "j", parallel=3)
    assert sorted(function.asked) == EVERY
    assert function.most_at_once == 3


class Stopped(BaseException):
    """As a Ctrl-C would be."""


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), max_size=4), st.integers(1, 3))
def test_wherever_it_is_stopped_it_goes_on_and_does_nothing_that_is_written_twice(tmp_path_factory, stops, parallel):
    path = tmp_path_factory.mktemp("moves") / "j"
    function = Function()
    told = []
    for stop in [*stops, 1000]:
        left = [stop]

        def stopping(piece, copied, left=left):
            told.append((piece, copied))
            left[0] -= 1
            if left[0] == 0:
                raise Stopped

        with Journal.opened(path) as journal:
            if journal.move is None:
                journal.begin(MOVE)
            patience = Patience(sleep=lambda _: None)
            plan = make_plan(function, MOVE, journal, patience)
            driver = Driver(function, MOVE, plan, journal, parallel=parallel, patience=patience, told=stopping)
            try:
                assert driver.run() == []
            except Stopped:
                continue
        break
    assert sorted(day for day, _ in told) == [day for day, _ in EVERY]
    with Journal.opened(path) as journal:
        assert len(list(journal.slices())) == len(EVERY)
        assert set(journal.positions.values()) == {None}


def test_a_plan_of_several_pages_goes_on_where_it_was_stopped(tmp_path):
    asked = []

    def ask(request):
        asked.append(request.cursor)
        if request.cursor == "2" and asked.count("2") == 1:
            raise AgainError(ServerFaultError("down"))
        return Listing(devices=(f"d-{request.cursor}",), cursor={None: "1", "1": "2", "2": None}[request.cursor])

    with Journal.opened(tmp_path / "j") as journal:
        journal.begin(MOVE)
        with pytest.raises(ServerFaultError, match="down"):
            make_plan(ask, MOVE, journal, Patience(attempts=1))
    with Journal.opened(tmp_path / "j") as journal:
        assert make_plan(ask, MOVE, journal, Patience(attempts=1)).devices == 3
    assert asked == [None, "1", "2", "2"]


def test_what_will_never_be_answered_ends_the_run_at_once(tmp_path):
    function = Function()

    def refuse(request):
        raise CliError("not allowed")

    function.before = refuse
    with pytest.raises(CliError, match="not allowed"):
        drive(function, tmp_path / "j")
    assert function.asked == [(0, 0)]


def test_attempts_wait_longer_each_time_and_ask_for_less_where_that_may_help(tmp_path):
    function = Function((1,) * 6)
    waits, points = [], []

    def fail(request):
        points.append(request.max_points)
        raise AgainError(ServerFaultError("killed"), smaller=True)

    function.before = fail
    with pytest.raises(ServerFaultError, match="killed"):
        drive(function, tmp_path / "j", patience=Patience(sleep=waits.append, chance=lambda: 1.0))
    assert waits[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert points[:6] == [250_000, 62_500, 15_625, 3906, 1000, 1000]
    assert len(points) == 3 * 9


def test_pieces_that_fail_now_and_then_are_told_at_the_end(tmp_path):
    function = Function()

    def fail(request):
        if request.piece.day // DAY_MS in {1, 4}:
            raise AgainError(ServerFaultError("a bug"))

    function.before = fail
    failures, told = drive(function, tmp_path / "j")
    assert [one.piece for one in failures] == [1, 4]
    assert told == [0, 2, 3, 3, 5]
    function.before = lambda _: None
    function.asked.clear()
    assert drive(function, tmp_path / "j")[0] == []
    assert function.asked == [(1, 0), (1, 1), (1, 2), (4, 0)]


@pytest.fixture
def start(url, tmp_path):
    def start():
        command = [sys.executable, "-c", "from cli.app import main; main()", "telemetry", "backfill", "--from", "old"]
        command += [
            "--to",
            "new",
            "--since",
            "2025-11-01",
            "--until",
            "2025-11-26",
            "--function",
            FUNCTION,
            "--endpoint-url",
            url,
        ]
        environment = {name: value for name, value in CREDENTIALS.items() if value is not None}
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "FIELDLINE_STATE_DIR": str(tmp_path), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda one: one.name)
def test_a_command_that_is_killed_leaves_what_the_next_one_goes_on_from(cloud, endpoint, start, how):
    for seq in range(60):
        at = NOW - 20 * DAY_MS + seq * DAY_MS // 3
        cloud.take(message(seq, at, (at, "good", {"temperature": seq})))
    real = endpoint.functions[FUNCTION]
    copies, held = [], threading.Event()

    def held_up(event):
        if event["action"] == "copy":
            copies.append(event["piece"]["day"])
            if len(copies) > 8:
                held.wait(20)
        return real(event)

    endpoint.functions[FUNCTION] = held_up
    process = start()
    deadline = time.monotonic() + 20
    while len(copies) <= 8:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    out, err = process.communicate(timeout=20)
    held.set()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on from here" in err
    assert "Traceback" not in err
    finished = copies[:5]  # four may be in flight
    del copies[:]
    again = start()
    out, err = again.communicate(timeout=30)
    assert (again.returncode, "Verified" in out) == (0, True), err
    assert "Going on with the move that was stopped" in err
    assert not set(finished) & set(copies)
    assert everything(cloud.new, "pump-1", NOW) == everything(cloud.old, "pump-1", NOW) != {}


def test_a_request_says_where_its_piece_goes_on(tmp_path):
    function = Function()
    seen = []
    function.before = seen.append
    drive(function, tmp_path / "j")
    assert all(
        isinstance(one, CopyRequest) and (one.source, one.target, one.since) == ("old", "new", 0) for one in seen
    )
