"""One device on a page: what it is, its latest values, and what was counted."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.output import print_fields, print_heading, print_table
from cli.text import age, printable, shown
from cli.units import symbol

_LATEST = ["Metric", "Value", "Unit", "Age", "Quality"]


def print_device(document: Mapping[str, Any], now_ms: int) -> None:
    plain = [(key, value) for key, value in document.items() if not isinstance(value, dict | list)]
    print_fields((printable(key), _field(key, value, now_ms)) for key, value in plain)
    for key, value in document.items():
        if key == "latest":
            print_heading("latest values")
            print_table(_LATEST, _latest_rows(value, now_ms), right=["Value", "Age"])
        elif isinstance(value, dict) and value:
            print_heading(key)
            print_fields((printable(str(name)), _field(str(name), inner, now_ms)) for name, inner in value.items())


def latest_units(document: Mapping[str, Any]) -> dict[str, str | None]:
    """Each metric's UCUM code, as a device document's latest values name it."""
    return {metric: entry.get("unit") for metric, entry in _latest(document.get("latest"))}


def _latest_rows(latest: Any, now_ms: int) -> Iterator[list[str]]:
    for metric, entry in _latest(latest):
        kind = ", unmodeled" if entry.get("unmodeled") else ", derived" if entry.get("derived") else ""
        yield [
            printable(metric),
            _value(entry),
            printable(symbol(entry.get("unit"))),
            _age(entry.get("ts"), now_ms),
            shown(entry.get("q")) + kind,
        ]


def _value(entry: Mapping[str, Any]) -> str:
    """With the decimals that the model finds worth showing; the JSON has all of them."""
    value, precision = entry.get("value"), entry.get("precision")
    return f"{value:.{precision}f}" if isinstance(value, float) and isinstance(precision, int) else shown(value)


def _latest(latest: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(latest, dict):
        yield from ((str(metric), entry) for metric, entry in latest.items() if isinstance(entry, dict))


def _field(name: str, value: Any, now_ms: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    moment = name in {"at", "since", "ts"} or name.endswith(("_at", "_since"))
    return _age(value, now_ms) if moment and isinstance(value, int) else shown(value)


def _age(ts: Any, now_ms: int) -> str:
    return age(ts, now_ms) if isinstance(ts, int) else shown(None)
