"""Runs by seed, each checked against what must be: `python -m tests.simulation SEED` replays one."""

import gc
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.checks import problems
from tests.simulation.world import World, told

SEEDS, AT_ONCE = 1_000, 25


@pytest.fixture
def uncollected():
    """A world is many small objects, and is over soon: to look for what is left of it costs a tenth of the time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_whatever_happens_on_the_way_all_is_as_it_must_be(first):
    for seed in range(first, first + AT_ONCE):
        world = World(seed)
        world.run()
        assert problems(world) == [], f"replay it with: python -m tests.simulation {seed}"


def digest(seeds):
    stories = hashlib.sha256()
    for seed in seeds:
        world = World(seed)
        world.run()
        stories.update("\n".join(told(world)).encode())
    return stories.hexdigest()


def test_a_seed_replays_exactly_in_this_process_and_in_any_other():
    root = Path(__file__).parents[2]
    seeds = [3, 14, 15, 92]
    code = f"from tests.simulation.test_seeds import digest; print(digest({seeds}))"
    others = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert {digest(seeds), digest(seeds), *others} == {digest(seeds)}
