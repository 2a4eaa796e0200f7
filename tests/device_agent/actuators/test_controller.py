import asyncio

import pytest
from gpiozero.pins.mock import MockPWMPin

from device_agent.actuators import Outcome
from device_agent.actuators.limits import Permit
from device_agent.errors import GpioError

from .conftest import Bench, motor, relay, valve


async def test_a_start_puts_every_actuator_into_its_safe_state(bench):
    async with bench(relay(active_high=False), motor()) as at:
        assert at.level(17) == 1.0
        assert at.level(12) == at.level(13) == 0.0
        assert at.actuators.report() == {"relay": {"on": False}, "motor": {"speed": 0.0}}
        assert at.actuators.ready.is_set()


async def test_a_request_is_done_and_its_truth_read_back_from_the_pin(bench):
    async with bench(relay()) as at:
        assert await at.do("relay", {"on": True}) == Outcome("SUCCEEDED", truth={"on": True})
        assert at.level(17) == 1.0
        assert at.actuators.report() == {"relay": {"on": True}}


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("pump", {"on": True}, "no actuator 'pump' here; there are relay"),
        ("relay", {"on": 1}, "on: expected of type boolean, got 1"),
        ("relay", {}, "on: expected present, got nothing"),
        ("relay", {"on": True, "colour": 3}, "colour: expected one of on, for_s, got 'colour'"),
        ("relay", {"on": True, "for_s": float("nan")}, "for_s: expected at least 0.1, got nan"),
        ("relay", [], "parameters: expected of type object, got a list of 0"),
        ("relay", {"on": True, "for_s": 0}, "for_s: expected at least 0.1, got 0"),
    ],
)
async def test_a_request_that_is_not_understood_changes_nothing(bench, name, parameters, reason):
    async with bench(relay()) as at:
        outcome = await at.do(name, parameters)
        assert (outcome.status, outcome.reason) == ("REJECTED", reason)
        assert at.level(17) == 0.0


async def test_a_speed_is_a_duty_cycle_on_one_side_of_the_bridge(bench):
    async with bench(motor()) as at:
        await at.do("motor", {"speed": 0.5})
        assert (at.level(12), at.level(13)) == (0.5, 0.0)
        await at.do("motor", {"speed": -0.25})
        assert (at.level(12), at.level(13)) == (0.0, 0.25)
        assert at.actuators.report() == {"motor": {"speed": -0.25}}


async def test_both_sides_of_a_bridge_are_never_on_together(bench, monkeypatch):
    async with bench(motor()) as at:
        together = []
        change = MockPWMPin._change_state

        def watched(pin, value):
            changed = change(pin, value)
            together.append(at.level(12) > 0 and at.level(13) > 0)
            return changed

        monkeypatch.setattr(MockPWMPin, "_change_state", watched)
        for speed in (1, -1, 0.5, -0.5):
            await at.do("motor", {"speed": speed})
        assert len(together) == 8
        assert not any(together)


async def test_a_pin_that_reads_otherwise_than_it_was_set_is_a_failure_and_made_safe(bench, monkeypatch):
    async with bench(relay()) as at:
        pin = at.factory.pin(17)
        monkeypatch.setattr(pin, "_set_state", lambda value: None)
        outcome = await at.do("relay", {"on": True})
        assert outcome == Outcome("FAILED", "pin 17 reads 0 after it was set to 1", {"on": False})
        assert at.events == [("actuator_failed", {"actuator": "relay", "reason": outcome.reason})]
        assert at.actuators.report() == {"relay": {"on": False}}


async def test_the_same_request_again_sets_right_what_somebody_else_did_to_the_pin(bench):
    async with bench(relay()) as at:
        await at.do("relay", {"on": True})
        at.factory.pin(17).state = False
        assert at.actuators.report() == {"relay": {"on": False}}

        outcome = await at.do("relay", {"on": True})
        assert (outcome.status, outcome.truth) == ("SUCCEEDED", {"on": True})
        assert at.level(17) == 1


async def test_a_pin_that_cannot_be_made_safe_is_tried_until_it_can(bench, clock, monkeypatch):
    async with bench(relay()) as at:
        await at.do("relay", {"on": True})
        pin = at.factory.pin(17)
        with monkeypatch.context() as broken:
            broken.setattr(pin, "_set_state", lambda value: (_ for _ in ()).throw(OSError(5, "stuck")))
            outcome = await at.do("relay", {"on": False})
            assert (outcome.status, outcome.reason) == ("FAILED", "pin 17 cannot be written: [Errno 5] stuck")
            await clock.advance(10)
            assert at.actuators.faults() == {"relay": "pin 17 cannot be written: [Errno 5] stuck"}
            assert (await at.do("relay", {"on": True})).status == "REJECTED"
        await clock.advance(2)
        assert at.level(17) == 0.0
        assert at.actuators.faults() == {}
        assert len(at.events) == 1


