"""Backtests from the question to the result: what is read, what comes of it, and repetition."""

import json
import time

import pytest

from contract.models import shipped
from functions.adapters.memory import MemoryTelemetryStore, MemoryWorld
from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue, MemoryBacktestsQueue
from functions.adapters.memory_recipients import MemoryRecipients
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_rules import MemoryBacktests, MemoryRules
from functions.domain.access import By
from functions.domain.alarm_work import Backtest as Work
from functions.domain.backtests import GIVEN_UP_MS, MAX_ATTEMPTS, MAX_RANGE_MS, Stage
from functions.domain.definitions import Definition
from functions.domain.series import Point, RawRow, SeriesPage
from functions.domain.state import DeviceState, Latest
from functions.errors import InvalidDocumentError, NotFoundError, RequestError, StoreError
from functions.services.backtests import RUN_MS, BacktestRequest, Backtests, RunBacktest
from functions.services.gate import Gate
from functions.services.rulebook import Rulebook
from functions.services.rules import Rules
from tests.functions.api_harness import person
from tests.functions.registering import ANN, device, note

MINUTE, DAY = 60_000, 86_400_000
WARM = {"rule": "warm", "scope": "*", "severity": "major", "when": {"metric": "temperature", "above": 8}}


class Laboratory:
    def __init__(self, clock):
        self.clock = clock
        self.world = MemoryWorld()
        self.series = MemoryTelemetryStore(clock=clock, retention_ms=90 * DAY)
        self.registry = MemoryRegistry()
        self.registry.put(device("cold-1", "plant-1", "climate", tags={"limit": "8"}))
        self.store = MemoryRules()
        self.jobs = MemoryBacktests()
        self.queue = MemoryBacktestsQueue()
        book = Rulebook(self.store, self.registry, clock, shipped=shipped())
        rules = Rules(
            store=self.store,
            rulebook=book,
            registry=self.registry,
            recipients=MemoryRecipients(),
            queue=MemoryAlarmsQueue(),
            clock=clock,
        )
        self.backtests = Backtests(
            store=self.jobs,
            rules=rules,
            rulebook=book,
            gate=Gate(self.registry),
            statuses=self.world,
            queue=self.queue,
            clock=clock,
            chance=lambda: bytes(10),
        )

    def install(self, document):
        text = json.dumps(document)
        author = By("user:ann", "ann")
        made = Definition(id=document["rule"], text=text, version=3, created_at=1, updated_at=1, by=author)
        assert self.store.rules.save(None, made, note(made.id))

    def sent(self, *values, metric="temperature", first=None, **more):
        """A value a minute, the last of them a minute ago."""
        first = self.clock.now - len(values) * MINUTE if first is None else first
        known = {"quality": "good", "late": False, **more}
        points = [
            Point("cold-1", metric, first + at * MINUTE, value, received_at=first + at * MINUTE, **known)
            for at, value in enumerate(values)
        ]
        assert self.series.write(points) == []

    def ask(self, actor=ANN, minutes=60, **asked):
        now = self.clock.now
        wanted = {
            "rule": None,
            "document": None,
            "thing": "cold-1",
            "start": now - minutes * MINUTE,
            "end": now,
            **asked,
        }
        return self.backtests.create(actor, BacktestRequest(**wanted))

    def run(self, job, series=None):
        return RunBacktest(self.jobs, series or self.series, self.clock).run(job.id)

    def found(self, job, **how):
        assert self.run(job, **how) is Stage.DONE
        return self.backtests.show(ANN.principal, job.id).result

    def minutes(self, transitions):
        return [(one.kind, (self.clock.now - one.at) // MINUTE) for one in transitions]


@pytest.fixture
def lab(clock):
    return Laboratory(clock)


def test_an_installed_rule_finds_what_it_would_have_found(lab):
    lab.install(WARM)
    lab.sent(7.0, 9.0, 10.0, 7.0)
    job = lab.ask(rule="warm")
    assert [work for work, _ in lab.queue.work] == [Work(id=job.id)]
    assert lab.backtests.show(ANN.principal, job.id).stage is Stage.QUEUED
    found = lab.found(job)
    assert lab.minutes(found.tested.transitions) == [("raised", 3), ("cleared", 1)]
    assert found.samples == 4
    assert found.difference is None
    ended = lab.backtests.show(ANN.principal, job.id)
    assert (ended.stage, ended.ended_at, ended.problem) == (Stage.DONE, lab.clock.now, None)


def test_a_document_is_set_beside_the_installed_version_of_its_name(lab):
    lab.sent(7.0, 9.0, 7.0, 12.0, 7.0)
    job = lab.ask(document=WARM | {"when": {"metric": "temperature", "above": 11}})
    assert lab.found(job).installed is None, "there is none"
    lab.install(WARM)
    lab.clock.now += 1
    job = lab.ask(document=WARM | {"when": {"metric": "temperature", "above": 11}})
    found = lab.found(job)
    assert (job.installed_version, found.installed.raised, found.tested.raised) == (3, 2, 1)
    assert (found.difference.same, found.difference.removed, found.difference.added) == (1, 1, 0)


def test_a_rule_of_a_model_is_tested_by_its_name(lab):
    found = lab.found(lab.ask(rule="climate:no_data")).tested
    assert (found.raised, found.transitions) == (1, ()), "it was silent before"


def test_late_data_is_passed_over_and_doubtful_data_is_unknown(lab):
    lab.install(WARM)
    lab.sent(7.0, 7.0, 7.0)
    lab.sent(9.0, first=lab.clock.now - 2 * MINUTE, late=True)
    lab.sent(9.0, first=lab.clock.now - 1 * MINUTE, quality="bad")
    assert lab.found(lab.ask(rule="warm")).tested.counts == {}


def test_attributes_are_those_of_the_device_when_it_was_asked_for(lab):
    limit = {"metric": "temperature", "above": {"attribute": "limit"}}
    lab.sent(9.0)
    assert lab.found(lab.ask(document=WARM | {"when": limit})).tested.counts == {"raised": 1}


def test_of_a_rule_that_any_data_concerns_all_metrics_that_the_device_ever_sent_are_read(lab):
    latest = {f"m{at}": Latest(1, 1.0, "good") for at in range(45)}
    lab.world.states["cold-1"] = DeviceState(version=1, latest=latest)
    for at in (0, 20, 44):
        lab.sent(1.0, metric=f"m{at}", first=lab.clock.now - (30 - at // 2) * MINUTE)
    silent = WARM | {"when": {"no_data": True, "for": "12m"}}
    job = lab.ask(document=silent, minutes=31)
    assert len(job.metrics) == 45
    found = lab.found(job).tested
    # Heard 30, 20 and 8 minutes ago, and silent for a day before.
    assert lab.minutes(found.transitions) == [("cleared", 30)]


def test_what_was_before_the_range_is_seen_and_not_told(lab):
    lab.install(WARM | {"when": {"metric": "temperature", "above": 8, "for": "5m"}})
    lab.sent(*[9.0] * 20)
    found = lab.found(lab.ask(rule="warm", minutes=10)).tested
    assert (found.transitions, found.raised, found.active_ms) == ((), 1, 10 * MINUTE)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "rule"),
        ({"rule": "climate:no_data", "document": WARM}, "rule"),
        ({"rule": "climate:no_data", "start": 10, "end": 10}, "from"),
        ({"rule": "climate:no_data", "start": 0, "end": MAX_RANGE_MS + 1}, "from"),
        ({"document": {"rule": "climate:no_data", "enabled": False}}, "rule"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_its_field(lab, asked, field):
    with pytest.raises(RequestError) as refused:
        lab.ask(**asked)
    assert refused.value.field == field
    assert lab.queue.work == []


def test_a_document_that_is_no_rule_is_refused_with_all_problems(lab):
    with pytest.raises(InvalidDocumentError) as refused:
        lab.ask(document={"rule": "warm", "severity": "terrible"})
    assert len(refused.value.problems) > 1


def test_only_whoever_may_see_the_device_may_test_on_it_and_see_what_came_of_it(lab):
    lab.install(WARM)
    outside = person(("admin", "group:plant-2"))
    with pytest.raises(NotFoundError):
        lab.backtests.create(type(ANN)(outside, "r", "s"), BacktestRequest(thing="cold-1", start=0, end=1, rule="warm"))
    job = lab.ask(rule="warm")
    assert lab.backtests.show(person(("viewer", "device:cold-1")), job.id).id == job.id
    with pytest.raises(NotFoundError):
        lab.backtests.show(outside, job.id)
    with pytest.raises(NotFoundError):
        lab.backtests.show(ANN.principal, "never")


def test_a_job_that_is_told_again_is_not_done_again(lab):
    lab.install(WARM)
    job = lab.ask(rule="warm")
    lab.found(job)
    done = lab.jobs.read(job.id)
    assert lab.run(job) is Stage.DONE
    assert lab.jobs.read(job.id) == done
    assert RunBacktest(lab.jobs, lab.series, lab.clock).run("never") is None


class Failing:
    def __init__(self, exc):
        self.exc = exc

    def series(self, query):
        raise self.exc


def test_a_store_that_does_not_answer_is_asked_again_some_times_and_then_no_more(lab):
    lab.install(WARM)
    job = lab.ask(rule="warm")
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(StoreError):
            lab.run(job, Failing(StoreError("down")))
        assert lab.jobs.read(job.id).stage is Stage.RUNNING
    assert lab.run(job) is Stage.FAILED
    assert "3 times" in lab.jobs.read(job.id).problem


def test_whoever_comes_second_leaves_it_to_the_first(lab):
    lab.install(WARM)
    job = lab.ask(rule="warm")

    class Overtaken:
        def read(self, job_id):
            return lab.jobs.kept[job_id]

        def save(self, saved):
            lab.jobs.save(saved)

    assert RunBacktest(Overtaken(), lab.series, lab.clock).run(job.id) is None


def test_a_range_with_too_much_data_fails_before_its_time_is_over(lab):
    class Endless:
        def series(self, query):
            lab.clock.now += RUN_MS // 4
            rows = tuple(RawRow(query.start + at, "temperature", 1.0, "good", late=False) for at in range(1000))
            return SeriesPage(rows, "more")

    lab.install(WARM)
    job = lab.ask(rule="warm")
    assert lab.run(job, Endless()) is Stage.FAILED
    assert "narrow" in lab.backtests.show(ANN.principal, job.id).problem


def test_a_job_that_nobody_did_is_given_up(lab):
    lab.install(WARM)
    job = lab.ask(rule="warm")
    lab.clock.now += GIVEN_UP_MS
    assert lab.backtests.show(ANN.principal, job.id).stage is Stage.FAILED


class Month:
    """30 days at one message a minute, in pages as a store gives them."""

    def __init__(self, start):
        self.rows = [
            RawRow(start + at * MINUTE, metric, value + at % 60 / 10, "good", late=False)
            for at in range(30 * 1440)
            for metric, value in (("humidity", 40.0), ("temperature", 5.0))
        ]

    def series(self, query):
        at = int(query.cursor or 0)
        more = at + query.limit < len(self.rows)
        return SeriesPage(tuple(self.rows[at : at + query.limit]), str(at + query.limit) if more else None)


def test_a_month_of_a_device_takes_two_seconds_at_most(lab):
    both = {
        "all": [{"metric": "temperature", "above": 8, "until": 7.5}, {"metric": "humidity", "below": 60}],
        "for": "5m",
    }
    lab.install(WARM)
    start = lab.clock.now - 30 * DAY
    job = lab.ask(document=WARM | {"when": both}, start=start)
    month = Month(start)
    begun = time.process_time()
    found = lab.found(job, series=month)
    assert time.process_time() - begun < 2
    assert (found.samples, found.tested.raised, found.installed.raised) == (43_200, 720, 720)
