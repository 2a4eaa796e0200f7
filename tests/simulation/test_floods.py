"""Many messages at once, and those that nothing can be made of."""

import json

import pytest

from tests.simulation.checks import problems
from tests.simulation.script import START, STRANGER, THINGS, Message, Reading, Script
from tests.simulation.sqs import Delivery
from tests.simulation.world import World

POISON = '{"neither":"from a topic rule"}'
DEVICES = [*THINGS[:2], *(f"{STRANGER}{number}" for number in range(98))]


def message(thing, seq, at):
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": at, "m": [{"ts": at, "values": {"temperature": 20.0}}]}
    kept = {"temperature": 20.0} | ({"excess": 0.0} if thing in THINGS else {})
    raw = json.dumps(document).encode()
    return Message(thing, raw, (at + 20,), "b1", seq, at, (Reading(at, "good", kept),))


def flood(count):
    """As many messages, from a hundred devices in turn, all within a few seconds."""
    messages = [
        message(DEVICES[number % 100], number // 100, START + 20 * (number // 100) + number % 100)
        for number in range(count)
    ]
    return Script(messages, end=START + 20_000)


def flooded(seed, count, poison, *, receives=5):
    world = World(seed, flood(count), receives=receives)
    for source in world.sources:
        source.delivery = Delivery(twice=0.02, undeleted=0.02)
    for number in range(poison):
        world.kernel.at(START + 10 * number, lambda: world.queues["ingest"].send(POISON))
    world.run()
    return world


def test_one_poison_message_among_ten_thousand_is_a_dead_letter_and_the_others_are_stored_once():
    world = flooded(1, 9_999, 1)
    assert world.dead("ingest") == [POISON]
    assert problems(world) == []
    assert max(len(what[1]) for _, kind, *what in world.story if kind == "invoke") >= 1_000


@pytest.mark.parametrize("seed", range(3))
def test_a_queue_of_only_poison_does_not_stall(seed):
    world = flooded(seed, 5, 500)
    assert world.dead("ingest") == [POISON] * 500
    assert problems(world) == []
    first = [at for at, kind, *what in world.story if kind == "done" and what[0].startswith("ingest")]
    assert first[0] < 10_000
