"""What the command prints: for people, or with `--json` for programs; never both."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any


def show(options: argparse.Namespace, found: Any, text: str | None = None) -> None:
    """Print what was found: as JSON, as `text`, or without a text as `key: value` lines."""
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        sys.stdout.write(("\n".join(lines(found)) if text is None else text) + "\n")


def fail(options: argparse.Namespace, error: str, **more: Any) -> None:
    """Say what went wrong: to standard error, or with `--json` as JSON to standard output, where a program reads."""
    if options.json:
        show(options, {"error": error, **more})
    else:
        sys.stderr.write(f"{error}\n")


def lines(value: Any, indent: str = "") -> Iterator[str]:
    """Nested data as indented lines."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, (Mapping, list)):
        yield f"{indent}{word(value)}"
    for key, inner in items:
        if isinstance(inner, (Mapping, list)) and inner:
            yield f"{indent}{key}:"
            yield from lines(inner, f"{indent}  ")
        else:
            yield f"{indent}{key}: {word(inner)}"


def word(value: Any) -> str:
    """One value in a line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (Mapping, list)):
        return "none"
    return str(value)
