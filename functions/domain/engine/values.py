"""The values of an active alarm between its transitions, which only the engine's state of the device knows."""

import msgspec

from functions.domain.alarms import Alarm
from functions.domain.engine.codec import head_of, rest_of
from functions.domain.engine.inputs import SURE
from functions.domain.engine.program import Program
from functions.domain.state import DeviceState


def up_to_date(alarm: Alarm, state: DeviceState, program: Program) -> Alarm:
    """With the values of its rule as of the newest sample. Raises ValueError for a damaged state."""
    head = head_of(state)
    rest = None if head is None else rest_of(head)
    running = () if rest is None else rest.running
    kept = next((one for one in running if (one.rule, one.number) == (alarm.rule, alarm.number)), None)
    if rest is None or kept is None or kept.state.alarm is None or not alarm.active:
        return alarm
    found = kept.state.alarm
    compiled = program.compiled.get(alarm.rule)
    metric = None if compiled is None else compiled.program.primary
    newest = None if metric is None or rest.held else state.latest.get(metric)
    # What changes nothing is not shown to the rule: then its own last value is an older one.
    last = newest.value if newest is not None and newest.q in SURE else found.last
    return msgspec.structs.replace(alarm, last=last, peak=found.peak, count=found.count)
