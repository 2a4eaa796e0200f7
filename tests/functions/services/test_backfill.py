"""Moves over fakes: what is copied, what the comparison finds, and that every repetition is harmless."""

import pytest
from msgspec.structs import replace

from contract.backfill import LAKE, CopyRequest, Piece, PlanRequest, Position
from contract.ingest import LakeLine, encode_line
from functions.adapters.backoff import Backoff
from functions.domain.series import Capabilities, Point, PointsPage, Rejected, SeriesQuery
from functions.domain.state import MAX_METRICS
from functions.errors import PartialWriteError, RegistryError, RequestError, StoreError
from functions.services import backfill_sources
from functions.services.backfill import WRITE_MS
from functions.services.backfill_sources import DAY_MS
from tests.functions.moving import LAST, Deployment, everything, message

HOUR = 3_600_000
A_MINUTE = 60_000


@pytest.fixture
def cloud(clock):
    return Deployment(clock)


@pytest.fixture
def now(clock):
    return clock.now


def point(ts, value=1.0, metric="temperature", *, device="pump-1", late=False, received_at=None):
    return Point(device, metric, ts, value, "good", late, ts + 5 if received_at is None else received_at)


def days(slices):
    return [day for one in slices for day in one.days]


def test_what_ingest_took_from_the_devices_the_lake_gives_to_another_store(cloud, now):
    cloud.take(
        message(0, now, (now, "good", {"temperature": 20.5, "mood": "fine", "on": True})),
        message(1, now + 5, (now - 2 * HOUR, "estimated", {"temperature": 1})),
        message(2, now + 5, (now, "good", {"temperature": 21})),
        message(0, now, (now, "bad", {"x": 1}), thing="stranger"),
    )
    cloud.deliver()
    (copied,) = cloud.move()
    for device in ("pump-1", "stranger"):
        assert everything(cloud.new, device, now) == everything(cloud.old, device, now) != {}
    assert (copied.lines, copied.messages, copied.points, copied.next) == (4, 4, 5, None)
    assert [(day.device, day.day, day.points, day.verified) for day in copied.days] == [
        ("pump-1", "2025-11-24", 4, True),
        ("stranger", "2025-11-24", 1, True),
    ]


def test_what_ingest_put_into_quarantine_is_left_out_and_counted(cloud, now):
    cloud.take(
        message(0, now, (now, "good", {"temperature": 5000, "humidity": 40})),
        message(1, now, (now + HOUR, "good", {"temperature": 20})),
        message(2, now, raw=b"rubbish"),
    )
    cloud.deliver()
    (copied,) = cloud.move()
    assert copied.faults == {"out_of_range": 1, "future": 1, "malformed": 1}
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


def test_a_message_delivered_twice_is_one(cloud, now):
    body = message(0, now, (now, "good", {"temperature": 20}))
    cloud.take(body, body)
    cloud.take(body)
    cloud.deliver([1])
    slices = cloud.move()
    assert sum(one.duplicates for one in slices) == 2
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


def test_a_message_that_a_device_repeated_hours_later_stays_on_time(cloud, now):
    """Its acknowledgement was lost with the connection."""
    first = (now - 3 * HOUR, "good", {"temperature": 20})
    cloud.take(message(0, now - 3 * HOUR + 5, first))
    cloud.deliver(hour=-3)
    cloud.take(message(0, now, first), message(1, now, (now - 2 * HOUR, "good", {"temperature": 21})))
    cloud.deliver()
    slices = [
        one for piece in cloud.pieces() for key in piece.objects for one in cloud.copy_whole(Piece(objects=(key,)))
    ]
    assert [one.repeats for one in slices] == [0, 1]
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)
    assert [(ts - now, found.late) for (_, ts), found in everything(cloud.new, "pump-1", now).items()] == [
        (-3 * HOUR, False),
        (-2 * HOUR, True),
    ]