async def test_an_actuator_whose_pin_is_taken_does_not_stop_the_others_and_is_tried_again(clock, log):
    at = Bench(clock, log, (relay(), motor()))
    other = at.factory
    from gpiozero import DigitalOutputDevice

    taken = DigitalOutputDevice(17, pin_factory=other)
    await at.actuators.open()
    running = asyncio.create_task(at.actuators.run(lambda: None))
    await clock.advance(0)
    assert at.actuators.report() == {"relay": {"on": None}, "motor": {"speed": 0.0}}
    assert (await at.do("motor", {"speed": 1})).status == "SUCCEEDED"
    outcome = await at.do("relay", {"on": True})
    assert outcome.status == "REJECTED"
    assert outcome.reason.startswith("pin 17 cannot be claimed: ")
    taken.close()
    await clock.advance(2)
    assert (await at.do("relay", {"on": True})).status == "SUCCEEDED"
    running.cancel()


async def test_without_pins_every_request_is_refused_with_the_reason(clock, log):
    def nothing():
        raise GpioError("no GPIO chip here")

    at = Bench(clock, log, (relay(),))
    at.actuators._claims._factory = nothing
    await at.actuators.open()
    assert (await at.do("relay", {"on": True})).reason == "no GPIO chip here"
    assert (await at.do("relay", {"on": False})).status == "FAILED"


async def test_what_is_on_goes_off_after_max_on_and_says_so(bench, clock):
    async with bench(relay(max_on_s=60)) as at:
        await at.do("relay", {"on": True})
        await clock.advance(30)
        await at.do("relay", {"on": True})
        await clock.advance(29.9)
        assert at.level(17) == 1.0
        await clock.advance(0.1)
        assert at.level(17) == 0.0
        assert at.events == [
            (
                "actuator_made_safe",
                {"actuator": "relay", "reason": "on for max_on_s (60 s)", "was": {"on": True}},
            )
        ]


async def test_max_on_counts_the_time_that_the_device_slept(bench, clock):
    async with bench(relay(max_on_s=60)) as at:
        await at.do("relay", {"on": True})
        clock._booted_at -= 3600  # suspended: boot time goes on, monotonic time does not
        await clock.advance(1)
        assert at.level(17) == 0.0


async def test_an_actuator_comes_on_again_only_after_its_minimum_cycle(bench, clock):
    async with bench(relay(min_cycle_s=300)) as at:
        assert (await at.do("relay", {"on": True})).reason == "it changed 0.0 s ago and may again in 300.0 s"
        await clock.advance(300)
        assert (await at.do("relay", {"on": True})).status == "SUCCEEDED"
        await clock.advance(1)
        assert (await at.do("relay", {"on": False})).status == "SUCCEEDED"
        await clock.advance(299)
        assert (await at.do("relay", {"on": True})).status == "REJECTED"
        await clock.advance(1)
        assert (await at.do("relay", {"on": True})).status == "SUCCEEDED"


async def test_interlocked_actuators_are_never_on_together(bench):
    async with bench(
        relay("up", 1, interlock=frozenset({"down"})), relay("down", 2, interlock=frozenset({"up"}))
    ) as at:
        await at.do("up", {"on": True})
        assert (await at.do("down", {"on": True})).reason == "interlocked with up, which is on"
        await at.do("up", {"on": False})
        assert (await at.do("down", {"on": True})).status == "SUCCEEDED"


async def test_two_requests_at_once_do_not_both_pass_an_interlock(bench):
    async with bench(
        relay("up", 1, interlock=frozenset({"down"})), relay("down", 2, interlock=frozenset({"up"}))
    ) as at:
        outcomes = await asyncio.gather(
            at.actuators.submit("up", {"on": True}, source="command:a"),
            at.actuators.submit("down", {"on": True}, source="command:b"),
        )
        assert [outcome.status for outcome in outcomes] == ["SUCCEEDED", "REJECTED"]


