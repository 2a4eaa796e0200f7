"""Engine and oracle on the same messages, without a world around them: many passes, in milliseconds."""

import json
import random

import pytest

from contract import models
from functions.domain.engine.program import Input, InstalledRule, Program
from functions.domain.presence import Presence, Status
from functions.domain.series import Point
from functions.domain.state import DeviceState, merged
from tests.simulation.oracle import Handled, Step, _samples, steps
from tests.simulation.rules import EXPECTED, RULES
from tests.simulation.script import START, THINGS, model, write

MODEL = models.decode(json.dumps(model()).encode(), "the simulation")


def program(thing):
    return Program(tuple(InstalledRule(one, 1) for one in RULES if EXPECTED[one.id].of(thing)), MODEL)


def passes(thing, script, chance):
    """Messages in batches near the time of their receipt, and ticks between them; presence comes and goes."""
    copies = [(message.received[0], message) for message in script.messages if message.thing == thing and message.boot]
    arrive = sorted(
        (at + chance.choice((0, 0, 300, 3_000, 8_000, 30_000)), at, nr) for nr, (at, _) in enumerate(copies)
    )
    online, since, made, now = None, None, [], START
    while arrive or now < script.end + 200_000:
        now += chance.choice((1_000, 5_000, 20_000))
        batch, arrive = [one for one in arrive if one[0] <= now], [one for one in arrive if one[0] > now]
        if chance.random() < 0.1:
            online, since = chance.choice((True, False)), now - chance.choice((0, 5_000))
        if batch:
            made.append(Handled(tuple((copies[nr][1], at) for _, at, nr in batch), None, (online, since)))
        elif chance.random() < 0.5:
            made.append(Handled((), now, (online, since)))
    return made


def run(thing, made):
    state, found = DeviceState(), []
    engine = program(thing)
    for one in made:
        status = {True: Status.ONLINE, False: Status.OFFLINE, None: Status.UNKNOWN}[one.online[0]]
        presence = Presence(status=status, since=one.online[1])
        inputs = [
            Input(message.boot, message.seq, message.sent, received_at, tuple(_samples(message)))
            for message, received_at in one.messages
        ]
        outcome = engine.run(thing, state, inputs, one.now, presence=presence)
        points = [
            Point(thing, metric, reading.ts, value, reading.quality, reading.ts < r - 600_000, r)
            for message, r in one.messages
            for reading in message.readings
            for metric, value in reading.kept.items()
        ]
        found += outcome.transitions
        latest = state.latest
        for p in sorted(points, key=lambda p: p.received_at):
            latest = merged(latest, [p], frozenset())
        state = DeviceState(
            version=state.version + 1, latest=latest, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed
        )
    told = {rule: [] for rule, each in EXPECTED.items() if each.of(thing)}
    for one in found:
        told[one.rule].append(Step(one.kind.value, one.at, one.severity))
    return told


@pytest.mark.parametrize("seed", range(300))
def test_engine_and_oracle_agree(seed):
    chance = random.Random(seed)
    script = write(chance)
    for thing in sorted({message.thing for message in script.messages} & set(THINGS)):
        made = passes(thing, script, chance)
        assert run(thing, made) == steps(thing, made)