def test_a_late_point_that_says_otherwise_is_no_repetition(cloud, now):
    cloud.new.write([point(now - 3 * HOUR, 20.0)])
    cloud.take(message(0, now, (now - 3 * HOUR, "good", {"temperature": 21})))
    cloud.deliver()
    (copied,) = cloud.move()
    assert copied.repeats == 0
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


def test_a_device_of_more_metrics_than_its_state_holds_loses_none(cloud, now):
    """Ingest counts names beside the state; a move knows no state, and must not refuse what was taken."""
    for batch in range(3):
        values = {f"m{batch}_{at}": 1 for at in range(100)}
        cloud.take(*(message(batch * 10 + at, now, (now - 5 * HOUR + at, "good", values)) for at in range(3)))
    wide = {f"w{at}": "x" * 256 for at in range(100)}
    cloud.take(message(90, now, (now - 5 * HOUR, "good", wide)), message(91, now, (now - 6 * HOUR, "good", wide)))
    cloud.take(message(92, now, *((now - 7 * HOUR + at, "good", {f"n{at}": 1}) for at in range(MAX_METRICS))))
    cloud.deliver()
    cloud.move()
    assert len({metric for metric, _ in everything(cloud.old, "pump-1", now)}) > MAX_METRICS
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


@pytest.mark.parametrize(
    "line",
    [b"", b"   ", b"{}", b"null", b"\xff\xfe", b"[1,2]", b'{"thing":"pump-1"}', b"x" * 2_000_000, b'{"a":' * 5000],
    ids=["empty", "blank", "no fields", "null", "bytes", "list", "half", "endless", "deep"],
)
def test_a_line_that_is_none_of_ours_is_named_and_stops_nothing(cloud, now, line):
    cloud.take(message(0, now, (now, "good", {"temperature": 20})))
    good = encode_line(cloud.arrived.lines[0])
    key = cloud.put(line + b"\n" + good)
    (copied,) = cloud.move()
    assert copied.points == 1
    expected = 0 if not line.strip() else 1
    assert copied.bad_lines == len(copied.damage) == expected
    assert [(one.object, one.line) for one in copied.damage] == [(key, 0)] * expected


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted(cloud):
    cloud.put(b"rubbish\n" * 500)
    (copied,) = cloud.move()
    assert (copied.lines, copied.bad_lines) == (500, 500)
    assert [one.line for one in copied.damage] == list(range(20))


def test_an_object_that_is_damaged_or_gone_is_named_and_stops_nothing(cloud, now):
    cloud.take(message(0, now, (now, "good", {"temperature": 20})))
    damaged, gone = cloud.put(b"first"), cloud.put(b"second")
    cloud.deliver()
    cloud.lake.stored[damaged] = cloud.lake.stored[damaged][:-9]
    pieces = cloud.pieces()
    del cloud.lake.stored[gone]
    slices = cloud.move(pieces=pieces)
    assert [(one.object, one.line) for copied in slices for one in copied.damage] == [
        (damaged, None),
        (gone, None),
    ]
    assert len(everything(cloud.new, "pump-1", now)) == 1


def test_only_what_was_received_in_the_time_is_moved(cloud, now):
    for seq, at in enumerate((-10, 0, 9, 10)):
        cloud.take(message(seq, now + at, (now - HOUR + at, "good", {"temperature": at})))
    cloud.deliver()
    (copied,) = cloud.move(since=now, until=now + 10)
    assert (copied.lines, copied.outside) == (4, 2)
    assert sorted(found.value for found in everything(cloud.new, "pump-1", now).values()) == [0.0, 9.0]


def test_from_a_store_every_point_of_the_time_is_moved_as_it_stands(cloud, now):
    points = [
        point(now - at * 7 * HOUR, float(at), metric, device=device, late=at % 2 == 0)
        for device in ("pump-1", "pump-2")
        for metric in ("temperature", "humidity")
        for at in range(9)
    ]
    cloud.old.write(points)
    slices = cloud.move("old")
    for device in ("pump-1", "pump-2"):
        assert everything(cloud.new, device, now) == everything(cloud.old, device, now)
    assert sum(one.points for one in slices) == len(points)
    assert all(day.verified for day in days(slices))


