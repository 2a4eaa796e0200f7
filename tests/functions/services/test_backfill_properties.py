"""Whatever ingest took, wherever the lake was cut and the move interrupted: both stores answer the same."""

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.backfill import Piece
from contract.ingest import encode_line
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.memory import ManualClock
from functions.domain.series import Point
from functions.services import backfill_sources
from functions.services.backfill_sources import DAY_MS
from tests.functions.conftest import NOW, make_table
from tests.functions.moving import RETENTION, Deployment, everything, message

HALF_HOUR = 1_800_000
DEVICES = ("pump-1", "stranger")
VALUES = st.integers(-1, 1) | st.booleans() | st.sampled_from(["", "x"]) | st.just(10_000)

MEASUREMENTS = st.tuples(
    st.integers(-8, 1),
    st.sampled_from(["good", "bad"]),
    st.dictionaries(st.sampled_from(["temperature", "mood", "m"]), VALUES, min_size=1),
)
MESSAGES = st.tuples(
    st.sampled_from(DEVICES),
    st.integers(0, 4),
    st.lists(MEASUREMENTS, max_size=3),
    st.sampled_from(["once", "twice", "later", "repeated"]),
)
GARBAGE = st.sampled_from([b"rubbish\n", b"\n", b"{}\n", b'{"v":1,"thing":"pump-1","received_at":1,"data":"e30="}\n'])


@st.composite
def histories(draw, *, repeats):
    """Bodies in the order in which they come off the queue; `repeats` also has devices send a message again."""
    at, waiting, bodies = NOW - 4 * DAY_MS, [], []
    for seq, (thing, later, measurements, how) in enumerate(draw(st.lists(MESSAGES, max_size=12))):
        at += later * HALF_HOUR
        # No two messages say quite the same, as those of an agent do not.
        measured = [(at + offset * HALF_HOUR, q, values | {f"only_{seq}": seq}) for offset, q, values in measurements]
        if how == "repeated" and repeats and measured:
            # What was corrected meanwhile, or lay too far ahead at first, is told from news by the number alone.
            measured = [
                (min(ts, at), quality, {f"{metric}_{seq}": value for metric, value in values.items()})
                for ts, quality, values in measured
            ]
            waiting.append((seq, thing, measured))
        body = message(seq, at, *measured, thing=thing)
        bodies += [body] * (2 if how == "twice" else 1)
        if how == "later":
            bodies.append(bodies[draw(st.integers(0, len(bodies) - 1))])
        if waiting and draw(st.booleans()):
            number, device, before = waiting.pop(0)
            at += HALF_HOUR
            bodies.append(message(number, at, *before, thing=device))
    return bodies


@st.composite
def lakes(draw, bodies):
    """A deployment that took the bodies, one by one, with its lake cut anywhere and garbage in it."""
    cloud = Deployment(ManualClock(NOW))
    for body in bodies:
        cloud.take(body)
    lines = [encode_line(line) for line in cloud.arrived.lines]
    for at in sorted(draw(st.lists(st.integers(0, len(lines)), max_size=3)), reverse=True):
        lines.insert(at, draw(GARBAGE))
    while lines:
        size = draw(st.integers(1, len(lines)))
        cloud.put(b"".join(lines[:size]))
        lines = lines[size:]
    return cloud


def rows(store):
    """What anyone can ask of a store."""
    return {
        (device, metric, ts): (type(point.value), point.value, point.quality, point.late)
        for device in DEVICES
        for (metric, ts), point in everything(store, device, NOW).items()
    }


@settings(max_examples=60)
@given(st.data(), st.integers(1, 5))
def test_a_store_filled_from_the_lake_answers_as_the_one_that_ingest_filled(data, max_points):
    cloud = data.draw(lakes(data.draw(histories(repeats=True))))
    slices = [one for piece in cloud.pieces() for one in cloud.copy_whole(piece, max_points=max_points)]
    assert rows(cloud.new) == rows(cloud.old)
    assert all(day.verified for one in slices for day in one.days)


@settings(max_examples=60)
@given(st.data())
def test_a_move_in_any_order_with_any_part_repeated_ends_the_same(data):
    cloud = data.draw(lakes(data.draw(histories(repeats=False))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfill_sources, "_BATCH_LINES", 1)
        keys = sorted(cloud.lake.stored)
        for key in data.draw(st.permutations(keys + keys[:2])):
            position = None
            while True:
                copied = cloud.copy(Piece(objects=(key,)), position=position, max_points=2)
                assert all(day.verified for day in copied.days)
                if data.draw(st.booleans(), label="the answer was lost"):
                    continue
                position = copied.next
                if position is None:
                    break
    for device in DEVICES:
        assert everything(cloud.new, device, NOW) == everything(cloud.old, device, NOW)


POINTS = st.builds(
    Point,
    st.sampled_from(DEVICES),
    st.sampled_from(["temperature", "mood"]),
    st.integers(NOW - 2 * DAY_MS, NOW) | st.sampled_from([NOW - NOW % DAY_MS, NOW - NOW % DAY_MS - 1]),
    st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text("aé🌡", max_size=3),
    st.sampled_from(["good", "bad"]),
    st.booleans(),
    st.integers(NOW, NOW + 3),
)


@pytest.mark.parametrize("direction", ["memory to dynamodb", "dynamodb to memory"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(POINTS, max_size=40), held=st.lists(POINTS, max_size=5))
def test_what_one_store_holds_another_holds_after_a_move(aws, direction, points, held):
    clock = ManualClock(NOW)
    client = boto3.client("dynamodb")
    if "telemetry" in client.list_tables()["TableNames"]:
        client.delete_table(TableName="telemetry")
    make_table(client, "telemetry")
    cloud = Deployment(clock)
    kind = "new" if direction == "memory to dynamodb" else "old"
    cloud.stores[kind] = DynamoDBTelemetryStore(client, "telemetry", clock=clock, retention_ms=RETENTION)
    old, new = cloud.stores["old"], cloud.stores["new"]
    old.write(points)
    new.write(held)
    days = [day for one in cloud.move("old") for day in one.days]
    assert all(day.verified for day in days)
    moved = {(point.device, point.ts // DAY_MS) for point in points}
    sources = {(point.device, point.metric, point.ts) for point in points}
    alone = {(point.device, point.metric, point.ts) for point in held if (point.device, point.ts // DAY_MS) in moved}
    assert sum(day.extra for day in days) == len(alone - sources)
    both = Deployment(clock).new
    both.write(points + held)
    for device in DEVICES:
        assert everything(new, device, NOW) == everything(both, device, NOW)
