"""What the agent costs a device, and what it loses, beside thingsboard-gateway.

    .venv/bin/python bench/agent.py [--quick] [--json] [--parts PART …]

Each agent is a process of its own that plays the same recording to the same broker (mosquitto, mutual TLS); both use
the processor at the same time, so that what else the machine does slows both. What is written to flash is counted at
the agent's port to the disk for a whole day, whose time a program moves; and in real time on block devices of the
benchmark's own, where it may mount some (root), beside SQLite as the queue.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.agents import guardian, wear
from bench.agents.a_day import DAY_S
from bench.agents.broker import Broker, Sink, issue, until
from bench.agents.figures import Figure, at_least, at_most, beside, line, none_of
from bench.agents.processes import Fieldline, Load, Running, ThingsBoard, installed
from device_agent.clock import SystemClock
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles

MIB_GOAL_CRT, MIB_GOAL_PAHO = 40.0, 35.0
RSS_RATIO_GOAL, CPU_RATIO_GOAL = 0.65, 0.5
DRAIN_GOAL, SUSTAINED_GOAL, START_GOAL_S, READ_GOAL = 2_000.0, 1_000.0, 3.0, 5_000.0
PEER = "thingsboard-gateway"
COMPARED = 100
"""Samples a second of both agents."""
MOST = 1_000
"""Samples a second: a sensor's interval is 1 ms at least."""
FOR_EVER = 100_000
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Plan:
    measured_s: float
    warm_up_s: float
    kills: int
    kill_rows: int
    backlog_rows: int
    day_s: int
    flash_s: int
    """It ends with a commit of the journal: as long as the longest commit interval, it has not one too many."""


FULL = Plan(45, 20, 20, 8_000, 60_000, DAY_S, 600)
QUICK = Plan(10, 8, 4, 2_000, 10_000, DAY_S // 4, 60)


@dataclass(frozen=True)
class Usage:
    """Of one agent under a steady load."""

    rss_mib: float
    cpu: float
    """As a part of one core."""
    rate: float
    """Samples a second that arrived; of several agents, from each."""

    @property
    def cpu_per_sample_us(self) -> float:
        return self.cpu / self.rate * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look")
    parser.add_argument("--json", action="store_true", help="rows for programs")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="only some of it")
    options = parser.parse_args()
    figures: list[Figure] = []
    for figure in measure(QUICK if options.quick else FULL, options.parts):
        figures.append(figure)
        if not options.json:
            print(line(figure), flush=True)
    if options.json:
        print(json.dumps([figure.row() for figure in figures], ensure_ascii=False, indent=1))


def measure(plan: Plan, parts: list[str]) -> Iterator[Figure]:
    installed()
    with tempfile.TemporaryDirectory(prefix="fieldline-bench-") as name:
        folder = Path(name)
        broker = Broker(issue("pump-7", folder), folder)
        broker.start()
        try:
            with broker.sink() as sink:
                for part in parts:
                    yield from PARTS[part](plan, broker, sink, folder)
        finally:
            broker.stop()


def steady(plan: Plan, broker: Broker, sink: Sink, folder: Path) -> Iterator[Figure]:
    """Memory and processor time, the same messages to the same broker."""

    def recording(rate: int, *, relay: bool = False) -> Load:
        return Load(rate, int(rate * (plan.warm_up_s + plan.measured_s + PATIENCE_S)), relay=relay)

    def used(name: str, load: Load, transport: str = "crt") -> Usage:
        (usage,) = _used(plan, sink, Fieldline(broker, folder / name, load, transport=transport))
        return usage

    # At the same time: on a machine that does other things too, the same work takes now more of a core, now less.
    theirs, crt = _used(
        plan,
        sink,
        ThingsBoard(broker, folder / "thingsboard", recording(COMPARED)),
        Fieldline(broker, folder / "crt", recording(COMPARED)),
    )
    yield at_most("memory with awscrt", crt.rss_mib, "MiB", MIB_GOAL_CRT)
    yield at_most("memory with paho", used("paho", recording(COMPARED), "paho").rss_mib, "MiB", MIB_GOAL_PAHO)
    yield beside("memory", crt.rss_mib, "MiB", PEER, theirs.rss_mib, RSS_RATIO_GOAL)
    cpu, their_cpu = crt.cpu_per_sample_us, theirs.cpu_per_sample_us
    yield beside("processor time a sample, 100 samples/s", cpu, "µs", PEER, their_cpu, CPU_RATIO_GOAL)
    yield Figure("processor at 10 samples/s", used("slow", recording(10)).cpu * 100, "% of a core")
    yield beside(f"processor at {COMPARED} samples/s", crt.cpu * 100, "% of a core", PEER, theirs.cpu * 100)
    fast = used("fast", recording(MOST))
    # None more can arrive than is played, and moments of arrival differ by some milliseconds.
    kept_up = fast.rate >= 0.995 * MOST
    yield Figure("sustained", fast.rate, "samples/s", f"{MOST:,} played", fast.rate / MOST, SUSTAINED_GOAL, kept_up)
    yield Figure(f"processor at {MOST:,} samples/s", fast.cpu * 100, "% of a core")
    relay = used("relay", recording(COMPARED, relay=True)).rss_mib
    if "relay" not in sink.metrics:
        raise SystemExit("the actuator does not work")
    yield beside("memory with awscrt and an actuator at gpiozero's mock pins", relay, "MiB", "without", crt.rss_mib)
    yield Figure("memory of the guardian that real pins need besides", guardian.memory_mib(), "MiB")


