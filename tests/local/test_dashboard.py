import io

from rich.console import Console

from local.dashboard import _rates, render
from local.figures import DeviceFigures, Figures

DETAILS = {
    "dashboard": "http://127.0.0.1:8420/",
    "api": "http://127.0.0.1:8420/v1",
    "user": "admin",
    "password": "secret",
}
NOW = 1_764_000_010.0


def device(thing="climate-001", *, online=True, messages=5, latest=None, newest_ts=1_764_000_000_000):
    return DeviceFigures(thing, online, messages, messages * 3, latest or {}, newest_ts)


def picture(figures, rates=None):
    console = Console(file=io.StringIO(), width=140)
    console.print(render(DETAILS, figures, rates or {}, NOW))
    return console.file.getvalue()


def test_it_says_how_to_get_in():
    shown = picture(Figures())
    assert all(value in shown for value in DETAILS.values())


def test_a_device_shows_values_age_count_and_rate():
    figures = Figures(devices=(device(latest={"temperature": 21.4375, "relay": True, "mode": "auto"}),))
    shown = picture(figures, {"climate-001": 1.04})
    for part in ("climate-001", "online", "temperature 21.438", "relay on", "mode auto", "10 s", "5", "1.0"):
        assert part in shown


def test_a_device_that_was_never_heard_has_no_age():
    assert "offline" in picture(Figures(devices=(device(online=False, messages=0, newest_ts=None),)))


def test_errors_and_quarantine_show_only_when_there_are_any():
    assert "error" not in picture(Figures(failed={"Dlq": 0}, function_errors={"ingest": 0}))
    shown = picture(Figures(failed={"Dlq": 2}, function_errors={"ingest": 1}, quarantined={"malformed": 4}))
    assert "Dlq: 2 errors" in shown
    assert "ingest: 1 errors" in shown
    assert "4 quarantined" in shown


def test_a_large_fleet_is_cut_and_the_rest_counted():
    shown = picture(Figures(devices=tuple(device(f"climate-{n:03d}") for n in range(35))))
    assert "climate-029" in shown
    assert "climate-030" not in shown
    assert "and 5 more devices" in shown


def test_rates_are_messages_a_second_between_two_looks():
    before = (10.0, Figures(devices=(device("a", messages=5),)))
    after = (12.0, Figures(devices=(device("a", messages=9), device("b", messages=7))))
    assert _rates(None, after) == {}
    assert _rates(before, after) == {"a": 2.0}
