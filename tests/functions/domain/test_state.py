import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.series import Point
from functions.domain.state import (
    MAX_BOOTS,
    MAX_LATEST_BYTES,
    MAX_METRICS,
    WINDOW,
    Boot,
    Counters,
    DeviceState,
    Latest,
    Observation,
    Room,
    merged,
)

NONE = frozenset()


def point(ts, value=1.0, metric="temperature", *, late=False):
    return Point("pump-1", metric, ts, value, "good", late, ts)


def observe(state, seq, *points, boot="b1", **more):
    return state.with_observation(Observation(boot, seq, points, **more))


def test_latest_moves_only_to_a_newer_ts():
    latest = merged({}, [point(5, 1.0)], NONE)
    assert merged(latest, [point(4, 2.0)], NONE) is latest
    assert merged(latest, [point(5, 3.0)], NONE) is latest
    assert merged(latest, [point(6, 4.0)], NONE) == {"temperature": Latest(6, 4.0, "good")}


def test_a_late_point_never_moves_latest():
    latest = merged({}, [point(5)], NONE)
    assert merged(latest, [point(6, late=True)], NONE) is latest
    assert merged({}, [point(6, late=True)], NONE) == {}


def test_latest_never_forgets_a_slower_metric():
    latest = merged({}, [point(1, 1.0, "slow")], NONE)
    for ts in range(2, 50):
        latest = merged(latest, [point(ts, 2.0, "fast")], NONE)
    assert latest["slow"] == Latest(1, 1.0, "good")


def test_a_state_is_never_changed_in_place():
    before = DeviceState()
    observe(before, 0, point(1))
    assert before == DeviceState()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99), st.booleans()), unique_by=lambda one: one[:2]))
def test_latest_is_the_newest_in_time_in_whatever_order_points_come(rows):
    points = [point(ts, float(ts), metric, late=late) for metric, ts, late in rows]
    newest = {}
    for one in points:
        if not one.late and one.ts > newest.get(one.metric, -1):
            newest[one.metric] = one.ts
    latest = {}
    for one in points:
        latest = merged(latest, [one], NONE)
    assert {metric: known.ts for metric, known in latest.items()} == newest


@given(st.lists(st.integers(0, WINDOW - 1)), st.integers(0, 2**53 - WINDOW))
def test_within_the_window_a_message_is_new_once(sequence, base):
    state, seen = DeviceState(), set()
    for seq in (base + offset for offset in sequence):
        assert state.has_seen("b1", seq) == (seq in seen)
        state = observe(state, seq)
        seen.add(seq)


@given(st.lists(st.integers(0, 5 * WINDOW)))
def test_a_message_that_never_came_never_counts_as_seen(sequence):
    state = DeviceState()
    for seq in sequence:
        state = observe(state, seq)
    assert all(seq in sequence for seq in range(5 * WINDOW + 1) if state.has_seen("b1", seq))


def test_what_is_older_than_the_window_counts_as_new():
    state = observe(DeviceState(), WINDOW)
    assert not state.has_seen("b1", 0)
    state = observe(observe(DeviceState(), 0), WINDOW - 1)
    assert state.has_seen("b1", 0)
    assert not observe(state, WINDOW).has_seen("b1", 0)


def test_a_message_behind_the_window_leaves_the_window_as_it_is():
    boot = Boot("b1", 10_000, 1)
    assert boot.with_seq(10_000 - WINDOW) is boot


def test_the_window_takes_its_bytes_and_no_more():
    state = DeviceState()
    for seq in range(3 * WINDOW):
        state = observe(state, seq)
    assert state.boots[0].seen == (1 << WINDOW) - 1


def test_boots_are_told_apart_and_the_one_not_heard_for_longest_is_forgotten():
    state = DeviceState()
    for number in range(MAX_BOOTS):
        state = observe(state, 7, boot=f"b{number}")
    state = observe(state, 8, boot="b0")
    state = observe(state, 7, boot="new")
    assert len(state.boots) == MAX_BOOTS
    assert state.has_seen("b0", 7)
    assert not state.has_seen("b1", 7)
    assert not state.has_seen("b2", 8)


def test_counters_count_messages_points_late_unmodeled_and_duplicates():
    state = observe(DeviceState(), 0, point(1), point(2, metric="mood"), unmodeled=frozenset({"mood"}))
    state = observe(state, 1, point(3, late=True))
    state = observe(state, 1, duplicate=True)
    assert state.counters == Counters(messages=2, points=3, duplicates=1, late=1, unmodeled=1)


def test_there_is_room_for_so_many_metrics_and_for_every_known_one():
    room = Room({})
    assert all(room.admit(f"m{at}", 1.0) for at in range(MAX_METRICS))
    assert not room.admit("one-more", 1.0)
    assert room.admit("m0", 2.0)


def test_metrics_without_a_last_value_count_too_and_once():
    room = Room({"m0": Latest(1, 1.0, "good")})
    assert all(room.admit_name(f"m{at}") for at in range(MAX_METRICS))
    assert not room.admit_name("one-more")
    assert not room.admit("one-more", 1.0)
    assert all(room.admit(f"m{at}", 1.0) for at in range(MAX_METRICS))


def test_the_longest_names_of_numbers_all_fit():
    room = Room({})
    assert all(room.admit(f"m{at:063}", -1.7976931348623157e308) for at in range(MAX_METRICS))


@pytest.mark.parametrize("text", ["x" * 256, "🌡" * 256])
def test_long_texts_are_bounded_by_their_bytes(text):
    room = Room({})
    admitted = sum(room.admit(f"m{at}", text) for at in range(MAX_METRICS))
    assert 0 < admitted * len(text.encode()) <= MAX_LATEST_BYTES
    assert admitted < MAX_METRICS


def test_a_full_state_may_shrink_but_not_grow():
    latest = {f"m{at}": Latest(1, "🌡" * 256, "good") for at in range(100)}
    room = Room(latest)
    assert room.admit("m0", 1.0)
    assert not room.admit("m1", "🌡" * 257)


def test_the_newest_receipt_stands_in_whatever_order_they_are_told():
    assert DeviceState().heard_at(5).heard_at(9).heard_at(7).seen_at == 9
