"""A set of ids by ranges behaves as a set."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device_agent.queue.ranges import IdRanges

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 6)).map(lambda at: (at[0], at[0] + at[1])))


@given(SPANS, st.integers(0, 50), st.integers(-1, 20))
def test_it_holds_what_was_added_and_nothing_else(spans, first, width):
    ranges = IdRanges(spans)
    model = {identifier for low, high in spans for identifier in range(low, high + 1)}

    assert [n for n in range(60) if n in ranges] == sorted(model)
    assert ranges.count(first, first + width) == len(model & set(range(first, first + width + 1)))
    assert ranges.next_absent(first) == next(n for n in range(first, 100) if n not in model)


@given(SPANS)
def test_its_ranges_are_in_order_and_neither_overlap_nor_touch(spans):
    pairs = IdRanges(spans).pairs()

    assert all(first <= last for first, last in pairs)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(pairs))
    assert IdRanges(pairs).pairs() == pairs


def test_where_not_all_ranges_can_be_kept_the_lowest_and_the_widest_are():
    ranges = IdRanges([(0, 3), (10, 10), (20, 29), (40, 41), (50, 59)])

    assert ranges.pairs(3) == [(0, 3), (20, 29), (50, 59)]
    assert ranges.pairs(5) == ranges.pairs()
    assert ranges.pairs(1) == [(0, 3)]
