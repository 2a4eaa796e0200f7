"""The questions as text, read by a parser that is not ours."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from functions.adapters.liveanalytics_sql import Span, bins, devices, points, table_name
from functions.domain.series import Aggregate

TABLE = table_name("fieldline", "telemetry")
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["'", "''", "' OR '1'='1", "'; DROP TABLE x; --", "\\'", '"', "a\nb", "/* */", "--", "%", "\\"]
)


def literals(text):
    return [one.this for one in sqlglot.parse_one(text, read="presto").find_all(exp.Literal) if one.is_string]


@given(names, st.lists(names, min_size=1, max_size=5), names)
def test_whatever_a_question_asks_for_is_a_literal(device, metrics, last):
    text = points(TABLE, Span(device, 1, 9, (5, last)), metrics, 10)
    assert sorted(literals(text)) == sorted([device, *metrics, last])
    text = points(TABLE, Span(device, 1, 9), None, 10)
    assert literals(text) == [device]


@given(names, names)
def test_whatever_a_device_is_called_it_is_a_literal(device, after):
    assert literals(devices(TABLE, 5, after, 10)) == [after]


def test_points_are_asked_for_by_device_time_and_metric():
    assert points(TABLE, Span("pump-1", 1000, 2000), ("a", "b"), 11) == (
        'SELECT to_milliseconds(time) AS ts, measure_name, f, s, q, r FROM "fieldline"."telemetry" '
        "WHERE device = 'pump-1' AND time >= from_milliseconds(1000) AND time < from_milliseconds(2000) "
        "AND measure_name IN ('a', 'b') ORDER BY time, measure_name LIMIT 11"
    )


def test_the_rows_after_a_row_are_asked_for():
    text = points(TABLE, Span("pump-1", 1500, 2000, (1500, "b")), None, 11)
    assert " AND (time > from_milliseconds(1500) OR measure_name > 'b') ORDER BY" in text
    text = bins(TABLE, Span("pump-1", 1500, 2000, (1200, "b")), ("a", "b"), 400, (Aggregate.AVG,), 11)
    assert " AND (time >= from_milliseconds(1600) OR measure_name > 'b') GROUP BY" in text


@pytest.mark.parametrize(
    ("bin_ms", "interval"),
    [
        (1, "1ms"),
        (1500, "1500ms"),
        (1000, "1s"),
        (90_000, "90s"),
        (300_000, "5m"),
        (7 * 3_600_000, "7h"),
        (7 * 86_400_000, "7d"),
        (365 * 86_400_000, "365d"),
    ],
)
def test_the_width_of_a_bin_is_said_in_its_largest_whole_unit(bin_ms, interval):
    text = bins(TABLE, Span("pump-1", 0, 9), ("a",), bin_ms, (Aggregate.COUNT,), 11)
    assert text.startswith(f"SELECT to_milliseconds(bin(time, {interval})) AS ts, measure_name, count(*) FROM ")
    assert text.endswith(" GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 11")


def test_only_numbers_are_added_up_and_only_what_is_wanted():
    text = bins(TABLE, Span("pump-1", 0, 9), ("a",), 1000, (Aggregate.MAX, Aggregate.LAST, Aggregate.AVG), 11)
    number = "CASE WHEN s = 'f' THEN f END"
    wanted = f"max({number}), max_by(f, time), max_by(s, time), avg({number})"
    assert text.startswith(f"SELECT to_milliseconds(bin(time, 1s)) AS ts, measure_name, {wanted} FROM ")


def test_a_name_of_the_deployment_s_is_quoted():
    assert table_name('my "base"', "my-table") == '"my ""base"""."my-table"'