def test_from_a_store_the_time_is_that_of_measurement_and_half_open(cloud, now):
    since, until = now - 10 * HOUR, now - 2 * HOUR
    cloud.old.write([point(ts) for ts in (since - 1, since, until - 1, until)])
    cloud.move("old", cloud.pieces("old", since, until), since=since, until=until)
    assert [ts for _, ts in everything(cloud.new, "pump-1", now)] == [since, until - 1]


@pytest.mark.parametrize("max_points", [1, 3, 10])
def test_a_large_piece_is_copied_in_slices(cloud, now, monkeypatch, max_points):
    monkeypatch.setattr(backfill_sources, "_BATCH_LINES", 2)
    for seq in range(20):
        cloud.take(message(seq, now + seq, (now - seq, "good", {"temperature": seq, "pressure": 1000})))
    cloud.deliver([7, 6])
    piece = Piece(objects=tuple(sorted(cloud.lake.stored)))
    slices = cloud.copy_whole(piece, max_points=max_points)
    assert len(slices) > 3
    assert sum(one.points for one in slices) == 40
    assert max(one.points for one in slices) <= max_points + 3
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


def test_a_store_is_copied_in_slices_too(cloud, now, monkeypatch):
    monkeypatch.setattr("functions.adapters.memory._EXPORT_POINTS", 4)
    cloud.old.write([point(now - at, device=device) for device in ("pump-1", "pump-2", "pump-3") for at in range(10)])
    piece = Piece(devices=("pump-1", "pump-2", "pump-3"), day=now - now % DAY_MS)
    slices = cloud.copy_whole(piece, "old", max_points=5)
    assert [one.next for one in slices[:-1]] != [None] * (len(slices) - 1)
    assert sum(one.points for one in slices) == 30
    assert all(day.verified for day in days(slices))
    for device in piece.devices:
        assert everything(cloud.new, device, now) == everything(cloud.old, device, now)


def test_a_slice_ends_when_it_has_taken_its_time(cloud, now, monkeypatch):
    monkeypatch.setattr(backfill_sources, "_BATCH_LINES", 1)
    for seq in range(3):
        cloud.take(message(seq, now, (now - seq, "good", {"temperature": seq})))
    cloud.deliver()
    lines = cloud.lake.lines

    def slowly(key, first=0):
        for line in lines(key, first):
            cloud.clock.now += backfill_sources.READ_MS
            yield line

    cloud.lake.lines = slowly
    slices = cloud.move()
    assert [one.points for one in slices] == [1, 1, 1]
    assert everything(cloud.new, "pump-1", now) == everything(cloud.old, "pump-1", now)


def test_moving_again_changes_nothing_and_verifies(cloud, now):
    for seq in range(9):
        cloud.take(message(seq, now + seq, (now - seq % 3 * 2 * HOUR, "good", {"temperature": seq})))
    cloud.deliver([2, 3])
    cloud.move()
    before = everything(cloud.new, "pump-1", now)
    for source, pieces in ((LAKE, None), (LAKE, [*reversed(cloud.pieces())]), ("old", None)):
        assert all(day.verified for day in days(cloud.move(source, pieces)))
        assert everything(cloud.new, "pump-1", now) == before


def test_what_the_target_received_later_stays_and_is_counted_apart(cloud, now):
    cloud.old.write([point(now), point(now - 1)])
    newer = point(now, 7.0, received_at=now + HOUR)
    cloud.new.write([newer])
    (day,) = days(cloud.move("old"))
    assert day.verified
    assert (day.points, day.superseded, day.found) == (2, 1, 1)
    assert everything(cloud.new, "pump-1", now)["temperature", now] == newer


