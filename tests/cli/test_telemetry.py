import csv
import io
import json
import time

import pytest

T0 = 1_764_000_000_000


def raw(n, metric="temperature", value=21.5, q="good", *, late=False):
    return {"ts": T0 + n * 1000, "metric": metric, "value": value, "q": q, "late": late}


def read_csv(text):
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def device(signed_in):
    signed_in.documents["press-4"] = {
        "id": "press-4",
        "latest": {
            "temperature": {"ts": T0, "value": 21.5, "q": "good", "unit": "Cel"},
            "pressure": {"ts": T0, "value": 1013.25, "q": "good", "unit": "hPa"},
        },
    }
    return signed_in


def query_of(deployment):
    return deployment.calls("/v1/devices/press-4/telemetry")[0]


def test_raw_points_are_a_table_with_unit_quality_and_lateness(run, device):
    device.rows = [raw(0), raw(1, value=-0.25, q="stale", late=True)]
    lines = run("telemetry", "press-4", "temperature").stdout.splitlines()
    assert lines[0].split() == ["Time", "(UTC)", "value", "(°C)", "Quality"]
    assert lines[2].split() == ["2025-11-24T16:00:00.000Z", "21.5", "good"]
    assert lines[3].split() == ["2025-11-24T16:00:01.000Z", "-0.25", "stale,", "late"]


def test_several_metrics_are_told_apart_by_row(run, device):
    device.rows = [raw(0, "pressure", 1013.25), raw(0)]
    lines = run("telemetry", "press-4", "temperature", "pressure").stdout.splitlines()
    assert lines[2].split()[1:] == ["pressure", "(hPa)", "1013.25", "good"]
    assert lines[3].split()[1:] == ["temperature", "(°C)", "21.5", "good"]
    assert query_of(device).values("metric") == ["temperature", "pressure"]


def test_bins_have_a_column_for_each_aggregate(run, device):
    device.rows = [{"ts": T0, "metric": "temperature", "avg": 21.4, "count": 60, "last": None}]
    shown = run("telemetry", "press-4", "temperature", "--bin", "5m", "--agg", "avg,count,last").stdout.splitlines()
    assert shown[0].split() == ["Time", "(UTC)", "avg", "(°C)", "count", "last", "(°C)"]
    assert shown[2].split() == ["2025-11-24T16:00:00.000Z", "21.4", "60", "-"]
    assert (query_of(device).values("bin"), query_of(device).values("agg")) == (["5m"], ["avg,count,last"])


def test_bins_are_summarised_by_average_and_extremes_unless_asked_otherwise(run, device):
    run("telemetry", "press-4", "temperature", "--bin", "90m")
    assert (query_of(device).values("bin"), query_of(device).values("agg")) == (["90m"], ["avg,min,max"])


def test_the_time_is_the_last_day_unless_asked_otherwise(run, device):
    before = time.time_ns() // 1_000_000
    run("telemetry", "press-4", "temperature")
    start, end = (int(query_of(device).values(key)[0]) for key in ("from", "to"))
    assert end - start == 86_400_000
    assert before <= end <= time.time_ns() // 1_000_000


def test_the_time_may_be_given_exactly(run, device):
    run("telemetry", "press-4", "temperature", "--since", "2025-11-24T16:00:00Z", "--until", str(T0 + 5000))
    assert (query_of(device).values("from"), query_of(device).values("to")) == ([str(T0)], [str(T0 + 5000)])


def test_every_page_asks_for_the_same_time(run, device):
    device.rows = [raw(n) for n in range(250)]
    run("telemetry", "press-4", "temperature", "--csv")
    asked = device.calls("/v1/devices/press-4/telemetry")
    assert [one.values("cursor") for one in asked] == [[], ["100"], ["200"]]
    assert len({tuple(one.values("from") + one.values("to")) for one in asked}) == 1


def test_json_is_what_the_api_answers_with_all_pages_in_one(run, device):
    device.rows = [raw(n, value=0.1 + n) for n in range(250)]
    shown = json.loads(run("telemetry", "press-4", "temperature", "--json").stdout)
    assert shown == {"device": "press-4", "bin": None, "items": device.rows, "cursor": None}


def test_csv_holds_every_row_exactly(run, device):
    device.rows = [raw(0, value=0.1 + 0.2), raw(1, "state", "running, fast"), raw(2, "relay", value=True, late=True)]
    rows = read_csv(run("telemetry", "press-4", "temperature", "state", "relay", "--csv").stdout)
    assert rows == [
        ["time", "ts", "metric", "value", "q", "late"],
        ["2025-11-24T16:00:00.000Z", str(T0), "temperature", "0.30000000000000004", "good", "false"],
        ["2025-11-24T16:00:01.000Z", str(T0 + 1000), "state", "running, fast", "good", "false"],
        ["2025-11-24T16:00:02.000Z", str(T0 + 2000), "relay", "true", "good", "true"],
    ]


