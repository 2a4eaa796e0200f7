from device_agent.health import BudgetStatus, ClockStatus, Health, QueueStatus, SensorHealth, snapshot

CLOCK = ClockStatus(synced=True, now=5)
QUEUE = {"urgent": QueueStatus(1, 10, 0), "telemetry": QueueStatus(2, 20, 7), "log": QueueStatus(4, 40, 1)}


def taken(health):
    return snapshot("pump-7", health, clock=CLOCK, queue=QUEUE, budget=None)


def test_a_snapshot_adds_the_priorities_up():
    status = taken(Health())
    assert (status.queued, status.dropped) == (7, 8)
    assert status.queue["telemetry"].dropped == 7


def test_a_snapshot_does_not_change_with_what_it_was_taken_of():
    health = Health(sent=1)
    health.sensor("a").state = "good"
    status = taken(health)
    health.sent = 2
    health.sensor("a").state = "failing"
    health.sensor("b")

    assert (status.sent, status.sensors) == (1, {"a": SensorHealth(state="good")})


def test_a_sensor_has_one_entry():
    health = Health()
    health.sensor("a").failures += 1
    assert health.sensor("a").failures == 1


def test_a_metered_link_is_told_of():
    budget = BudgetStatus(used_up=True, day_used=9, day_limit=5, month_used=9, month_limit=None)
    assert snapshot("pump-7", Health(), clock=CLOCK, queue=QUEUE, budget=budget).budget == budget