async def test_a_valve_that_moves_counts_as_open_for_its_interlock(bench, clock):
    lock = frozenset({"pump"})
    async with bench(valve(interlock=lock), relay("pump", 1, interlock=frozenset({"valve"}))) as at:
        assert at.actuators.report()["valve"] == {"open": None}
        assert (await at.do("pump", {"on": True})).status == "REJECTED"
        await clock.advance(10)
        assert at.actuators.report()["valve"] == {"open": False}
        assert (await at.do("pump", {"on": True})).status == "SUCCEEDED"


async def test_a_valve_travels_tells_its_progress_and_lets_its_motor_go(bench, clock):
    async with bench(valve()) as at:
        await clock.advance(10)
        progress = []
        moving = at.actuators.submit("valve", {"open": True}, source="command:1", progress=progress.append)
        await clock.advance(4)
        assert (at.level(5), at.level(6)) == (1.0, 0.0)
        assert not moving.done()
        assert progress[-1] == pytest.approx(0.4)
        await clock.advance(6)
        assert moving.result() == Outcome("SUCCEEDED", truth={"open": True})
        assert (at.level(5), at.level(6)) == (0.0, 0.0)


async def test_a_newer_request_ends_a_movement(bench, clock):
    async with bench(valve()) as at:
        await clock.advance(10)
        opening = at.actuators.submit("valve", {"open": True}, source="command:1")
        await clock.advance(4)
        closing = at.actuators.submit("valve", {"open": False}, source="command:2")
        assert opening.result().reason == "superseded by command:2"
        assert (at.level(5), at.level(6)) == (0.0, 1.0)
        await clock.advance(10)
        assert closing.result().truth == {"open": False}


async def test_the_same_request_again_joins_the_movement(bench, clock):
    async with bench(valve()) as at:
        await clock.advance(10)
        first = at.actuators.submit("valve", {"open": True}, source="command:1")
        await clock.advance(4)
        second = at.actuators.submit("valve", {"open": True}, source="rule:x")
        await clock.advance(6)
        assert first.result() == second.result() == Outcome("SUCCEEDED", truth={"open": True})


@pytest.mark.parametrize(
    ("before", "request_", "after"),
    [
        ({"on": False}, {"on": True, "for_s": 10}, 0.0),
        ({"on": True}, {"on": False, "for_s": 10}, 1.0),
        ({"on": True}, {"on": True, "for_s": 10}, 0.0),
        ({"on": False}, {"on": False, "for_s": 10}, 0.0),
    ],
)
async def test_for_s_goes_back_to_what_was_before_or_else_to_the_safe_state(bench, clock, before, request_, after):
    async with bench(relay()) as at:
        await at.do("relay", before)
        assert (await at.do("relay", request_)).status == "SUCCEEDED"
        await clock.advance(9.9)
        assert at.level(17) == float(request_["on"])
        await clock.advance(0.2)
        assert at.level(17) == after


async def test_timed_requests_in_a_row_go_back_to_what_was_before_the_first(bench, clock):
    async with bench(motor()) as at:
        await at.do("motor", {"speed": 0.2})
        await at.do("motor", {"speed": 0.5, "for_s": 10})
        await clock.advance(5)
        await at.do("motor", {"speed": 1, "for_s": 10})
        await clock.advance(9)
        assert at.level(12) == 1.0
        await clock.advance(1)
        assert at.level(12) == 0.2


async def test_what_may_not_go_back_goes_to_its_safe_state(bench, clock):
    async with bench(relay(permits=(Permit("temperature", maximum=50),))) as at:
        at.actuators.observe(clock.boot_ms(), {"temperature": 20.0})
        await at.do("relay", {"on": True})
        await at.do("relay", {"on": False, "for_s": 10})
        at.actuators.observe(clock.boot_ms(), {"temperature": 60.0})
        await clock.advance(10)
        assert at.level(17) == 0.0
        assert at.events[0][1]["reason"] == "it could not go back: temperature is 60, above 50"


async def test_an_untimed_request_ends_the_time_of_the_one_before(bench, clock):
    async with bench(relay()) as at:
        await at.do("relay", {"on": True, "for_s": 10})
        await at.do("relay", {"on": True})
        await clock.advance(60)
        assert at.level(17) == 1.0


async def test_a_metric_out_of_bounds_or_too_old_takes_the_permission_away(bench, clock):
    async with bench(relay(permits=(Permit("temperature", maximum=50, within_s=30),))) as at:
        assert (await at.do("relay", {"on": True})).reason == "temperature is not known"
        at.actuators.observe(clock.boot_ms(), {"temperature": 49.0})
        assert (await at.do("relay", {"on": True})).status == "SUCCEEDED"
        at.actuators.observe(clock.boot_ms(), {"temperature": 51.0})
        assert at.level(17) == 0.0
        at.actuators.observe(clock.boot_ms(), {"temperature": 49.0})
        await at.do("relay", {"on": True})
        await clock.advance(30)
        assert at.level(17) == 1.0
        await clock.advance(1.5)
        assert at.level(17) == 0.0


