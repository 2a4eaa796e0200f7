import io
from pathlib import Path

import pytest

from cli.backfill import progress
from cli.backfill.planning import Plan, Sized
from cli.backfill.progress import Bar, Lines, Pace, estimate, span
from contract.backfill import Copied, Piece, Position

PLAN = Plan(tuple(Sized(Piece(day=day), 10 * (day + 1)) for day in range(4)))  # 10 + 20 + 30 + 40
MORE = Copied(points=500, next=Position(1))
DONE = Copied(points=500)


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


def test_the_time_left_is_judged_by_what_this_run_has_moved(clock):
    pace = Pace(PLAN, {0}, clock)
    assert (pace.pieces, pace.size, pace.left_s) == (1, 10, None)
    clock.now += 5
    pace.add(1, MORE)
    assert (pace.pieces, pace.points_per_s, pace.left_s) == (1, 100.0, None)
    clock.now += 5
    pace.add(1, DONE)
    assert (pace.pieces, pace.points, pace.points_per_s) == (2, 1000, 100.0)
    assert pace.left_s == pytest.approx(10 * 70 / 20)
    assert str(pace) == "2 of 4 pieces, 1,000 points, 100 a second, 35 s left"


def test_what_is_no_terminal_gets_a_line_now_and_then(clock, capsys):
    with Lines(Pace(PLAN, set(), clock), clock) as lines:
        for _ in range(30):
            clock.now += 1
            lines.told(0, MORE)
    assert capsys.readouterr().err.splitlines() == [
        "0 of 4 pieces, 5,000 points, 500 a second",
        "0 of 4 pieces, 10,000 points, 500 a second",
        "0 of 4 pieces, 15,000 points, 500 a second",
    ]


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind(clock, monkeypatch):
    from rich.console import Console

    out = io.StringIO()
    monkeypatch.setattr(progress, "console", lambda **_: Console(file=out, force_terminal=True, width=100))
    pace = Pace(PLAN, set(), clock)
    with Bar(pace, PLAN) as bar:
        clock.now += 10
        bar.told(3, DONE)
    assert "1 of 4 pieces, 500 points, 50 a second, 15 s left" in out.getvalue()
    assert "40%" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7000, "117 min"), (9000, "2.5 h")]
)
def test_spans_are_told_in_a_unit_that_says_enough(seconds, text):
    assert span(seconds) == text


def test_of_the_lake_there_is_an_estimate_and_of_a_store_none():
    assert estimate(Plan((Sized(Piece(), 6_000_000),)), "lake", 4) == (1_000_000, 50.0)
    assert estimate(PLAN, "old", 4) is None


def test_the_estimate_is_by_the_rule_of_the_manual():
    manual = " ".join((Path(__file__).parents[3] / "docs/moving-stores.md").read_text().split())
    assert f"at {progress.POINTS_A_SECOND:,} a second and slice" in manual