def test_csv_of_bins_has_their_aggregates(run, device):
    device.rows = [{"ts": T0, "metric": "temperature", "avg": -1.5, "min": -2.0}]
    rows = read_csv(run("telemetry", "press-4", "temperature", "--bin", "5m", "--agg", "avg,min", "--csv").stdout)
    assert rows == [
        ["time", "ts", "metric", "avg", "min"],
        ["2025-11-24T16:00:00.000Z", str(T0), "temperature", "-1.5", "-2.0"],
    ]


def test_csv_is_no_way_into_a_spreadsheet(run, device):
    device.rows = [raw(0, "state", '=cmd|" /C calc"!A0')]
    assert read_csv(run("telemetry", "press-4", "state", "--csv").stdout)[1][3] == '\'=cmd|" /C calc"!A0'


def test_the_limit_bounds_the_rows_and_says_that_there_is_more(run, device):
    device.rows = [raw(n) for n in range(250)]
    result = run("telemetry", "press-4", "temperature", "--csv", "--limit", "150")
    assert len(read_csv(result.stdout)) == 151
    assert "more than 150" in result.stderr


def test_a_plot_shows_each_metric_with_its_unit_and_no_colour_in_a_pipe(run, device):
    device.rows = [raw(n, value=20.0 + n % 7) for n in range(100)] + [
        raw(n, "pressure", 1000.0 + n) for n in range(100)
    ]
    shown = run("telemetry", "press-4", "temperature", "pressure", "--plot").stdout
    for part in ("temperature (°C)", "pressure (hPa)", "26.", "1,099", "16:0"):
        assert part.replace(",", "") in shown.replace(",", "")
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_plot_is_coloured_in_a_terminal_only_if_wanted(run, device):
    device.rows = [raw(n, value=20.0 + n % 7) for n in range(10)]
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}
    assert "\x1b[" in run("telemetry", "press-4", "temperature", "--plot", env=terminal).stdout
    plain = run("telemetry", "press-4", "temperature", "--plot", env={**terminal, "NO_COLOR": "1"}).stdout
    assert "\x1b[" not in plain
    assert 80 < max(map(len, plain.splitlines())) <= 100


def test_a_plot_of_bins_draws_the_average(run, device):
    device.rows = [{"ts": T0 + n * 300_000, "metric": "temperature", "avg": 20.0 + n, "min": 1.0} for n in range(9)]
    shown = run("telemetry", "press-4", "temperature", "--bin", "5m", "--agg", "min,avg", "--plot").stdout
    assert "avg of temperature (°C)" in shown


def test_what_is_no_number_is_not_drawn_and_says_so(run, device):
    device.rows = [raw(n, "state", "running") for n in range(3)] + [raw(n, "relay", value=n % 2 == 0) for n in range(9)]
    result = run("telemetry", "press-4", "state", "relay", "--plot")
    assert "state: no numbers" in result.stderr
    assert "relay" in result.stdout


def test_one_point_can_be_drawn(run, device):
    device.rows = [raw(0)]
    assert "temperature" in run("telemetry", "press-4", "temperature", "--plot").stdout


def test_nothing_measured_is_an_empty_table_file_or_page(run, device):
    assert len(run("telemetry", "press-4", "temperature").stdout.splitlines()) == 2
    assert read_csv(run("telemetry", "press-4", "temperature", "--csv").stdout) == [
        ["time", "ts", "metric", "value", "q", "late"]
    ]
    assert json.loads(run("telemetry", "press-4", "temperature", "--json").stdout)["items"] == []


def test_a_device_that_nobody_registered_has_points_without_units(run, signed_in):
    signed_in.rows = [raw(0)]
    assert run("telemetry", "press-4", "temperature").stdout.splitlines()[0].split() == [
        "Time",
        "(UTC)",
        "value",
        "Quality",
    ]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["press-4"], "METRIC"),
        (["Press", "temperature"], "thing"),
        (["press-4", "Temperature"], "metric"),
        (["press-4", "t", "--since", "yesterday"], "--since"),
        (["press-4", "t", "--until", "later"], "--until"),
        (["press-4", "t", "--since", "1h", "--until", "2h"], "--since must be before --until"),
        (["press-4", "t", "--bin", "5"], "--bin"),
        (["press-4", "t", "--agg", "avg"], "--bin"),
        (["press-4", "t", "--bin", "5m", "--agg", "median"], "'median'"),
        (["press-4", "t", "--bin", "5m", "--agg", ""], "--agg"),
        (["press-4", "t", "--csv", "--json"], "--csv"),
        (["press-4", "t", "--limit", "0"], "--limit"),
    ],
)
def test_a_question_that_cannot_be_is_refused_before_it_is_asked(run, device, args, words):
    assert words in run("telemetry", *args, fails=2).stderr
    assert not device.asked


def test_a_failure_on_the_way_ends_a_csv_with_an_error(run, device, says):
    device.rows = [raw(n) for n in range(250)]
    first = device.page(
        type("Asked", (), {"values": lambda _, key: {"limit": ["100"]}.get(key, [])})(), device.rows, {}
    )
    device.script("/v1/devices/press-4/telemetry", first, says(500))
    result = run("telemetry", "press-4", "temperature", "--csv", fails=8)
    assert len(read_csv(result.stdout)) == 101
