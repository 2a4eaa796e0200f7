"""The simulation notices what it is there for: each planted bug is caught within a bounded number of seeds."""

import pytest

from tests.simulation import alarm_mutations  # noqa: F401 - plants more
from tests.simulation.checks import problems
from tests.simulation.mutations import MUTATIONS
from tests.simulation.weather import STORM
from tests.simulation.world import World

MOST_SEEDS = 400


def weather_of(seed):
    """Every other seed is one in which much goes wrong."""
    return STORM if seed % 2 else None


def caught(first=0):
    """The number of seeds that it took, and what was noticed."""
    for seed in range(first, first + MOST_SEEDS):
        world = World(seed, weather=weather_of(seed))
        world.run()
        # A bug that only makes a function fail is no test of what is checked here.
        found = [problem for problem in problems(world) if not problem.startswith("a function met")]
        if found:
            return seed - first + 1, found
    return None


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_bug_is_caught(name):
    mutation = MUTATIONS[name]
    with mutation.planted():
        assert caught(mutation.first) is not None, f"nothing was noticed in {MOST_SEEDS} seeds, though {name}"


def test_without_a_bug_the_same_seeds_are_clean():
    for seed in range(20):
        world = World(seed, weather=weather_of(seed))
        world.run()
        assert problems(world) == []
