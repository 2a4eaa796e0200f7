"""Replays a run and tells its story: `python -m tests.simulation SEED`. With a count, so many seeds from there on."""

import sys
import time

from tests.simulation.checks import problems
from tests.simulation.world import World, told


def main(first: int, count: int = 0) -> int:
    if not count:
        world = World(first)
        world.run()
        _say(*told(world))
        found = problems(world)
        _say(*found or ["all is as it must be"])
        return len(found)
    bad, began = 0, time.process_time()
    for seed in range(first, first + count):
        world = World(seed)
        world.run()
        found = problems(world)
        if found:
            bad += 1
            _say(f"seed {seed}:", *found)
    _say(f"{count} seeds, {bad} of them bad, {(time.process_time() - began) / count * 1000:.1f} ms each")
    return bad


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(min(main(*map(int, sys.argv[1:])), 1))
