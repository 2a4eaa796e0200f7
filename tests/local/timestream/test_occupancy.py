from hypothesis import given
from hypothesis import strategies as st

from local.timestream.occupancy import MAX_SPANS, Occupancy

CLAIMS = st.lists(st.tuples(st.integers(0, 2), st.integers(-50, 50)), max_size=60)


@given(CLAIMS)
def test_a_moment_that_is_taken_is_never_called_free(claims):
    occupancy = Occupancy()
    taken = set()
    for sid, time in claims:
        if occupancy.claim(sid, time):
            assert (sid, time) not in taken
        taken.add((sid, time))


@given(st.lists(st.integers(0, 1000), max_size=200))
def test_it_stays_small_whatever_comes(times):
    occupancy = Occupancy()
    for time in times:
        occupancy.claim(1, time)
    assert len(occupancy._spans.get(1, [])) <= 2 * MAX_SPANS


def test_ascending_times_are_all_free_also_beside_a_backfill():
    occupancy = Occupancy()
    live, old = iter(range(10_000, 20_000, 7)), iter(range(0, 10_000, 9))
    assert all(occupancy.claim(1, time) for pair in zip(live, old, strict=False) for time in pair)


def test_what_is_only_known_to_lie_in_a_span_makes_the_span_doubtful():
    occupancy = Occupancy()
    occupancy.cover(1, 100, 200)
    assert not occupancy.claim(1, 100)
    assert not occupancy.claim(1, 150)
    assert not occupancy.claim(1, 200)
    assert occupancy.claim(1, 201)
    assert occupancy.claim(1, 99)
    assert occupancy.claim(2, 150)