def test_what_the_target_refuses_is_counted_by_its_reason(cloud, now):
    cloud.take(message(0, now, (now - 20 * DAY_MS, "good", {"temperature": 1}), (now, "good", {"temperature": 2})))
    cloud.deliver()
    cloud.clock.now += 11 * DAY_MS
    (copied,) = cloud.move()
    old, new = copied.days
    assert (old.day, old.refused, old.expected, old.verified) == ("2025-11-04", {"expired": 1}, 0, True)
    assert (new.day, new.refused, new.expected, new.verified) == ("2025-11-24", {}, 1, True)


def test_what_only_the_target_holds_of_a_day_is_counted_and_no_error(cloud, now):
    """Live telemetry goes there since the store was changed."""
    cloud.old.write([point(now), point(now - HOUR), point(now - 2 * DAY_MS)])
    noon = now - now % DAY_MS + 12 * HOUR
    cloud.new.write([point(noon, metric="new"), point(now - HOUR), point(now - HOUR + 1), point(now - 5 * DAY_MS)])
    copied = days(cloud.move("old"))
    assert [(day.points, day.extra, day.verified) for day in copied] == [(1, 0, True), (2, 2, True)]


def test_what_lies_outside_the_time_that_is_moved_is_not_extra(cloud, now):
    since, until = now - 2 * HOUR, now - HOUR
    cloud.old.write([point(since)])
    cloud.new.write([point(ts) for ts in (since - 1, until - 1, until)])
    (day,) = days(cloud.move("old", cloud.pieces("old", since, until), since=since, until=until))
    assert day.extra == 1


def test_from_the_lake_nobody_knows_what_is_extra(cloud, now):
    cloud.take(message(0, now, (now, "good", {"temperature": 20})))
    cloud.deliver()
    cloud.new.write([point(now - 1)])
    (day,) = days(cloud.move())
    assert (day.extra, day.verified) == (None, True)


def test_of_a_day_that_slices_have_cut_nobody_knows_what_is_extra(cloud, now, monkeypatch):
    monkeypatch.setattr("functions.adapters.memory._EXPORT_POINTS", 4)
    cloud.old.write([point(now - at, device=device) for device in ("pump-1", "pump-2") for at in range(6)])
    cloud.new.write([point(now - 100, device=device) for device in ("pump-1", "pump-2")])
    piece = Piece(devices=("pump-1", "pump-2"), day=now - now % DAY_MS)
    slices = cloud.copy_whole(piece, "old", max_points=7)
    assert [(day.device, day.points, day.extra) for day in days(slices)] == [
        ("pump-1", 6, 1),
        ("pump-2", 4, None),
        ("pump-2", 2, None),
    ]
    assert all(day.verified for day in days(slices))


class Target:
    """A store that a test makes do wrong."""

    def __init__(self, store, *, breaks_ties=True):
        self.store = store
        self.breaks_ties = breaks_ties
        self.writes = 0
        self.exports = 0

    def capabilities(self):
        return Capabilities(name="target", deletes=True, breaks_ties=self.breaks_ties)

    def write(self, points):
        self.writes += 1
        return self.store.write(points)

    def export(self, device, start, end, cursor=None):
        self.exports += 1
        return self.store.export(device, start, end, cursor)


@pytest.fixture
def target(cloud):
    cloud.stores["new"] = Target(cloud.new)
    return cloud.stores["new"]


def test_a_point_that_the_target_lost_is_missing(cloud, target, now):
    cloud.old.write([point(now), point(now - 1)])
    target.write = lambda points: cloud.new.write(points[:1])
    (day,) = days(cloud.move("old"))
    assert not day.verified
    assert (day.expected, day.found, day.missing, day.different) == (2, 1, 1, 0)


def test_a_point_that_the_target_changed_is_different(cloud, target, now):
    cloud.old.write([point(now, 2.0), point(now - 1)])
    target.write = lambda points: cloud.new.write([replace(one, value=one.value / 2) for one in points])
    (day,) = days(cloud.move("old"))
    assert not day.verified
    assert (day.found, day.missing, day.different) == (2, 0, 2)
    assert day.checksum != day.found_checksum


