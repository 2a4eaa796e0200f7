"""The live table that `up` shows in the foreground."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local import run_record
from local.figures import Figures, Reader
from local.instance import Instance

REFRESH_S = 2.0
SHOWN_DEVICES = 30
SHOWN_VALUES = 4


async def show(instance: Instance, console: Console) -> None:
    """Draw until cancelled. It reads what `status` reads and changes nothing."""
    details = instance.read("instance.json")
    reader = await asyncio.to_thread(
        Reader, instance.ports.aws_url, details["outputs"]["StateTableName"], run_record.read(instance)["started"]
    )
    before: tuple[float, Figures] | None = None
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            try:
                figures = await asyncio.to_thread(reader.read)
            except (BotoCoreError, ClientError):
                # The supervisor says what became of the cloud; here the last picture stands.
                await asyncio.sleep(REFRESH_S)
                continue
            now = time.monotonic()
            live.update(render(details, figures, _rates(before, (now, figures)), time.time()), refresh=True)
            before = (now, figures)
            await asyncio.sleep(REFRESH_S)


def _rates(before: tuple[float, Figures] | None, after: tuple[float, Figures]) -> dict[str, float]:
    """Messages a second by thing, between two looks."""
    if before is None:
        return {}
    past = {device.thing: device.messages for device in before[1].devices}
    elapsed = after[0] - before[0]
    return {
        device.thing: (device.messages - past[device.thing]) / elapsed
        for device in after[1].devices
        if device.thing in past
    }


def render(details: Mapping[str, Any], figures: Figures, rates: Mapping[str, float], now: float) -> Group:
    """The whole picture, from figures alone."""
    table = Table(expand=False, pad_edge=False, header_style="bold")
    for name, justify in (("device", "left"), ("", "left"), ("last values", "left"), ("age", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type] # literals above
    table.add_column("messages", justify="right")
    table.add_column("per s", justify="right")
    for device in figures.devices[:SHOWN_DEVICES]:
        values = "  ".join(f"{metric} {_value(value)}" for metric, value in list(device.latest.items())[:SHOWN_VALUES])
        age = "" if device.newest_ts is None else f"{max(0.0, now - device.newest_ts / 1000):.0f} s"
        online = Text("online", "green") if device.online else Text("offline", "red")
        rate = f"{rates[device.thing]:.1f}" if device.thing in rates else ""
        table.add_row(device.thing, online, values, age, str(device.messages), rate)
    return Group(_access(details), table, _totals(figures, sum(rates.values())), Text("Ctrl-C stops it.", "dim"))


def _access(details: Mapping[str, Any]) -> Text:
    names = ("dashboard", "user", "password", "API")
    lines = [(name, details[name.lower()]) for name in names]
    return Text("\n").join(Text.assemble((f"{name:10}", "dim"), (str(value), "bold")) for name, value in lines)


def _totals(figures: Figures, rate: float) -> Text:
    hidden = len(figures.devices) - SHOWN_DEVICES
    more = f"and {hidden} more devices · " if hidden > 0 else ""
    text = Text(f"{more}{figures.online} online · {figures.messages} messages · {figures.points} points · {rate:.1f}/s")
    quarantined = sum(figures.quarantined.values())
    if quarantined:
        text.append(f" · {quarantined} quarantined", "yellow")
    for name, count in {**figures.failed, **figures.function_errors}.items():
        if count:
            text.append(f" · {name}: {count} errors", "red")
    return text


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, str) else f"{float(value):.5g}"  # type: ignore[arg-type] # a Decimal
