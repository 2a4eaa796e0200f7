from hypothesis import given
from hypothesis import strategies as st

from device_agent.clock import ManualClock
from device_agent.token_bucket import TokenBucket


class Seconds(ManualClock):
    def pass_by(self, seconds):
        self._elapsed += seconds


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 80)), max_size=30))
def test_no_second_has_more_than_rate_and_burst_together(steps):
    clock = Seconds()
    bucket = TokenBucket(clock, rate=45, burst=5)
    times = []
    for pause, wanted in steps:
        clock.pass_by(pause)
        for _ in range(wanted):
            clock.pass_by(bucket.wait_s)
            bucket.take()
            times.append(clock.monotonic())

    for index, start in enumerate(times):
        assert sum(start <= time < start + 1 - 1e-6 for time in times[index : index + 60]) <= 50


def test_the_rate_is_reached():
    clock = Seconds()
    bucket = TokenBucket(clock, rate=45, burst=5)
    for _ in range(450):
        clock.pass_by(bucket.wait_s)
        bucket.take()
    assert 9.5 < clock.monotonic() < 10


def test_what_is_taken_without_asking_is_waited_for_by_who_asks():
    clock = Seconds()
    bucket = TokenBucket(clock, rate=10, burst=1)
    for _ in range(11):
        bucket.take()
    assert bucket.wait_s > 1
