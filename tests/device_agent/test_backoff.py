from random import Random

from device_agent.backoff import Backoff


class Highest(Random):
    def uniform(self, a, b):
        return b


class Lowest(Random):
    def uniform(self, a, b):
        return a


def test_the_ceiling_doubles_up_to_the_most():
    backoff = Backoff(Highest(), first_s=1, most_s=10)
    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_a_reset_starts_from_the_bottom():
    backoff = Backoff(Highest(), first_s=1, most_s=300)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 1


def test_the_jitter_is_full_but_never_below_the_least():
    assert Backoff(Lowest()).next_s() == 0
    assert Backoff(Lowest(), least_s=0.5).next_s() == 0.5


def test_delays_are_spread_over_the_whole_range(random):
    backoff = Backoff(random, first_s=100, most_s=100)
    delays = [backoff.next_s() for _ in range(200)]
    assert min(delays) < 10
    assert max(delays) > 90
