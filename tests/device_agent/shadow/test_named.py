import asyncio
import json
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.health import Health
from device_agent.link import Link
from device_agent.shadow.named import LONGEST_RETRY_S, NamedShadow
from device_agent.shadow.patch import EVERYTHING
from device_agent.shadow.requests import ANSWER_S
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker
from tests.device_agent.shadow_service import Shadow, ShadowService


class Device:
    """A shadow over a real link to a shadow service in memory."""

    def __init__(self, clock, log, seed=1, name="state"):
        self.clock = clock
        self.name = name
        self.broker = MemoryBroker()
        self.service = ShadowService(self.broker, clock)
        self.desired = []
        self.stamps = []
        self.link = Link(
            self.service.transport(),
            [Endpoint("localhost", 8883)],
            clock=clock,
            random=Random(1),
            health=Health(),
            log=log,
        )
        self.shadow = NamedShadow(self.link, "pump-7", name, self.on_desired, clock, Random(seed), log)

    async def on_desired(self, values, version):
        self.desired.append((values, version))
        self.stamps.append(dict(self.shadow.stamps))

    def asked(self, operation):
        return [request for asked, request in self.service.requests if asked == operation]

    async def reconnect(self):
        self.broker.drop_connections()
        await self.wait(5)

    async def wait(self, seconds):
        """Let time pass in small steps, each of which lets messages go back and forth."""
        for _ in range(round(seconds * 4)):
            await self.clock.advance(0.25)


@pytest.fixture
def device(clock, log):
    @asynccontextmanager
    async def run(prepare=lambda service: None, seed=1):
        device = Device(clock, log, seed)
        prepare(device.service)
        tasks = [asyncio.create_task(device.link.run()), asyncio.create_task(device.shadow.run(lambda: None))]
        await device.wait(3)
        try:
            yield device
        finally:
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in done), done

    return run


async def test_a_shadow_that_does_not_exist_is_no_error_and_made_by_the_first_report(device, clock):
    async with device() as at:
        assert at.desired == []
        at.shadow.report({"relay": {"on": False}})
        await at.wait(3)
        assert at.service.reported("state") == {"v": 1, "values": {"relay": {"on": False}}}


async def test_what_was_desired_before_the_connect_is_delivered_once(device, clock):
    async with device(lambda service: service.desire("state", {"relay": {"on": True}})) as at:
        assert at.desired == [({"relay": {"on": True}}, 1)]
        await at.reconnect()
        await at.reconnect()
        assert len(at.asked("get")) == 3
        assert len(at.desired) == 1


async def test_each_new_desired_state_is_delivered_whole(device, clock):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True, "for_s": 5}})
        await at.wait(3)
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.service.desire("state", {"relay": {"for_s": 6}, "valve": {"open": True}})
        await at.wait(3)
        assert [values for values, _ in at.desired] == [
            {"relay": {"on": True, "for_s": 5}},
            {"relay": {"on": True, "for_s": 6}, "valve": {"open": True}},
        ]


async def test_desiring_what_is_reported_already_is_new_too(device, clock):
    async with device() as at:
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.service.desire("state", {"relay": {"on": True}})
        await at.wait(3)
        assert [values for values, _ in at.desired] == [{"relay": {"on": True}}]


async def test_desiring_the_same_again_later_is_new(device, clock):
    async with device() as at:
        for _ in range(2):
            at.service.desire("state", {"relay": {"on": True}})
            await at.wait(3)
        assert len(at.desired) == 2
        assert at.stamps[1]["relay"] - at.stamps[0]["relay"] == 3


async def test_reporting_that_something_is_not_as_desired_does_not_make_it_new(device, clock):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True}})
        await at.wait(3)
        for level in (True, False, True, False):
            at.shadow.report({"relay": {"on": level}})
            await at.wait(3)
        assert len(at.desired) == 1
        assert len(at.asked("get")) == 2