def test_a_target_that_shows_late_what_it_took_is_asked_again(cloud, target, now):
    cloud.old.write([point(now)])
    export = target.export

    def lagging(*question):
        page = export(*question)
        return page if target.exports > 2 else PointsPage((), None)

    target.export = lagging
    (day,) = days(cloud.move("old"))
    assert day.verified
    assert target.exports == 3


def test_what_was_received_together_may_stand_only_if_greater(cloud, target, now):
    cloud.old.write([point(now, 1.0)])
    cloud.new.write([point(now, 2.0)])
    (day,) = days(cloud.move("old"))
    assert (day.verified, day.superseded) == (True, 1)
    target.breaks_ties = False
    (day,) = days(cloud.move("old"))
    assert (day.verified, day.different) == (False, 1)


def test_points_that_were_not_stored_are_written_again_and_only_they(cloud, target, now):
    cloud.old.write([point(now - at, float(at)) for at in range(4)])
    tried = []

    def partly(points):
        tried.append(sorted(one.value for one in points))
        failed = frozenset(at for at, one in enumerate(points) if one.value >= len(tried))
        cloud.new.write([one for at, one in enumerate(points) if at not in failed])
        if failed:
            raise PartialWriteError("throttled", failed)
        return []

    target.write = partly
    cloud.attempts = range(6)
    (copied,) = [one for one in cloud.move("old") if one.points]
    assert tried == [[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 3.0], [3.0]]
    assert all(day.verified for day in copied.days)


def test_a_point_that_the_target_never_takes_fails_the_day_unless_it_is_too_old(cloud, target, now):
    cloud.old.write([point(now, 1.0), point(now - 1, 2.0)])

    def refusing(points):
        cloud.new.write([one for one in points if one.value != 1.0])
        return [Rejected(one, "unstorable", "no") for one in points if one.value == 1.0]

    target.write = refusing
    (day,) = days(cloud.move("old"))
    assert (day.refused, day.missing, day.verified) == ({"unstorable": 1}, 0, False)
    assert target.exports == 1  # to ask again would not help


def test_nobody_waits_after_a_success(cloud, now):
    waits = []
    cloud.attempts = Backoff(sleep=waits.append, chance=lambda: 1.0)
    cloud.old.write([point(now)])
    assert all(day.verified for day in days(cloud.move("old")))
    assert waits == []


def test_nobody_waits_when_the_time_is_over(cloud, target, now):
    waits = []
    cloud.attempts = Backoff(sleep=waits.append, chance=lambda: 1.0)
    cloud.old.write([point(now)])

    def slowly(points):
        cloud.clock.now += WRITE_MS
        raise PartialWriteError("throttled", frozenset({0}))

    target.write = slowly
    with pytest.raises(PartialWriteError):
        cloud.copy(Piece(devices=("pump-1",), day=now - now % DAY_MS), "old")
    assert waits == []


def test_points_that_were_refused_on_the_way_are_counted_once(cloud, target, now):
    cloud.old.write([point(now - at, float(at)) for at in range(2)])
    cloud.old.write([point(now - 30 * DAY_MS, 9.0)])
    write = cloud.new.write
    cloud.clock.now += 1

    def partly(points):
        if target.writes == 0:
            target.writes = 1
            raise PartialWriteError("throttled", frozenset({1}), write([points[0]]))
        return write(points)

    target.write = partly
    piece = Piece(devices=("pump-1",), day=now - now % DAY_MS)
    (copied,) = cloud.copy_whole(piece, "old")
    assert [(day.expected, day.verified) for day in copied.days] == [(2, True)]


@pytest.mark.parametrize("problem", [PartialWriteError("throttled", frozenset({0})), StoreError("down")], ids=str)
def test_a_target_that_takes_nothing_fails_the_slice(cloud, target, now, problem):
    cloud.old.write([point(now)])

    def fail(_):
        raise problem

    target.write = fail
    with pytest.raises(StoreError, match=str(problem)):
        cloud.move("old")


