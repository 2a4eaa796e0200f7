"""Where records go, and what makes way, before anything is written."""

import pytest

from device_agent.queue.messages import Priority
from device_agent.queue.placement import Placement
from device_agent.queue.state import RingState, Segment

URGENT, TELEMETRY, LOG = Priority


def ring(*segments):
    """Segments of 4096 bytes, by (generation, priority, end, messages), numbered from 0."""
    state = RingState(4096)
    for number, (generation, priority, end, messages) in enumerate(segments):
        state.put(Segment(number, generation, priority, end, first_id=generation * 100, messages=messages))
        state.generation = max(state.generation, generation)
    return state


def placement(state):
    return Placement(state, lambda: False)


def test_a_record_goes_behind_the_last_of_its_priority():
    plan = placement(ring((1, TELEMETRY, 4000, 5), (2, TELEMETRY, 100, 5), (3, LOG, 50, 1)))

    assert plan.place(TELEMETRY, 1000) == (1, 100)
    assert plan.place(LOG, 60) == (2, 50)
    assert plan.place(TELEMETRY, 1000) == (1, 1100)
    assert plan.taken == {}


def test_when_it_is_full_an_empty_one_begins_a_new_pass_one_that_was_in_use_first():
    state = ring((0, TELEMETRY, 0, 0), (2, LOG, 100, 0), (3, LOG, 0, 0), (4, TELEMETRY, 4000, 1))
    plan = placement(state)

    assert plan.place(TELEMETRY, 500) == (1, 0)
    assert plan.place(TELEMETRY, 3000) == (1, 500)
    assert plan.place(TELEMETRY, 3000) == (0, 0)
    # The one that LOG still writes to comes last.
    assert plan.place(TELEMETRY, 3000) == (2, 0)
    assert plan.taken == {1: TELEMETRY, 0: TELEMETRY, 2: TELEMETRY}
    # The disk is not touched by a plan, and neither is the state.
    assert state.segments[1].generation == 2


@pytest.mark.parametrize(
    ("priority", "segments", "victim"),
    [
        (URGENT, [(1, URGENT, 4096, 1), (2, TELEMETRY, 0, 1), (3, LOG, 0, 1), (4, LOG, 0, 1)], 2),
        (URGENT, [(1, URGENT, 4096, 1), (3, TELEMETRY, 0, 1), (2, TELEMETRY, 0, 1)], 2),
        (URGENT, [(2, URGENT, 4096, 1), (1, URGENT, 0, 1)], 1),
        (TELEMETRY, [(1, URGENT, 0, 1), (2, TELEMETRY, 4096, 1), (3, LOG, 0, 1)], 2),
        (TELEMETRY, [(1, URGENT, 0, 1), (2, TELEMETRY, 4096, 1)], 1),
        (TELEMETRY, [(1, URGENT, 0, 1), (2, URGENT, 0, 1)], None),
        (LOG, [(1, URGENT, 0, 1), (2, TELEMETRY, 0, 1)], None),
        (LOG, [(1, URGENT, 0, 1), (2, LOG, 4096, 1)], 1),
    ],
)
def test_with_none_empty_the_oldest_of_the_lowest_makes_way_but_nothing_higher(priority, segments, victim):
    place = placement(ring(*segments)).place(priority, 10)

    assert place == (None if victim is None else (victim, 0))


def test_what_the_same_append_has_placed_is_never_a_victim():
    plan = placement(ring((1, LOG, 0, 1), (2, TELEMETRY, 4096, 3)))

    assert plan.place(URGENT, 4000) == (0, 0)
    assert plan.place(URGENT, 4000) == (1, 0)
    assert plan.place(URGENT, 4000) is None
    assert plan.place(LOG, 10) is None


def test_a_record_larger_than_a_segment_has_no_place_and_takes_nothing():
    plan = placement(ring((0, LOG, 0, 0)))

    assert plan.place(URGENT, 4097) is None
    assert plan.taken == {}
    assert plan.place(URGENT, 4096) == (0, 0)


def test_a_missing_segment_is_made_before_anything_is_dropped():
    state = ring((1, TELEMETRY, 4096, 3))

    def grow():
        state.put(Segment(7))
        return True

    assert Placement(state, grow).place(TELEMETRY, 100) == (7, 0)


def test_segments_without_their_space_are_read_but_not_written():
    state = ring((1, TELEMETRY, 10, 3), (0, TELEMETRY, 0, 0))
    state.segments[0].writable = state.segments[1].writable = False

    assert placement(state).place(TELEMETRY, 100) is None