async def test_a_value_taken_out_of_what_is_desired_is_new(device, clock):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True, "for_s": 5}})
        await at.wait(3)
        at.service.desire("state", {"relay": {"for_s": None}})
        await at.wait(3)
        at.service.update("state", {"state": {"desired": None}})
        at.service.desire("state", {})
        await at.wait(3)
        assert [values for values, _ in at.desired] == [
            {"relay": {"on": True, "for_s": 5}},
            {"relay": {"on": True}},
            {},
        ]


async def test_an_older_message_is_ignored(device, clock):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True}})
        await at.wait(3)
        at.service.desire("state", {"relay": {"on": False}})
        await at.wait(3)
        old = {"state": {"values": {"relay": {"on": True}}}, "version": 1, "timestamp": 1}
        at.service.send("state", "update/delta", old)
        at.service.send("state", "get/accepted", {**old, "state": {"desired": old["state"]}})
        await at.wait(3)
        assert [values["relay"]["on"] for values, _ in at.desired] == [True, False]
        assert len(at.asked("get")) == 3


async def test_an_answer_older_than_what_was_seen_is_asked_for_again(device, clock):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True}})
        await at.wait(3)
        at.service.silent = True
        at.service.send("state", "update/delta", {"state": {"values": {"a": 1}}, "version": 9, "timestamp": 1})
        await at.wait(2)
        token = at.asked("get")[-1]["clientToken"]
        at.service.silent = False
        stale = {"state": {"desired": {"values": {"relay": {"on": False}}}}, "version": 1, "timestamp": 1}
        asked = len(at.asked("get"))
        at.service.shadows["state"].version = 9
        at.service.send("state", "get/accepted", {**stale, "clientToken": token})
        await at.wait(3)
        assert len(at.asked("get")) == asked + 1
        assert [values for values, _ in at.desired] == [{"relay": {"on": True}}]


@pytest.mark.parametrize("told", [True, False])
async def test_a_shadow_deleted_and_started_again_at_version_1_is_followed(device, clock, told):
    async with device() as at:
        for level in (True, False, True):
            at.service.desire("state", {"relay": {"on": level}})
            await at.wait(3)
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        if told:
            at.service.delete("state")
        else:
            at.broker.drop_connections()
            del at.service.shadows["state"]
        await at.wait(5)
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}
        assert at.service.shadows["state"].version == 1
        at.service.desire("state", {"relay": {"on": False}})
        await at.wait(3)
        assert at.desired[-1] == ({"relay": {"on": False}}, 2)


async def test_reports_in_a_row_are_sent_as_the_last_of_them(device, clock):
    async with device() as at:
        for number in range(50):
            at.shadow.report({"motor": {"speed": number}})
            await clock.advance(0.01)
        await at.wait(3)
        assert at.service.reported("state")["values"] == {"motor": {"speed": 49}}
        assert len(at.asked("update")) <= 2


async def test_what_the_shadow_says_already_is_not_reported_again(device, clock):
    async with device() as at:
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.shadow.report({"relay": {"on": True}})
        await at.reconnect()
        assert len(at.asked("update")) == 1


async def test_a_report_made_while_there_is_no_connection_is_sent_with_the_next(device, clock):
    async with device() as at:
        at.broker.reachable = False
        at.broker.drop_connections()
        await at.wait(5)
        at.shadow.report({"relay": {"on": True}})
        await at.wait(5)
        at.broker.reachable = True
        await at.wait(400)
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}


async def test_a_report_that_was_not_answered_is_sent_again_after_looking(device, clock):
    async with device() as at:
        at.service.silent = True
        at.shadow.report({"relay": {"on": True}})
        await at.wait(ANSWER_S + 0.5)
        at.service.silent = False
        assert at.service.shadows == {}
        await at.wait(5)
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}


