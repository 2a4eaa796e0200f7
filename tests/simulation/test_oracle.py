"""Engine and oracle on the same messages, without a world around them: many passes in milliseconds."""

import json
import random

import pytest

from contract import models
from functions.domain.engine.program import Input, InstalledRule, Program
from functions.domain.presence import Presence, Status
from functions.domain.series import Point
from functions.domain.state import DeviceState, merged
from tests.simulation.oracle import Handled, Step, _samples, steps
from tests.simulation.rules import RULES, rules_of
from tests.simulation.script import LATENESS_MS, START, THINGS, model, write

MODEL = models.decode(json.dumps(model()).encode(), "the simulation")
PROGRAMS = {
    thing: Program(tuple(InstalledRule(one, 1) for one in RULES if one.id in rules_of(thing)), MODEL)
    for thing in THINGS
}
STATUS = {True: Status.ONLINE, False: Status.OFFLINE, None: Status.UNKNOWN}


def passes(thing, script, chance):
    """Messages in batches soon after their receipt, or not so soon, and ticks between them; presence comes and goes."""
    known = [message for message in script.messages if message.thing == thing and message.boot]
    waiting = [
        (one.received[0] + chance.choice((0, 0, 300, 3_000, 8_000, 30_000)), number) for number, one in enumerate(known)
    ]
    online, since, made, now = None, None, [], START
    while waiting or now < script.end + 200_000:
        now += chance.choice((1_000, 5_000, 20_000))
        batch = [number for at, number in waiting if at <= now]
        waiting = [one for one in waiting if one[0] > now]
        if chance.random() < 0.1:
            online, since = chance.choice((True, False)), now - chance.choice((0, 5_000))
        if batch:
            messages = tuple((known[number], known[number].received[0]) for number in batch)
            made.append(Handled(messages, None, (online, since)))
        elif chance.random() < 0.5:
            made.append(Handled((), now, (online, since)))
    return made


def latest(known, messages):
    for message, received_at in sorted(messages, key=lambda one: one[1]):
        points = [
            Point("x", metric, one.ts, value, one.quality, one.ts < received_at - LATENESS_MS, received_at)
            for one in message.readings
            for metric, value in one.kept.items()
        ]
        known = merged(known, points, frozenset())
    return known


def run(thing, made):
    state, found = DeviceState(), {rule: [] for rule in rules_of(thing)}
    for one in made:
        inputs = [Input(m.boot, m.seq, m.sent, received_at, tuple(_samples(m))) for m, received_at in one.messages]
        presence = Presence(status=STATUS[one.online[0]], since=one.online[1])
        outcome = PROGRAMS[thing].run(thing, state, inputs, one.now, presence=presence)
        for step in outcome.transitions:
            found[step.rule].append(Step(step.kind.value, step.at, step.severity))
        state = DeviceState(
            version=state.version + 1,
            latest=latest(state.latest, one.messages),
            rules=outcome.rules,
            alarms=outcome.alarms,
            armed=outcome.armed,
        )
    return found


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_engine_and_oracle_agree(first):
    for seed in range(first, first + 50):
        chance = random.Random(seed)
        script = write(chance)
        for thing in sorted({message.thing for message in script.messages} & set(THINGS)):
            made = passes(thing, script, chance)
            assert run(thing, made) == steps(thing, made), f"seed {seed}, {thing}"
