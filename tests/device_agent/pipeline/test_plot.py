import importlib.util

import pytest

from device_agent.pipeline import plot
from device_agent.pipeline.plot import plotted, sparkline
from device_agent.pipeline.recording import Recording
from device_agent.sensors import Reading


def recording(unit="s", count=100):
    return Recording(tuple(Reading(at * 1_000, {"a": float(at % 10)}) for at in range(count)), unit)


def test_bars_go_from_the_least_to_the_greatest_and_leave_gaps_where_there_is_nothing():
    series = [(0, 0.0), (10, 7.0), (30, 3.5)]
    assert sparkline(series, 0, 40, 4) == "▁█ ▅"
    assert sparkline([(0, 5.0)], 0, 0, 3) == "▁  "
    assert sparkline([], 0, 10, 3) == "   "


@pytest.fixture
def without_plotext(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_plotext")
def test_without_plotext_each_metric_has_a_line_of_bars_before_and_after():
    after = [Reading(5_000, {"a": 4.5, "a_max": 9.0, "word": "x"})]
    text = plotted(recording(), after, width=44)
    assert [line.split()[0] for line in text.splitlines() if line] == [
        "a",
        "in",
        "100",
        "out",
        "1",
        "a_max",
        "out",
        "1",
    ]
    assert "100 samples, 0 to 9" in text
    assert max(map(len, text.splitlines())) <= 44


@pytest.mark.skipif(importlib.util.find_spec("plotext") is None, reason="needs the extra `cli`")
@pytest.mark.parametrize("unit", ["s", "iso"])
def test_with_plotext_each_metric_is_a_plot_with_its_span_of_time(unit):
    found = recording(unit)
    text = plotted(found, found.readings, width=70)
    assert f"a, {found.shown(0)} to {found.shown(99_000)}" in text
    assert "in" in text
    assert len(text.splitlines()) <= plot._ROWS
    assert max(map(len, text.splitlines())) <= 70


def test_nothing_is_an_empty_picture():
    assert plotted(Recording((), "s"), []) == ""