async def test_without_a_guardian_nothing_leaves_its_safe_state(bench):
    async with bench(relay()) as at:
        at.watch.is_watching = False
        assert (await at.do("relay", {"on": True})).reason == "no guardian watches over the actuators"
        assert (await at.do("relay", {"on": False})).status == "SUCCEEDED"


async def test_without_a_guardian_nothing_stays_on_beyond_the_watchdog_time(bench, clock):
    async with bench(relay()) as at:
        await at.do("relay", {"on": True})
        at.watch.is_watching = False
        await clock.advance(9)
        assert at.level(17) == 1.0
        await clock.advance(3)
        assert at.level(17) == 0.0


async def test_the_guardian_hears_a_beat_only_while_the_task_runs(bench, clock):
    async with bench(relay()) as at:
        before = at.watch.beats
        await clock.advance(10)
        assert at.watch.beats - before >= 8


async def test_what_a_rule_asks_for_in_vain_is_an_event(bench):
    async with bench(relay()) as at:
        at.actuators.act("relay", {"on": 7}, "rule:overheat")
        await asyncio.sleep(0)
        assert at.events == [
            (
                "actuator_refused",
                {
                    "actuator": "relay",
                    "parameters": {"on": 7},
                    "source": "rule:overheat",
                    "reason": "on: expected of type boolean, got 7",
                },
            )
        ]


async def test_whoever_listens_hears_of_changes_by_anybody(bench, clock):
    async with bench(relay(max_on_s=10)) as at:
        heard = []
        at.actuators.on_change(lambda: heard.append(at.actuators.report()["relay"]["on"]))
        at.actuators.act("relay", {"on": True}, "rule:x")
        await clock.advance(10)
        assert heard == [True, False]


async def test_the_metric_of_an_actuator_is_its_truth(bench):
    from dataclasses import replace

    async with bench(replace(relay(), metric="relay"), motor()) as at:
        await at.do("relay", {"on": True})
        assert at.actuators.metrics() == {"relay": True}


async def test_a_stop_makes_everything_safe_waits_for_what_moves_and_says_goodbye(clock, log):
    at = Bench(clock, log, (relay(), valve()))
    await at.actuators.open()
    at.actuators.tick()
    await clock.advance(10)
    at.actuators.tick()
    await at.do("relay", {"on": True})
    opening = at.actuators.submit("valve", {"open": True}, source="command:1")
    stopping = asyncio.create_task(at.actuators.close())
    await clock.advance(5)
    assert (at.level(17), at.level(5), at.level(6)) == (0.0, 0.0, 1.0)
    assert opening.result().reason == "superseded by stop"
    assert not stopping.done()
    assert at.watch.goodbyes == 0
    await clock.advance(6)
    assert stopping.done()
    assert at.watch.goodbyes == 1
    assert at.watch.beats > 5


async def test_make_safe_ends_timed_requests_too(bench, clock):
    async with bench(relay()) as at:
        await at.do("relay", {"on": True})
        await at.do("relay", {"on": False, "for_s": 10})
        at.actuators.make_safe("control")
        await clock.advance(20)
        assert at.level(17) == 0.0


async def test_a_stop_does_not_wait_for_a_pin_that_is_stuck(bench, clock, monkeypatch):
    async with bench(valve()) as at:
        await clock.advance(10)
        at.actuators.submit("valve", {"open": True}, source="command:1")
        monkeypatch.setattr(at.factory.pin(6), "_set_state", lambda value: (_ for _ in ()).throw(OSError(5, "stuck")))
        stopping = asyncio.create_task(at.actuators.close())
        await clock.advance(1)
        assert stopping.done()
        assert at.watch.goodbyes == 1


async def test_after_a_stop_nothing_is_claimed_moved_or_watched_again(bench, clock):
    async with bench(relay()) as at:
        await at.actuators.close()
        beats = at.watch.beats
        await clock.advance(10)
        assert at.watch.beats == beats
        assert at.actuators.report() == {"relay": {"on": None}}
        assert await at.do("relay", {"on": True}) == Outcome("REJECTED", "the agent stops")