def test_a_target_that_takes_long_to_refuse_is_not_tried_for_ever(cloud, target, now):
    cloud.old.write([point(now)])
    cloud.attempts = range(1000)

    def slowly(points):
        target.writes += 1
        cloud.clock.now += 120_000
        raise PartialWriteError("throttled", frozenset(range(len(points))))

    target.write = slowly
    with pytest.raises(PartialWriteError):
        cloud.copy(Piece(devices=("pump-1",), day=now - now % DAY_MS), "old")
    assert target.writes == 2


def test_a_registry_that_is_down_fails_the_slice(cloud, now):
    cloud.take(message(0, now, (now, "good", {"temperature": 20}), thing="stranger"))
    cloud.deliver()

    def fail(_):
        raise RegistryError("down")

    cloud.registry.find = fail
    cloud.clock.now += HOUR
    with pytest.raises(RegistryError):
        cloud.move()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": "nowhere"}, "from: expected one of lake, old, new, other, got 'nowhere'"),
        ({"target": "nowhere"}, "to: expected one of old, new, other, got 'nowhere'"),
        ({"target": "lake"}, "to: expected one of old, new, other, got 'lake'"),
        ({"source": "other"}, "from: expected a store that is deployed, which is old and new, got 'other'"),
        ({"target": "other"}, "to: expected a store that is deployed, which is old and new, got 'other'"),
        ({"source": "new"}, "to: expected another store than the one to move from, got 'new'"),
        ({"since": 5, "until": 5}, "since: expected a time before until, 5, got 5"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_read(cloud, change, says):
    asked = {"source": LAKE, "target": "new", "since": 0, "until": LAST, **change}
    for ask in (
        lambda: cloud.backfill.plan(PlanRequest(**asked)),
        lambda: cloud.backfill.copy(CopyRequest(**asked, piece=Piece(objects=("raw/none",)))),
    ):
        with pytest.raises(RequestError) as raised:
            ask()
        assert str(raised.value) == says


def test_a_position_behind_the_piece_copies_nothing(cloud, now):
    cloud.old.write([point(now)])
    copied = cloud.copy(Piece(devices=("pump-1",), day=now - now % DAY_MS), "old", Position(item=5))
    assert (copied.points, copied.next) == (0, None)


def test_the_series_are_the_same_before_and_after(cloud, now):
    for seq in range(30):
        cloud.take(message(seq, now + seq, (now - seq * A_MINUTE, "good", {"temperature": seq, "humidity": 40})))
    cloud.deliver([10])
    cloud.move()
    question = {"device": "pump-1", "metrics": ("humidity", "temperature"), "start": now - DAY_MS, "end": now + 1}
    for query in (SeriesQuery(**question), SeriesQuery(**question, bin_ms=5 * A_MINUTE)):
        assert cloud.new.series(query) == cloud.old.series(query)


def test_a_line_of_the_lake_says_when_it_was_received(cloud, now):
    """Late is what was late then, however long after it is moved."""
    line = LakeLine(
        thing="pump-1",
        received_at=now,
        data=b'{"v":1,"boot":"b","seq":0,"sent":1,"m":[{"ts":%d,"values":{"t":1}}]}' % now,
    )
    cloud.put(encode_line(line))
    cloud.clock.now += 3 * DAY_MS
    cloud.move()
    (found,) = everything(cloud.new, "pump-1", now).values()
    assert (found.late, found.received_at) == (False, now)


def test_what_no_store_would_take_any_more_is_not_listed(cloud, now):
    cloud.put(b"x\n", hour=-24 * 31)
    recent = cloud.put(b"x\n", hour=-24 * 29)
    listing = cloud.backfill.plan(PlanRequest(source=LAKE, target="new", since=0, until=LAST))
    assert ([one.key for one in listing.objects], listing.oldest) == ([recent], now - 30 * DAY_MS)
    assert cloud.backfill.plan(PlanRequest(source=LAKE, target="new", since=0, until=1)).objects == ()
    assert cloud.backfill.plan(PlanRequest(source="old", target="new", since=0, until=LAST)).oldest == listing.oldest
