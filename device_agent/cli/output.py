"""What the command prints: for people, or with `--json` for programs; never both."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any


def show(options: argparse.Namespace, found: Any, text: str | None = None) -> None:
    """Print what was found: as JSON, as `text`, or without a text as `key: value` lines."""
    if options.json:
        sys.stdout.write(_json(found) + "\n")
    else:
        shown = "\n".join(lines(found)) if text is None else text
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def fail(options: argparse.Namespace, error: str, **more: Any) -> None:
    """Say what went wrong: to standard error, or with `--json` as JSON to standard output, where a program reads."""
    if options.json:
        show(options, {"error": error, **more})
    else:
        sys.stderr.write(f"{error}\n")


def _json(found: Any) -> str:
    """In the letters that it is made of, unless the output cannot take one of them: a name of a file may be no text."""
    text = json.dumps(found, indent=2, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(found, indent=2, default=str)
    return text


def lines(value: Any, indent: str = "") -> Iterator[str]:
    """Nested data as indented lines; a list of plain values is one line, any other a dash for each item."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _is_nested(inner):
                yield f"{indent}{key}:"
                yield from lines(inner, f"{indent}  ")
            else:
                yield f"{indent}{key}: {word(inner)}"
    elif isinstance(value, list) and _is_nested(value):
        for inner in value:
            first, *others = lines(inner)
            yield f"{indent}- {first}"
            yield from (f"{indent}  {line}" for line in others)
    else:
        yield f"{indent}{word(value)}"


def word(value: Any) -> str:
    """One value in a line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (Mapping, list)):
        return ", ".join(map(word, value)) or "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _is_nested(value: Any) -> bool:
    """Whether it takes more than a line."""
    if isinstance(value, list):
        return any(isinstance(inner, (Mapping, list)) for inner in value)
    return isinstance(value, Mapping) and bool(value)
