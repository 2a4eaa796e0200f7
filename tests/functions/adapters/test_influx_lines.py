"""Line protocol as a real server reads it: what is written under whatever name comes back as it was."""

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.adapters.influx_lines import UnencodableError, carries, encode
from functions.adapters.memory import ManualClock
from functions.domain.series import Point, SeriesQuery
from tests.functions.adapters.influx_backends import BACKENDS

NOW = 1_764_000_000_000
instants = itertools.count(NOW)

# Whatever means something to line protocol or InfluxQL, and anything else.
texts = st.text(
    st.sampled_from("ab,= \"'\\\n\r\t\0#;/*-%:.$()é🌡\u2028\ufeff") | st.characters(codec="utf-8"), max_size=30
)
names = texts.filter(carries)
numbers = st.floats(allow_nan=False, allow_infinity=False)
on_a_server = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def point(value=1.0, metric="temperature", *, device="pump-1", ts=NOW, quality="good", late=False, lag=250):
    return Point(device, metric, ts, value, quality, late, ts + lag)


@pytest.fixture(params=BACKENDS)
def store(request):
    return BACKENDS[request.param](request, ManualClock(NOW))


def read(store, device, metric, ts):
    return [row.value for row in store.series(SeriesQuery(device=device, metrics=(metric,), start=ts, end=ts + 1)).rows]


@on_a_server
@given(texts)
@example("\\")
@example('"')
@example('\\"\\')
@example("a\\\nb 1\nc,d=e f=1 1")
def test_a_text_is_read_as_it_was_written(store, text):
    ts = next(instants)
    assert store.write([point(text, "mood", ts=ts), point("next", "other", ts=ts)]) == []
    assert read(store, "pump-1", "mood", ts) == [text]
    assert read(store, "pump-1", "other", ts) == ["next"]


@on_a_server
@given(names, names)
@example(" ", "=")
@example("a,b=c d", "f:x=1 2")
@example("#", "time")
@example('"', "'")
def test_a_name_is_read_as_it_was_written(store, device, metric):
    ts = next(instants)
    assert store.write([point(2.5, metric, device=device, ts=ts, quality="bad")]) == []
    assert read(store, device, metric, ts) == [2.5]
    assert [one.metric for one in store.export(device, ts, ts + 1).points] == [metric]
    store.delete(device, ts, ts + 1)
    assert read(store, device, metric, ts) == []


@on_a_server
@given(st.lists(numbers, min_size=1, max_size=20))
@example([-0.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1e16, 0.1 + 0.2, 9007199254740993.0])
def test_a_number_is_read_to_the_last_bit(store, values):
    ts = [next(instants) for _ in values]
    assert store.write([point(value, ts=at) for value, at in zip(values, ts, strict=True)]) == []
    page = store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=ts[0], end=ts[-1] + 1))
    assert [row.value.hex() for row in page.rows] == [value.hex() for value in values]


@pytest.mark.parametrize("name", ["", "\\", "a\\", "a\\,b", "a\nb", "\r", "nul\0", "\ud83c"])
def test_a_name_that_line_protocol_cannot_carry_is_rejected_and_the_rest_is_stored(store, name):
    good, wrong, other = point(ts=NOW), point(device=name), point(metric=name)
    rejected = store.write([good, wrong, other])
    assert [(one.point, one.reason) for one in rejected] == [(wrong, "unstorable"), (other, "unstorable")]
    assert "expected a name of text without backslash, line break and NUL" in rejected[0].detail
    assert read(store, "pump-1", "temperature", NOW) == [1.0]
    assert read(store, name, "temperature", NOW) == read(store, "pump-1", name, NOW) == []
    assert store.export(name, NOW, NOW + 1).points == ()
    store.delete(name, NOW, NOW + 1)


def test_half_a_surrogate_is_rejected_and_the_rest_is_stored(store):
    wrong = point("\ud83c", "mood")
    rejected = store.write([point(), wrong])
    assert [(one.point, one.reason) for one in rejected] == [(wrong, "unstorable")]
    assert "UTF-8" in rejected[0].detail
    assert read(store, "pump-1", "temperature", NOW) == [1.0]


def test_what_one_device_measured_at_once_is_one_line():
    lines, count = encode(
        [point(21.4), point(value=True, metric="relay"), point('say "no"', "mood"), point(40.0, "humidity")]
    )
    assert count == 1
    assert lines.decode() == (
        'telemetry,device=pump-1 f:temperature=21.4,b:relay=t,s:mood="say \\"no\\"",f:humidity=40.0 1764000000000250000'
    )


def test_another_instant_device_or_version_begins_another_line():
    points = [
        point(),
        point(ts=NOW + 1),
        point(device="pump-2"),
        point(lag=300),
        point(value=False, metric="relay", lag=300),
    ]
    lines, count = encode(points)
    assert count == 4
    assert [line.split()[0] for line in lines.decode().splitlines()] == [
        "telemetry,device=pump-1",
        "telemetry,device=pump-1",
        "telemetry,device=pump-2",
        "telemetry,device=pump-1",
    ]


@pytest.mark.parametrize(
    ("detail", "note"),
    [
        ({"quality": "bad"}, "f,bad,,1764000000250"),
        ({"late": True}, "f,good,late,1764000000250"),
        ({"quality": "stale", "late": True}, "f,stale,late,1764000000250"),
        ({"lag": 900_000}, "f,good,,1764000900000"),
        ({"lag": -1}, "f,good,,1763999999999"),
    ],
)
def test_what_is_not_good_and_on_time_has_a_note(detail, note):
    lines, _ = encode([point(**detail)])
    assert f',x:temperature="{note}" ' in lines.decode()


def test_of_nothing_there_are_no_lines():
    assert encode([]) == (b"", 0)


def test_a_name_is_refused_before_anything_is_sent():
    with pytest.raises(UnencodableError, match="expected a name"):
        encode([point(device="a\nb")])