def killed(plan: Plan, broker: Broker, sink: Sink, folder: Path) -> Iterator[Figure]:
    """SIGKILL at the same moments; lost is what the agent had taken and the broker never saw."""
    load = Load(rate=200, rows=plan.kill_rows, position=True)
    their_lost, their_doubled = _loss(plan, sink, ThingsBoard(broker, folder / "thingsboard-killed", load), load)
    lost, doubled = _loss(plan, sink, Fieldline(broker, folder / "killed", load), load)
    of = f"of {load.rows:,} in {plan.kills} kills"
    yield none_of(f"rows lost {of}", lost, "rows", PEER, their_lost)
    yield none_of(f"rows stored twice {of}", doubled, "rows", PEER, their_doubled)


def started(_plan: Plan, broker: Broker, sink: Sink, folder: Path) -> Iterator[Figure]:
    agent = Fieldline(broker, folder / "started", Load(rate=10, rows=FOR_EVER, flush_interval_s=0.5))
    sink.restart()
    since = time.monotonic()
    running = agent.start()
    until(lambda: sink.arrivals.first_at is not None, PATIENCE_S, "the agent sends nothing")
    took = (sink.arrivals.first_at or since) - since
    running.stop()
    yield at_most("start to first publish", took, "s", START_GOAL_S)


def drained(plan: Plan, broker: Broker, sink: Sink, folder: Path) -> Iterator[Figure]:
    """What gathered in the queue while there was no broker."""
    load = Load(rate=1_000, rows=plan.backlog_rows)
    agent = Fieldline(broker, folder / "drained", load)
    broker.stop()
    running = agent.start()
    time.sleep(load.rows / load.rate + 5)
    sink.restart()
    broker.start()
    until(lambda: len(sink.arrivals.times) == load.rows, PATIENCE_S, "the backlog does not arrive")
    running.stop()
    yield at_least("backlog drained", sink.arrivals.rate, "samples/s", DRAIN_GOAL)
    read = _read_and_acknowledged(folder / "read", plan.backlog_rows)
    yield at_least("the same from the queue alone, small messages", read, "messages/s", READ_GOAL)


def flash_writes(plan: Plan, broker: Broker, _sink: Sink, folder: Path) -> Iterator[Figure]:
    """10 samples/s with a flush every 10 s."""
    yield from wear.at_the_port(folder / "day", plan.day_s)
    yield from wear.on_cards(folder, broker, plan.flash_s)


PARTS = {"steady": steady, "kills": killed, "start": started, "backlog": drained, "flash": flash_writes}


def _used(plan: Plan, sink: Sink, *agents: Fieldline | ThingsBoard) -> list[Usage]:
    """Of agents that run at the same time, under the same load."""
    # A first start compiles what it imports, which takes memory, and finds a cold page cache, which saves some.
    for agent in agents:
        _begun(sink, agent).kill()
    running = [_begun(sink, agent) for agent in agents]
    time.sleep(plan.warm_up_s)
    sink.restart()
    cpu, since = [_alive(process).cpu_s() for process in running], time.monotonic()
    time.sleep(plan.measured_s)
    spent = [_alive(process).cpu_s() - before for process, before in zip(running, cpu, strict=True)]
    seconds = time.monotonic() - since
    rate = sink.arrivals.rate / len(agents)
    used = [Usage(process.rss_mib(), of / seconds, rate) for process, of in zip(running, spent, strict=True)]
    for process in running:
        process.stop()
    return used


def _alive(process: Running) -> Running:
    if process.ended:
        raise SystemExit(f"an agent has ended: {process.said()}")
    return process


def _begun(sink: Sink, agent: Fieldline | ThingsBoard) -> Running:
    sink.restart()
    running = agent.start()
    until(lambda: sink.arrivals.messages > 0 or running.ended, PATIENCE_S, "the agent sends nothing")
    return running


def _read_and_acknowledged(folder: Path, messages: int) -> float:
    """Messages a second, a hundred to a record and each acknowledged by itself, as a publisher does that catches up."""
    log = logging.LoggerAdapter(logging.getLogger("bench"), {})
    queue = RingQueue(folder, max_bytes=2**24, clock=SystemClock(), log=log, files=PosixFiles())
    for first in range(0, messages, 100):
        queue.append([(Priority.TELEMETRY, b"message %d" % n) for n in range(first, first + 100)], {})
    since = time.monotonic()
    after = 0
    while waiting := queue.peek(Priority.TELEMETRY, after, 50):
        after = waiting[-1].id
        for message in waiting:
            queue.acknowledge([message.id])
    rate = messages / (time.monotonic() - since)
    if queue.stats().messages:
        raise SystemExit("the queue still has messages that were acknowledged")
    queue.close()
    return rate


def _loss(plan: Plan, sink: Sink, agent: Fieldline | ThingsBoard, load: Load) -> tuple[int, int]:
    """Rows that never came, and rows that came under two times, after the last start was left to finish."""
    chance = Random(5)
    sink.restart()
    for _ in range(plan.kills):
        before = sink.arrivals.messages
        running = agent.start()
        _arrives(sink, before, running)
        time.sleep(chance.uniform(0.0, 1.5))
        running.kill()
    running = agent.start()
    _settled(sink, running, load)
    running.stop()
    return load.rows - len(sink.arrivals.times), sink.arrivals.doubled


def _arrives(sink: Sink, before: int, running: Running) -> None:
    until(lambda: sink.arrivals.messages > before or running.ended, PATIENCE_S, "nothing arrives after a kill")


def _settled(sink: Sink, running: Running, load: Load) -> None:
    """Until the last row has come and nothing more does."""
    until(lambda: load.rows - 1 in sink.arrivals.times or running.ended, PATIENCE_S, "the recording does not end")
    count = -1
    while count != sink.arrivals.messages:
        count = sink.arrivals.messages
        time.sleep(5)


if __name__ == "__main__":
    main()
