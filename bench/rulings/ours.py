"""Ours: read, check against the model, ten rules with duration and hysteresis, dedupe, and the device's next state.

`python -m bench.rulings.ours MESSAGES RULES DEVICES`: ten of the rules installed ask for what the messages have; 200
of the devices known send. Batches of a thousand messages, five of each device, as a function gets them.

Measured is all that ingest does with messages between reading the states of their devices and writing them: what
nothing comes of is passed over, the rest is assessed and shown to the rules. Not measured are the queue's envelope,
points for the store of messages that are passed over, and reads and writes.
"""

import sys
from collections.abc import Mapping

from msgspec.structs import replace

from bench.rulings.rounds import serve
from bench.rulings.workload import (
    DEVICES,
    FOR_MS,
    INTERVAL_MS,
    MIDDLES,
    RANGES,
    START_MS,
    messages,
    thresholds,
)
from contract.models import DeviceModel, Metric
from contract.rules import Rule, read_rule
from functions.domain.engine.inputs import InstalledRule
from functions.domain.engine.program import Program
from functions.domain.ingest import Incoming, inputs_of
from functions.domain.spared import assess_usual, spared
from functions.domain.state import DeviceState

AT_ONCE = 1_000

MODEL = DeviceModel(
    name="pump",
    title="Pump",
    version="1.0.0",
    interval_ms=60_000,
    metrics={
        key: Metric(key=key, title=key, type="number", unit="1", minimum=low, maximum=high)
        for key, (low, high) in RANGES.items()
    },
)


def rules(installed: int) -> list[Rule]:
    """Those that ask for the messages' metrics, and others of the same devices that never do."""
    documents = [
        {"metric": metric, side: limit, "until": until, "for_ms": FOR_MS} for metric, side, limit, until in thresholds()
    ]
    documents += [
        {"metric": f"other_{index}", "above": 5.0, "until": 4.0, "for_ms": FOR_MS}
        for index in range(installed - len(documents))
    ]
    return [
        read_rule({"rule": f"rule-{index}", "title": "A rule", "scope": "*", "severity": "major", "when": when})
        for index, when in enumerate(documents)
    ]


def batches(count: int) -> list[dict[str, list[Incoming]]]:
    made = []
    texts = messages(count)
    for start in range(0, count, AT_ONCE):
        batch: dict[str, list[Incoming]] = {}
        for index, (thing, payload) in enumerate(texts[start : start + AT_ONCE]):
            at = _sent_at(start + index)
            batch.setdefault(thing, []).append(Incoming(f"{start + index}", thing, at, payload))
        made.append(batch)
    return made


def _sent_at(index: int) -> int:
    seq, device = divmod(index, DEVICES)
    return START_MS + seq * INTERVAL_MS + device + 50


def take(states: dict[str, DeviceState], batch: Mapping[str, list[Incoming]], program: Program) -> None:
    """As ingest does between reading the states and writing them."""
    for thing, some in batch.items():
        state, rest = states[thing], some
        spare = spared(some, state, program, {})
        if spare is not None:
            state, rest = spare.after, spare.rest
        if rest:
            assessed, after = assess_usual(rest, state, program)
            inputs, duplicates = inputs_of(assessed)
            outcome = program.run(thing, state, inputs, None, duplicates=duplicates)
            state = replace(after, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
        states[thing] = state


if __name__ == "__main__":
    COUNT, INSTALLED, KNOWN = map(int, sys.argv[1:])
    PROGRAM = Program(tuple(InstalledRule(rule=rule, version=1) for rule in rules(INSTALLED)), MODEL)
    STATES = {f"pump-{index}": DeviceState() for index in range(KNOWN)}
    FIRST, *REST = batches(COUNT + AT_ONCE)
    take(STATES, FIRST, PROGRAM)
    BEGUN = {f"pump-{index}": STATES[f"pump-{index}"] for index in range(DEVICES)}
    assert STATES["pump-0"].counters.points == len(MIDDLES) * AT_ONCE // DEVICES, "the first batch was not stored"  # noqa: S101

    def work() -> int:
        STATES.update(BEGUN)
        for batch in REST:
            take(STATES, batch, PROGRAM)
        return COUNT

    serve(work)
