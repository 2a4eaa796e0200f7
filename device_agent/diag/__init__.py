"""`fieldline-agent diag`: one file that tells a helper how the device is, and no secret of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from device_agent.clock import Clock
from device_agent.diag import machine
from device_agent.diag.bundle import Collector, collect, pack
from device_agent.diag.configuration import Configuration
from device_agent.diag.network import reach
from device_agent.diag.redaction import Redactor, outline

WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class Diagnosis:
    """Where the bundle is, what is in it, and what could not be found out: the reason by part."""

    file: Path
    parts: tuple[str, ...]
    failed: Mapping[str, str]


def diagnose(
    config: Path,
    out: Path,
    *,
    clock: Clock,
    log: Collector = machine.log,
    state: Collector | None = None,
    more: Mapping[str, Collector] | None = None,
    within_s: float = WITHIN_S,
) -> Diagnosis:
    """Write a new bundle, whatever is wrong with the device or its configuration.

    Args:
        config: the configuration's file; it need not be usable, or there.
        out: a folder; the file is named after the thing and the time.
        clock: tells the time.
        log: the last lines of the log, as one text.
        state: the sections of the agent's state, of which only the shape and the numbers are shown.
        more: what the caller can ask, such as the queue's figures or the running agent's status, by the part's name.
        within_s: how long all collectors together may take; each runs on a thread of its own and may block.

    Raises:
        OSError: the bundle cannot be written.
    """
    found = Configuration(config)
    redactor = Redactor(found.key_lines())
    shown = redactor.configuration(found.values)
    collectors: dict[str, Collector] = {
        "config": lambda: shown,
        "check": found.check,
        "identity": found.identity,
        "versions": machine.versions,
        "system": machine.system,
        "disk": lambda: machine.disk(Path("/"), *filter(None, map(found.file, ("queue", "state")))),
        "clocks": lambda: machine.clocks(clock),
        "service": machine.service,
        "log": log,
        **_network(found),
        **(more or {}),
    }
    if state is not None:
        collectors["state"] = lambda: outline(state())
    parts = collect(collectors, redactor, within_s=within_s)
    now_s = clock.wall_ms() // 1000
    name = f"fieldline-diag-{found.thing}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}"
    file = out / f"{name}.tar.gz"
    pack(parts, file, folder=name, at_s=now_s)
    return Diagnosis(file, tuple(part.file for part in parts), {part.file: part.error for part in parts if part.error})


def _network(found: Configuration) -> dict[str, Collector]:
    certificate, key = found.file("certificate"), found.file("private_key")
    identity = (certificate, key) if certificate is not None and key is not None else None
    return {
        f"endpoint-{index}": partial(reach, endpoint, found.file("ca"), identity)
        for index, endpoint in enumerate(found.endpoints())
    }