async def test_what_is_no_longer_true_of_is_taken_out(device, clock):
    before = Shadow(4)
    before.update({"reported": {"values": {"pump": {"on": True}}, "rejected": {"pump": "no"}}}, 1)
    async with device(lambda service: service.shadows.update(state=before)) as at:
        at.shadow.report({"relay": {"on": None}})
        await at.wait(3)
        assert at.service.reported("state") == {"v": 1, "values": {}, "rejected": {}}


async def test_rejections_are_reported_with_their_reasons_until_they_are_gone(device, clock):
    async with device() as at:
        at.shadow.report({}, {"pump": "no such actuator"})
        await at.wait(3)
        assert at.service.reported("state")["rejected"] == {"pump": "no such actuator"}
        at.shadow.report({}, {})
        await at.wait(3)
        assert at.service.reported("state")["rejected"] == {}


@pytest.mark.parametrize(
    ("desired", "reason"),
    [
        ({"values": 7}, "`state.desired.values` must be an object, got 7"),
        ({"values": {}, "v": 99}, "`state.desired.v` must be 1, got 99"),
        (7, "`state.desired` must be an object or null, got 7"),
        ([], "`state.desired` must be an object or null, got a list of 0"),
        ({"values": {}, "rejected": 3}, "`state.desired.rejected` must be an object, got 3"),
    ],
)
async def test_a_desired_state_that_cannot_be_read_changes_nothing_and_is_answered_with_the_reason(
    device, clock, desired, reason
):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True}})
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.service.shadows["state"].state["desired"] = desired
        at.service.shadows["state"].version += 1
        at.service.send("state", "update/delta", {"state": desired, "version": 99, "timestamp": 1})
        await at.wait(8)
        assert len(at.desired) == 1
        assert reason in at.service.reported("state")["rejected"][EVERYTHING]
        at.service.shadows["state"].state["desired"] = {}
        at.service.shadows["state"].metadata["desired"] = {}
        at.service.desire("state", {"relay": {"on": False}})
        await at.wait(8)
        assert at.desired[-1][0] == {"relay": {"on": False}}
        assert at.service.reported("state")["rejected"] == {}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b'{"state":{},"version":"9","timestamp":1}',
        b'{"state":{"desired":{"values":{"relay":{"on":NaN}}}},"version":9,"timestamp":1}',
        b'{"state":{"desired":{"values":{"relay":{"speed":1e999}}}},"version":9,"timestamp":1}',
        b'{"version":9,"version":10,"state":{},"timestamp":1}',
        b'{"state":' + b"[" * 100_000,
        b'{"state":{"desired":{"values":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b'}},"version":9,"timestamp":1}',
    ],
)
@pytest.mark.parametrize("operation", ["get/accepted", "update/delta", "update/accepted", "update/rejected"])
async def test_a_hostile_message_changes_nothing_and_is_counted(device, clock, operation, payload):
    async with device() as at:
        at.service.desire("state", {"relay": {"on": True}})
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.service.send("state", operation, payload)
        await at.wait(8)
        assert at.shadow.malformed == 1
        assert [values for values, _ in at.desired] == [{"relay": {"on": True}}]
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}
        at.service.desire("state", {"relay": {"on": False}})
        await at.wait(8)
        assert at.desired[-1][0] == {"relay": {"on": False}}


async def test_an_answer_that_cannot_be_read_is_answered_with_the_reason(device, clock):
    async with device() as at:
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3)
        at.service.silent = True
        at.broker.drop_connections()
        await at.wait(5)
        at.service.silent = False
        at.service.send("state", "get/accepted", b'{"state":' + b"[" * 40)
        await at.wait(5)
        assert "nested at most 16 deep" in at.service.reported("state")["rejected"][EVERYTHING]
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}


async def test_a_message_for_another_thing_is_counted_and_ignored(device, clock):
    async with device() as at:
        at.shadow._receive(
            type("Incoming", (), {"topic": "$aws/things/pump-8/shadow/name/state/update/delta", "payload": b"{}"})
        )
        assert at.shadow.malformed == 1


