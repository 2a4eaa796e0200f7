"""The whole agent without its broker for so long that the queue turns over: the oldest goes, and the cloud is told."""

from tests.device_agent.promises.device import envelopes, events, numbers
from tests.device_agent.proxy import Proxy

ROWS = 200
TEXTS = 60
"""Each row is a message of 15 KB: together they are more than the queue of 2 MiB holds."""
AN_ALARM_TOO = """
[[rule]]
name = "cold"
when = { metric = "temperature", below = 40 }
"""


def dropped(device):
    return {name: found["dropped"] for name, found in device.ask("queue.stats")["priorities"].items()}


async def test_a_queue_that_overflows_drops_the_oldest_and_the_cloud_is_told_how_much(device, mosquitto, app, at_last):
    async with Proxy(mosquitto.endpoint) as proxy:
        proxy.refusing = True
        device.write(proxy.endpoint, interval_s=0.01, rows=ROWS, texts=TEXTS, tables=AN_ALARM_TOO)
        device.start()
        await at_last(lambda: device.readings() == ROWS)
        await at_last(lambda: device.ask()["recorded"] == ROWS)
        before = dropped(device)
        assert before["telemetry"] > ROWS / 10
        assert before["urgent"] == 0

        proxy.refusing = False
        await at_last(lambda: events(app.received, "dropped"))
        await at_last(lambda: device.ask("queue.stats")["messages"] == 0)
        await at_last(lambda: len(numbers(app.received)) == ROWS - before["telemetry"])
        after = dropped(device)
        [told] = [event.data for event in events(app.received, "dropped")]
        lost_logs = told.pop("log")  # and there are new ones all the time
        assert told == {"urgent": 0, "telemetry": before["telemetry"], "not_stored": 0, "unreadable": 0}
        assert 1 <= before["log"] <= lost_logs <= after["log"]
        assert after["telemetry"] == before["telemetry"]

        kept = sorted(envelope.seq for envelope in envelopes(app.received))
        assert kept == list(range(before["telemetry"], kept[-1] + 1)), "the oldest is gone, and nothing else"
        assert max(numbers(app.received)) == ROWS - 1
        assert len(events(app.received, "rule_fired")) == 2, "what is urgent was kept"
        device.stop()
