"""What a rule asks for in the first second of the agent is done once the actuators are watched over."""

from device_agent.actuators.controller import READY_S
from device_agent.actuators.early import EarlyRequests

from .conftest import Bench, relay


async def started(clock, log, *settings):
    bench = Bench(clock, log, settings or (relay(),))
    bench.watch.is_watching = False
    await bench.actuators.open()
    return bench, EarlyRequests(bench.actuators)


async def become_ready(bench, clock):
    bench.watch.is_watching = True
    bench.actuators.tick()
    await clock.advance(0)


async def test_a_request_before_the_guardian_watches_is_done_once_it_does(clock, log):
    bench, early = await started(clock, log)
    early.act("relay", {"on": True}, "rule:hot")
    await clock.advance(1)
    assert (bench.level(17), bench.events) == (0.0, [])

    await become_ready(bench, clock)
    assert bench.level(17) == 1.0

    early.act("relay", {"on": False}, "rule:hot")
    assert bench.level(17) == 0.0


async def test_of_several_early_requests_the_last_one_counts_and_safe_is_never_waited_for(clock, log):
    bench, early = await started(clock, log, relay(), relay("fan", 18))
    early.act("relay", {"on": True}, "rule:hot")
    early.act("relay", {"on": False}, "rule:cold")
    early.act("fan", {"on": True, "for_s": 5}, "rule:hot")
    early.act("fan", {"on": True}, "rule:hot")

    await become_ready(bench, clock)
    assert (bench.level(17), bench.level(18)) == (0.0, 1.0)
    assert bench.actuators._all["fan"].revert_at is None


async def test_what_comes_when_they_have_just_become_ready_is_newer_than_what_waits(clock, log):
    bench, early = await started(clock, log)
    early.act("relay", {"on": True}, "rule:hot")
    bench.watch.is_watching = True
    bench.actuators.tick()
    early.act("relay", {"on": False}, "rule:cold")
    await clock.advance(0)

    assert bench.level(17) == 0.0


async def test_without_a_guardian_the_request_is_refused_and_told_in_the_end(clock, log):
    bench, early = await started(clock, log)
    early.act("relay", {"on": True}, "rule:hot")
    await clock.advance(READY_S + 1)

    assert [kind for kind, _ in bench.events] == ["actuator_refused"]
    assert bench.level(17) == 0.0


async def test_an_unknown_actuator_is_refused_at_once(clock, log):
    bench, early = await started(clock, log)
    early.act("toaster", {"on": True}, "rule:hot")
    await clock.advance(0)

    assert [kind for kind, _ in bench.events] == ["actuator_refused"]
