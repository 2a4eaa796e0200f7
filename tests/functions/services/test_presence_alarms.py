"""A rule on presence, from lifecycle events to its alarm, through the real services: it opens, clears, never sticks.

Events come as AWS IoT sends them: more than once, in any order, some seconds late.
"""

import heapq
import json
from itertools import count, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import documents
from contract.documents import InternalEvent
from functions.adapters.memory import ManualClock
from functions.adapters.memory_alarms import MemoryTimers
from functions.adapters.memory_commands import MemoryCommandQueue
from functions.domain import alarm_work
from functions.domain.alarm_work import Tick
from functions.domain.presence import SETTLE, Status
from functions.services.alarm_work import AlarmWork
from functions.services.evaluate import Evaluate
from functions.services.presence import KeepPresence
from tests.functions.services.rules_world import RulesWorld, message

NOW = 1_764_000_000_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
DEBOUNCE_S = 30
HOLD = 10 * SECOND
OFF = {"rule": "off", "when": {"online": False, "for": "2m"}}


class Cloud:
    """The functions `presence` and `alarms` with their queues, in virtual time; the minute's beat included."""

    def __init__(self, rule=OFF):
        self.clock = ManualClock(NOW)
        self.rules = RulesWorld(self.clock, rule)
        self.drops_wakes = False
        self._waiting, self._numbers = [], count()
        self.presence = KeepPresence(self.rules.presences, self, range(5), self.rules.live, MemoryCommandQueue(), self)
        self.alarms = AlarmWork(
            timers=MemoryTimers(self.rules.world),
            evaluate=Evaluate(
                engine=self.rules.engine,
                rulebook=self.rules.rulebook,
                alarms=self.rules.alarms,
                clock=self.clock,
                attempts=lambda: range(5),
            ),
            registry=self.rules.registry,
            queue=self,
            clock=self.clock,
            side_by_side=lambda call, items: [call(item) for item in items],
        )
        for minute in range(600):
            self._send(NOW + minute * MINUTE, self.alarms.take, alarm_work.encode(Tick()))

    def hears(self, kind, at, session="s1", version=0, *, arrives=None):
        event = {
            "clientId": "pump-1",
            "timestamp": at,
            "eventType": kind,
            "sessionIdentifier": session,
            "versionNumber": version,
            "disconnectReason": "CONNECTION_LOST",
        }
        self._send(at if arrives is None else arrives, self.presence.take, json.dumps(event))

    def schedule(self, thing, session):
        """What settles a disconnect later."""
        event = InternalEvent(kind=SETTLE, thing=thing, at=self.clock.now, data={"session": session})
        self._send(self.clock.now + DEBOUNCE_S * SECOND, self.presence.take, documents.encode(event))

    def put(self, *work, delay_s=0):
        """The queue of the alarms function."""
        for one in work:
            if not (self.drops_wakes and isinstance(one, alarm_work.Wake)):
                self._send(self.clock.now + delay_s * SECOND, self.alarms.take, alarm_work.encode(one))

    def until(self, at):
        while self._waiting and self._waiting[0][0] <= at:
            when, _, take, body = heapq.heappop(self._waiting)
            self.clock.now = max(self.clock.now, when)
            take(body)
        self.clock.now = at

    def _send(self, at, take, body):
        heapq.heappush(self._waiting, (at, next(self._numbers), take, body))

    @property
    def found(self):
        return [(str(kind), at - NOW) for rule, _, _, kind, at, *_ in self.rules.found if rule == "off"]

    @property
    def open(self):
        return [alarm.rule for alarm in self.rules.alarms.active("pump-1") if alarm.rule == "off"]


def test_a_device_that_stays_away_is_an_alarm_until_it_is_back():
    cloud = Cloud()
    cloud.hears("connected", NOW)
    cloud.hears("disconnected", NOW + MINUTE)
    due = NOW + 3 * MINUTE + HOLD
    cloud.until(due - SECOND)
    assert cloud.open == []
    cloud.until(due + 30 * SECOND)
    assert cloud.found == [("raised", 3 * MINUTE)]
    cloud.hears("connected", NOW + 30 * MINUTE, version=1)
    cloud.until(NOW + 30 * MINUTE)
    assert cloud.found == [("raised", 3 * MINUTE), ("cleared", 30 * MINUTE)]
    assert cloud.open == []


def test_a_device_that_is_soon_back_is_none():
    cloud = Cloud()
    cloud.hears("connected", NOW)
    cloud.hears("disconnected", NOW + MINUTE)
    cloud.hears("connected", NOW + 2 * MINUTE, version=1)
    cloud.until(NOW + HOUR)
    assert cloud.found == []


