"""What a day of telemetry writes."""

import json
from random import Random

from device_agent.queue import Priority

FLUSHES_A_DAY = 24 * 60 * 6
DAY_LIMIT = 50_000_000


def envelope(seq, chance):
    """Ten samples a second for ten seconds, as a device sends them."""
    measurements = [
        {"ts": 1764000000000 + 10_000 * seq + 100 * n, "values": {"temperature": round(chance.uniform(20, 24), 2)}}
        for n in range(100)
    ]
    return json.dumps({"v": 1, "boot": "7f3a7f3a7f3a7f3a", "seq": seq, "m": measurements}).encode()


def test_ten_samples_a_second_flushed_every_ten_seconds_write_one_page_each_time_and_hardly_more(bench):
    """Counted in pages of 4 KiB between two syncs. Each message is acknowledged as on a day with a network."""
    queue = bench.open(max_bytes=64 * 2**20)
    chance = Random(1)

    def a_day(flushes):
        bench.disk.written.clear()
        for n in range(flushes):
            queue.append([(Priority.TELEMETRY, envelope(n, chance))], {"sensor": f"row {n}"})
            queue.acknowledge([message.id for message in queue.peek(Priority.TELEMETRY, 0, 10)])
        return {name: pages * FLUSHES_A_DAY / flushes for name, pages in bench.disk.written.items()}

    reserved = bench.disk.written.total()
    a_day(800)
    zeroed = bench.disk.written.total() - 800 * 4096
    later = a_day(800)

    # Once in the life of a queue: its slots and the two segments that it needs on such days are filled with zeros.
    assert reserved + zeroed < 1_000_000
    # 35.4 MB are one page for each flush: of a file, less is not to be had.
    assert 35_000_000 < sum(later.values()) < 0.75 * DAY_LIMIT
    assert later["checkpoint"] < 0.01 * DAY_LIMIT