async def test_what_an_agent_of_another_version_has_reported_is_replaced(device, clock):
    before = Shadow(4)
    before.update({"reported": {"v": 2, "entries": [1]}}, 1)
    async with device(lambda service: service.shadows.update(state=before)) as at:
        at.shadow.report({"relay": {"on": True}})
        await at.wait(5)
        assert at.service.reported("state") == {"v": 1, "values": {"relay": {"on": True}}}


async def test_a_refused_report_is_logged_with_its_code_and_sent_again_only_when_it_has_changed(device, clock, caplog):
    async with device() as at:
        at.service.refusal = (413, "The payload exceeds the maximum size allowed")
        at.shadow.report({"relay": {"on": True}})
        await at.wait(60)
        assert len(at.asked("update")) == 1
        assert "update refused: 413 The payload exceeds" in caplog.text
        at.shadow.report({"relay": {"on": False}})
        await at.wait(60)
        assert len(at.asked("update")) == 2


async def test_a_refusal_that_passes_is_tried_again_ever_more_seldom(device, clock):
    async with device() as at:
        at.service.refusal = (429, "Too many requests")
        at.shadow.report({"relay": {"on": True}})
        await at.wait(3600)
        assert 10 < len(at.service.requests) < 2 * 3600 / LONGEST_RETRY_S + 20
        at.service.refusal = None
        await at.wait(LONGEST_RETRY_S + 5)
        assert at.service.reported("state")["values"] == {"relay": {"on": True}}


async def test_devices_that_were_throttled_together_do_not_come_back_in_step(device, clock):
    """Their links connect in step here: only the shadow's own waiting tells them apart."""
    retries = []
    for seed in (1, 2):
        async with device(lambda service: setattr(service, "refusal", (429, "Too many requests")), seed) as at:
            born, times = clock.monotonic(), []
            for _ in range(4 * 900):
                asked = len(at.service.requests)
                await clock.advance(0.25)
                if len(at.service.requests) > asked:
                    times.append(clock.monotonic() - born)
            retries.append(set(times))

    first, second = retries
    assert len(first) > 3
    assert len(second) > 3
    assert len(first & second) <= min(len(first), len(second)) // 2


async def test_only_the_newest_of_what_came_meanwhile_is_delivered(device, clock):
    async with device() as at:
        slow = asyncio.Event()
        seen = []

        async def on_desired(values, version):
            seen.append(values["n"])
            await slow.wait()

        at.shadow._on_desired = on_desired
        for number in range(5):
            at.service.desire("state", {"n": number})
            await at.wait(3)
        slow.set()
        await at.wait(1)
        assert seen == [0, 4]


async def test_it_beats_while_nothing_happens(clock, log):
    at = Device(clock, log)
    beats = []
    running = asyncio.create_task(at.shadow.run(lambda: beats.append(clock.monotonic())))
    await clock.advance(60)
    running.cancel()
    assert len(beats) >= 12


async def test_a_report_carries_nothing_but_what_the_contract_has(device, clock):
    async with device() as at:
        at.shadow.report({"relay": {"on": True}}, {"valve": "no"})
        await at.wait(3)
        (update,) = at.asked("update")
        assert json.loads(json.dumps(update["state"])) == {
            "reported": {"v": 1, "values": {"relay": {"on": True}}, "rejected": {"valve": "no"}}
        }


async def test_a_shadow_that_was_started_again_while_nobody_was_connected_is_believed_at_once(device, clock):
    async with device() as at:
        for level in (True, False, True):
            at.service.desire("state", {"relay": {"on": level}})
            await at.wait(3)
        at.broker.reachable = False
        at.broker.drop_connections()
        del at.service.shadows["state"]
        at.service.desire("state", {"relay": {"on": False}})
        at.broker.kept.clear()
        asked = len(at.asked("get"))
        at.broker.reachable = True
        await at.wait(10)
        assert at.desired[-1] == ({"relay": {"on": False}}, 1)
        assert len(at.asked("get")) == asked + 1
