"""What everything above the disk relies on: the storage on a disk and the one in memory alike."""

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority
from device_agent.storage import Storage
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority


@pytest.fixture(params=["disk", "memory"])
def make(request, tmp_path, clock, log):
    """Makes a storage; called again, another one over what the first has left."""
    if request.param == "disk":
        return lambda: Storage(tmp_path / "queue", tmp_path / "state.json", max_bytes=2**23, clock=clock, log=log)
    disk = MemoryStorage().disk
    return lambda: MemoryStorage(disk)


@pytest.fixture
async def storage(make):
    storage = make()
    await storage.open()
    yield storage
    await storage.close()


async def payloads(storage, priority, after=0, limit=100):
    return [message.payload for message in await storage.peek(priority, after, limit)]


async def test_each_priority_is_read_in_the_order_of_appending(storage):
    await storage.append([(TELEMETRY, b"1"), (URGENT, b"2"), (TELEMETRY, b"3")])
    await storage.append([(TELEMETRY, b"4")])

    assert await payloads(storage, TELEMETRY) == [b"1", b"3", b"4"]
    assert await payloads(storage, TELEMETRY, limit=2) == [b"1", b"3"]
    assert await payloads(storage, URGENT) == [b"2"]
    assert await payloads(storage, LOG) == []


async def test_ids_grow_from_append_to_append_over_all_priorities_and_tell_where_to_go_on(storage):
    await storage.append([(TELEMETRY, b"1")])
    await storage.append([(URGENT, b"2")])
    await storage.append([(TELEMETRY, b"3")])
    one, three = await storage.peek(TELEMETRY, 0, 10)
    [two] = await storage.peek(URGENT, 0, 10)

    assert one.id < two.id < three.id
    assert await payloads(storage, TELEMETRY, after=one.id) == [b"3"]
    assert (one.priority, two.priority) == (TELEMETRY, URGENT)


async def test_the_newest_come_with_the_oldest_of_them_first(storage):
    await storage.append([(TELEMETRY, b"%d" % n) for n in range(5)])
    newest = await storage.newest(TELEMETRY, 2)

    assert [message.payload for message in newest] == [b"3", b"4"]
    await storage.acknowledge([newest[1].id])
    assert [message.payload for message in await storage.newest(TELEMETRY, 2)] == [b"2", b"3"]
    assert await storage.newest(URGENT, 2) == []


async def test_what_is_acknowledged_is_gone_in_whatever_order_and_unknown_ids_are_ignored(storage):
    await storage.append([(TELEMETRY, b"%d" % n) for n in range(5)])
    ids = [message.id for message in await storage.peek(TELEMETRY, 0, 5)]
    await storage.acknowledge([ids[3], ids[0], 10_000])

    assert await payloads(storage, TELEMETRY) == [b"1", b"2", b"4"]


async def test_what_was_stored_is_there_after_a_restart_and_no_id_comes_twice(make):
    first = make()
    await first.open()
    await first.append([(TELEMETRY, b"1"), (TELEMETRY, b"2")], {"s": "7"})
    await first.write_state("clock", {"a": [1, None, "x"]})
    [one, two] = await first.peek(TELEMETRY, 0, 5)
    await first.acknowledge([one.id, two.id])
    await first.close()

    second = make()
    await second.open()
    try:
        assert await payloads(second, TELEMETRY) == []
        assert await second.position("s") == "7"
        assert await second.read_state("clock") == {"a": [1, None, "x"]}
        await second.append([(TELEMETRY, b"3")])
        [three] = await second.peek(TELEMETRY, 0, 5)
        assert three.id > two.id
    finally:
        await second.close()


async def test_positions_are_stored_with_messages_and_without(storage):
    assert await storage.position("s") is None
    await storage.append([(TELEMETRY, b"1")], {"s": "1", "$other": "x"})
    await storage.append([], {"s": "2"})

    assert (await storage.position("s"), await storage.position("$other")) == ("2", "x")


async def test_a_section_that_was_never_written_is_nothing(storage):
    assert await storage.read_state("clock") is None


async def test_who_waits_for_a_change_hears_of_each_append(storage):
    storage.changed.clear()
    await storage.append([(LOG, b"1")])
    await storage.changed.wait()


async def test_the_figures_count_what_waits_by_priority(storage):
    await storage.append([(TELEMETRY, b"1"), (TELEMETRY, b"2"), (URGENT, b"3")])
    [one, _] = await storage.peek(TELEMETRY, 0, 5)
    await storage.acknowledge([one.id])
    stats = await storage.stats()

    assert {priority: stats[priority].messages for priority in Priority} == {URGENT: 1, TELEMETRY: 1, LOG: 0}
    assert stats[TELEMETRY].oldest_id == one.id + 1
    assert (stats[LOG].oldest_id, stats.dropped) == (None, 0)


async def test_a_storage_that_is_not_open_says_so(make):
    with pytest.raises(QueueError):
        await make().append([(LOG, b"1")])
