import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.clock import ManualClock
from device_agent.supervision.heartbeats import ATTEMPTS, Heartbeats


@pytest.fixture
def heartbeats(clock):
    return Heartbeats(clock)


async def test_a_task_that_beats_within_its_limit_is_never_overdue(heartbeats, clock):
    beat = heartbeats.register("recorder", 10, critical=True)
    for _ in range(100):
        await clock.advance(10)
        assert heartbeats.overdue() == []
        beat()


async def test_a_critical_task_is_overdue_as_soon_as_its_limit_has_passed(heartbeats, clock):
    beat = heartbeats.register("recorder", 10, critical=True)
    await clock.advance(10.1)
    assert heartbeats.overdue() == ["recorder"]
    beat()
    assert heartbeats.overdue() == []


async def test_a_task_that_is_not_critical_does_not_starve_the_watchdog(heartbeats, clock):
    heartbeats.register("sensor bme280", 10)
    await clock.advance(3600)
    assert heartbeats.overdue() == []
    assert [(beat.name, beat.fresh, beat.age_s) for beat in heartbeats.snapshot()] == [("sensor bme280", False, 3600)]


async def test_a_start_gives_a_task_its_limit_but_not_for_ever(heartbeats, clock):
    beat = heartbeats.register("link", 10, critical=True)
    for _ in range(ATTEMPTS):
        await clock.advance(9)
        beat.start()
    assert heartbeats.overdue() == []
    await clock.advance(9)
    beat.start()
    await clock.advance(2)

    assert heartbeats.overdue() == ["link"]
    assert beat.left_s == 8
    beat()
    assert heartbeats.overdue() == []
    assert heartbeats.snapshot()[0].starts == ATTEMPTS + 1


def test_a_name_is_taken_until_its_heartbeat_is_retired(heartbeats):
    first = heartbeats.register("link", 10)
    with pytest.raises(ValueError, match="heartbeat name: expected one that is not taken, got 'link'"):
        heartbeats.register("link", 10)
    first.retire()
    second = heartbeats.register("link", 10)
    first.retire()
    assert [beat.name for beat in heartbeats.snapshot()] == [second.name]


@pytest.mark.parametrize("limit_s", [0, -1, float("nan")])
def test_a_limit_that_no_task_could_keep_is_refused(heartbeats, limit_s):
    with pytest.raises(ValueError, match="limit_s of 'link': expected a number above 0"):
        heartbeats.register("link", limit_s)


@given(st.lists(st.one_of(st.just("beat"), st.floats(0, 30)), max_size=30))
async def test_overdue_means_that_no_beat_came_for_longer_than_the_limit(steps):
    clock = ManualClock()
    beat = Heartbeats(clock).register("link", 10, critical=True)
    last = 0.0
    for step in steps:
        if step == "beat":
            beat()
            last = clock.monotonic()
        else:
            await clock.advance(step)
        assert beat.fresh == (clock.monotonic() - last <= 10)
