"""Templates of messages: a text with `{fields}`, and nothing that could compute, look inside or grow without bound.

    >>> template = compile_template("{device}: {temperature:.1f} °C, limit {@limit}")
    >>> template.render({"device": "press-4", "temperature": 91.25, "@limit": 90})
    'press-4: 91.2 °C, limit 90'

| field | is |
|---|---|
| `{device}`, `{name}` | the device's id, and its name |
| `{title}`, `{severity}` | of the alarm |
| `{first}`, `{last}`, `{peak}` | values of the rule's primary metric since the alarm was raised |
| `{temperature}` | a metric's last value; any other name that is a metric's |
| `{@site}` | an attribute of the device |

Numbers may be formatted: `{temperature:.1f}` with so many decimals (0 to 6), `{power:,.0f}` with separators as well.
Braces themselves are written twice. What is not known is shown as `unknown`.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Final

from contract.conditions import ATTRIBUTE
from contract.errors import RuleError, shown
from contract.identity import ATTRIBUTE_PATTERN, METRIC_PATTERN
from contract.telemetry import Value

__all__ = ["FACTS", "MAX_FIELDS", "MAX_RENDERED_CHARS", "UNKNOWN", "Template", "compile_template"]

FACTS: Final = ("device", "name", "title", "severity", "first", "last", "peak")
MAX_FIELDS: Final = 20
MAX_RENDERED_CHARS: Final = 500
UNKNOWN: Final = "unknown"

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_FIELD: Final = re.compile(rf"(?P<name>{METRIC_PATTERN}|{ATTRIBUTE}{ATTRIBUTE_PATTERN})(?::(?P<format>,?\.[0-6]f))?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_EXACT_UP_TO: Final = 1e15


class Template:
    """A compiled template. `metrics` are those that it shows; `attributes` too, as `@key`."""

    __slots__ = ("_parts", "attributes", "metrics", "text")

    def __init__(self, text: str, parts: tuple[str | tuple[str, str], ...]) -> None:
        self.text = text
        self._parts = parts
        names = [part[0] for part in parts if isinstance(part, tuple)]
        self.metrics = frozenset(name for name in names if name not in FACTS and not name.startswith(ATTRIBUTE))
        self.attributes = frozenset(name for name in names if name.startswith(ATTRIBUTE))

    def render(self, facts: Mapping[str, Value | None]) -> str:
        """With a value for each field; at most MAX_RENDERED_CHARS, the last of which says if more was cut off."""
        text = "".join(part if isinstance(part, str) else _format(facts.get(part[0]), part[1]) for part in self._parts)
        return text if len(text) <= MAX_RENDERED_CHARS else f"{text[: MAX_RENDERED_CHARS - 1]}…"


def compile_template(text: str) -> Template:
    """Read a template; raises RuleError with every field that is none."""
    parts: list[str | tuple[str, str]] = []
    problems: list[tuple[str, str, str]] = []
    fields, at = 0, 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        at, found = token.end(), token[0]
        if found in ("{{", "}}"):
            parts.append(found[0])
        elif found in ("{", "}"):
            problems.append(("", f"a template in which a brace as such is written twice, {found * 2}", "one alone"))
        elif field := _FIELD.fullmatch(found[1:-1]):
            fields += 1
            parts.append((field["name"], field["format"] or ""))
        else:
            expected = "a template whose fields are {name} or {name:.1f}: a metric, @attribute, or one of "
            problems.append(("", expected + ", ".join(FACTS), shown(found)))
    if fields > MAX_FIELDS:
        problems.append(("", f"a template with at most {MAX_FIELDS} fields", f"{fields}"))
    if problems:
        raise RuleError(tuple(problems))
    return Template(text, tuple(part for part in (*parts, text[at:]) if part))


def _format(value: Value | None, form: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _CONTROL.sub(" ", value)
    if value is None or not isfinite(value):
        return UNKNOWN
    if form:
        return format(value, form)
    return f"{value:.6g}" if abs(value) >= _EXACT_UP_TO else f"{value:.6f}".rstrip("0").rstrip(".")