LIVES = {
    "gone": [("connected", 0, "s1", 0), ("disconnected", 60, "s1", 0)],
    "back in a new session": [("connected", 0, "s1", 0), ("disconnected", 60, "s1", 0), ("connected", 75, "s2", 0)],
    "its session resumed": [("connected", 0, "s1", 4), ("disconnected", 60, "s1", 4), ("connected", 75, "s1", 5)],
    "taken over by itself before the broker noticed": [
        ("connected", 0, "s1", 0),
        ("connected", 60, "s2", 0),
        ("disconnected", 61, "s1", 0),
    ],
    "back and gone again": [
        ("connected", 0, "s1", 0),
        ("disconnected", 60, "s1", 0),
        ("connected", 75, "s2", 0),
        ("disconnected", 90, "s2", 0),
    ],
}


@pytest.mark.parametrize("life", LIVES)
def test_in_whatever_order_and_however_often_it_is_told_the_alarm_is_the_same(life):
    expected = {"gone": [("raised", 180_000)], "back and gone again": [("raised", 210_000)]}.get(life, [])
    for events in permutations(LIVES[life]):
        cloud = Cloud()
        for place, (kind, at, session, version) in enumerate(events):
            for again in range(2):
                arrives = NOW + 91 * SECOND + (place + 7 * again) * SECOND
                cloud.hears(kind, NOW + at * SECOND, session, version, arrives=arrives)
        cloud.until(NOW + HOUR)
        assert cloud.found == expected, events


def test_a_version_counter_that_starts_again_does_not_leave_the_alarm_open():
    cloud = Cloud()
    cloud.hears("connected", NOW, "s1", 7)
    cloud.hears("disconnected", NOW + MINUTE, "s1", 7)
    cloud.hears("connected", NOW + 2 * HOUR, "s1", 0)
    cloud.until(NOW + 3 * HOUR)
    assert cloud.found == [("raised", 3 * MINUTE), ("cleared", 2 * HOUR)]
    # The next connection has the version of one that ended long ago.
    cloud.hears("disconnected", NOW + 4 * HOUR, "s1", 0)
    cloud.hears("connected", NOW + 6 * HOUR, "s1", 0)
    cloud.until(NOW + 7 * HOUR)
    assert cloud.found[2:] == [("raised", 4 * HOUR + 2 * MINUTE), ("cleared", 6 * HOUR)]
    assert cloud.open == []


def test_two_machines_under_one_name_that_push_each_other_out_are_online_and_gone_when_both_are():
    cloud = Cloud()
    for turn in range(100):
        at = NOW + turn * 5 * SECOND
        cloud.hears("connected", at, f"s{turn}", turn)
        # The broker closes the other one a moment later, and tells of it at any time.
        late = (turn * 7 % 11) * SECOND
        cloud.hears("disconnected", at + 5 * SECOND + 1, f"s{turn}", turn, arrives=at + 5 * SECOND + late)
    last = 99 * 5 * SECOND + 5 * SECOND + 1
    cloud.until(NOW + last)
    assert cloud.found == []
    cloud.until(NOW + last + 5 * MINUTE)
    assert cloud.found == [("raised", last + 2 * MINUTE)]


def test_an_alarm_whose_wake_is_lost_clears_with_the_next_message_of_the_device():
    cloud = Cloud()
    cloud.hears("connected", NOW)
    cloud.hears("disconnected", NOW + MINUTE)
    cloud.until(NOW + 10 * MINUTE)
    cloud.drops_wakes = True
    cloud.hears("connected", NOW + 20 * MINUTE, "s2")
    cloud.until(NOW + 25 * MINUTE)
    cloud.rules.take(message(0, NOW + 25 * MINUTE, temperature=20))
    assert cloud.found == [("raised", 3 * MINUTE), ("cleared", 20 * MINUTE)]


def test_a_device_that_was_never_heard_is_no_alarm():
    cloud = Cloud()
    cloud.put(alarm_work.Wake(thing="pump-1"))
    cloud.until(NOW + HOUR)
    assert cloud.found == []


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_an_hour_after_the_last_event_the_alarm_is_open_if_and_only_if_the_device_is_gone(data):
    cloud, at, gone = Cloud(), 0, True
    for session in range(data.draw(st.integers(1, 6), "sessions")):
        at += data.draw(st.integers(1, 400), "pause") * SECOND
        version = data.draw(st.integers(0, 2), "version")
        begin, name = at, f"s{session}" if data.draw(st.booleans(), "new session") else "s"
        at += data.draw(st.integers(1, 400), "lasting") * SECOND
        gone = data.draw(st.booleans(), "ends") or session < 1
        ends = [("connected", begin)] + ([("disconnected", at)] if gone else [])
        for kind, when in ends:
            for _ in range(data.draw(st.integers(1, 2), "copies")):
                late = data.draw(st.integers(0, 40), "late") * SECOND
                cloud.hears(kind, NOW + when, name, version, arrives=NOW + when + late)
        if not gone:
            break
    cloud.until(NOW + at + HOUR)
    assert cloud.rules.presences.read("pump-1").status is (Status.OFFLINE if gone else Status.ONLINE)
    assert cloud.open == (["off"] if gone else [])
