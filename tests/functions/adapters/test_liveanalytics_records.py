import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.adapters.liveanalytics_records import (
    MAX_RECORDS,
    quality_of,
    records,
    requests,
    unstorable,
    value_of,
    version,
)
from functions.domain.series import Point

values = st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text(max_size=256)
points = st.builds(
    Point,
    device=st.sampled_from(["pump-1", "pump-2"]),
    metric=st.sampled_from(["a", "b", "c"]),
    ts=st.integers(0, 3) | st.integers(0, 253_402_300_799_999),
    value=values,
    quality=st.sampled_from(["good", "estimated", "stale", "bad"]),
    late=st.booleans(),
    received_at=st.integers(0, 3),
)


def point(value=1.0, device="pump-1", metric="temperature", ts=5, received_at=7):
    return Point(device, metric, ts, value, "good", late=False, received_at=received_at)


def read(common, record):
    """The point that the service would keep of a record and what is common to its request."""
    whole = {**common, **record}
    assert not set(common) & set(record)
    columns = {one["Name"]: one["Value"] for one in whole["MeasureValues"]}
    quality, late = quality_of(columns["q"])
    ((dimension, device),) = ((one["Name"], one["Value"]) for one in whole["Dimensions"])
    assert (dimension, whole["MeasureValueType"], whole["TimeUnit"]) == ("device", "MULTI", "MILLISECONDS")
    value = value_of(float(columns["f"]), columns["s"])
    received_at = int(columns["r"])
    assert whole["Version"] == max(1, received_at)
    return Point(device, whole["MeasureName"], int(whole["Time"]), value, quality, late, received_at)


@given(st.lists(points, min_size=1, max_size=20))
def test_a_point_comes_back_from_its_record_exactly(some):
    common, rest = records(some)
    back = [read(common, record) for record in rest]
    assert [repr(one) for one in back] == [repr(one) for one in some]  # repr tells 0.0 from -0.0


@given(st.lists(points, min_size=1, max_size=5))
def test_every_record_brings_every_column_and_no_empty_value(some):
    for record in records(some)[1]:
        assert [one["Name"] for one in record["MeasureValues"]] == ["f", "s", "q", "r"]
        assert all(1 <= len(one["Value"].encode()) <= 2048 for one in record["MeasureValues"])


@pytest.mark.parametrize(
    ("value", "number", "text"),
    [
        (21.4, "21.4", "f"),
        (True, "1", "b"),
        (False, "0", "b"),
        ("f", "0", '"f"'),
        ("", "0", '""'),
        ("a\x00\n", "0", '"a\\u0000\\n"'),
        ("日本語", "0", '"日本語"'),
    ],
)
def test_a_value_says_its_type_in_column_s(value, number, text):
    (record,) = records([point(value)])[1]
    assert [one["Value"] for one in record["MeasureValues"]][:2] == [number, text]


def test_what_all_records_of_a_request_share_is_said_once():
    common, rest = records([point(metric="a"), point(metric="b")])
    assert set(common) == {"Dimensions", "Time", "Version", "MeasureValueType", "TimeUnit"}
    assert [set(one) for one in rest] == [{"MeasureName", "MeasureValues"}] * 2
    common, rest = records([point(device="pump-1", ts=1, received_at=1), point(device="pump-2", ts=2, received_at=2)])
    assert set(common) == {"MeasureName", "MeasureValueType", "TimeUnit"}
    assert [set(one) for one in rest] == [{"Dimensions", "Time", "Version", "MeasureValues"}] * 2


def test_requests_hold_at_most_a_hundred_records_and_each_point_once():
    some = [point(device=f"d{at % 7}", ts=at) for at in range(250)]
    groups = requests(some)
    assert [len(group) for group in groups] == [100, 100, 50]
    assert MAX_RECORDS == 100
    assert sorted(one.ts for group in groups for one in group) == list(range(250))
    devices = [one.device for group in groups for one in group]
    assert len(list(itertools.groupby(devices))) == 7
    assert requests([]) == []


def test_the_lowest_version_is_one():
    assert version(point(received_at=0)) == 1
    assert version(point(received_at=1_764_000_000_000)) == 1_764_000_000_000


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point(device=""), "expected a device of 1 to 2042 bytes, got 0"),
        (point(device="d" * 2043), "got 2043"),
        (point(metric=""), "expected a metric of 1 to 256 bytes, got 0"),
        (point(metric="ä" * 129), "got 258"),
        (point("🌡" * 512), "expected a value of at most 2048 bytes as JSON, got 2050"),
        (point(float("nan")), "expected a finite number, got nan"),
        (point(float("-inf")), "expected a finite number, got -inf"),
        (point("\ud800"), "expected text that UTF-8 can carry"),
        (point(metric="\ud800"), "expected text that UTF-8 can carry"),
    ],
)
def test_what_the_service_would_refuse_for_ever_is_known_beforehand(bad, why):
    assert why in unstorable(bad)


@given(points)
def test_every_point_of_the_contract_can_be_stored(one):
    assert unstorable(one) is None


def test_the_longest_text_of_a_message_fits_however_it_is_escaped():
    assert unstorable(point("\x01" * 256)) is None
    assert unstorable(point("🌡" * 256)) is None


@pytest.mark.parametrize("text", ["", "x", "ff", "open", '"', '"a', "1.5", json.dumps({"a": 1})])
def test_a_column_s_that_no_record_has_is_refused(text):
    with pytest.raises(ValueError, match=r"column s|JSON|[Ii]nput"):
        value_of(1.0, text)


@pytest.mark.parametrize("column", ["", "great", "good,", "good,soon", "good,late,late", ",late", "good "])
def test_a_column_q_that_no_record_has_is_refused(column):
    with pytest.raises(ValueError, match="column q"):
        quality_of(column)
