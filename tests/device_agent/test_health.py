from device_agent.health import BudgetStatus, ClockStatus, Health, QueueStatus, snapshot
from device_agent.sampler import SamplerStatus

CLOCK = ClockStatus(synced=True, now=5)
QUEUE = {"urgent": QueueStatus(1, 10, 0), "telemetry": QueueStatus(2, 20, 7), "log": QueueStatus(4, 40, 1)}


def taken(health, sensors=None, budget=None):
    return snapshot("pump-7", health, clock=CLOCK, queue=QUEUE, sensors=sensors or {}, budget=budget)


def test_a_snapshot_adds_the_priorities_up():
    status = taken(Health())
    assert (status.queued, status.dropped) == (7, 8)
    assert status.queue["telemetry"].dropped == 7


def test_a_snapshot_does_not_change_with_what_it_was_taken_of():
    health, sensors = Health(sent=1), {"a": SamplerStatus(readings=3)}
    status = taken(health, sensors)
    health.sent = 2
    sensors["a"].readings = 4
    sensors["b"] = SamplerStatus()

    assert (status.sent, status.sensors) == (1, {"a": SamplerStatus(readings=3)})


def test_it_says_where_queue_and_state_are():
    assert taken(Health()).storage == "disk"
    assert taken(Health(storage_degraded="it is read-only")).storage == "memory: it is read-only"


def test_a_metered_link_is_told_of():
    budget = BudgetStatus(used_up=True, day_used=9, day_limit=5, month_used=9, month_limit=None)
    assert taken(Health(), budget=budget).budget == budget
