"""Rules in the text of a file, each with the line that it begins at, and every problem of the file together."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from contract._strict_json import parse as parse_json
from contract._strict_json import refuse_repeated_keys
from contract.errors import DocumentError, RuleError, shown
from contract.models import DeviceModel
from contract.rules import read_rule
from contract.rules.rule import Rule

__all__ = ["MAX_FILE_BYTES", "MAX_RULES", "Entry", "Problems", "entries", "parse"]

MAX_FILE_BYTES: Final = 1_048_576
MAX_RULES: Final = 2_000
_LAST_STEP: Final = re.compile(r"(?:\.[^.\[]*|\[\d+\])\Z")

Problem = tuple[str, str, str]


class Entry(NamedTuple):
    """Something that stands in a file by itself. `line` answers for the path of anything in it, if that is known."""

    value: Any
    line: Callable[[str], int | None]


class Problems:
    """What is wrong with a file, gathered to be told together."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[Problem] = []
        self._lines: list[int | None] = []

    def note(self, problem: Problem, line: int | None) -> None:
        self._found.append(problem)
        self._lines.append(line)

    def note_all(self, problems: tuple[Problem, ...], entry: Entry, name: str) -> None:
        """`name` stands before the paths, so that one sees which entry is meant."""
        for field, expected, got in problems:
            self.note((f"{name}.{field}" if field else name, expected, got), entry.line(field))

    def raise_any(self) -> None:
        if self._found:
            raise RuleError(tuple(self._found), self._source, tuple(self._lines))


def parse(text: bytes | str, source: str, models: Mapping[str, DeviceModel]) -> list[Rule]:
    """See `contract.rules.parse_rules`."""
    problems, rules = Problems(source), dict[str, Rule]()
    for index, entry in enumerate(entries(text, source)):
        if index == MAX_RULES:
            problems.note(("", f"at most {MAX_RULES} rules", "more"), entry.line(""))
            break
        name = entry.value.get("rule") if isinstance(entry.value, dict) else None
        name = name if isinstance(name, str) and len(name) <= 2 * 64 else f"[{index}]"
        try:
            rule = read_rule(entry.value, _model(entry.value, models))
        except RuleError as error:
            problems.note_all(error.problems, entry, name)
            continue
        if rule.id in rules:
            problems.note((f"{name}.rule", "an id that no other rule has", shown(rule.id)), entry.line("rule"))
        rules[rule.id] = rule
    problems.raise_any()
    return list(rules.values())


def entries(text: bytes | str, source: str) -> Iterator[Entry]:
    """What stands in a file: each document, or each element of one that is a list. Raises RuleError."""
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_FILE_BYTES:
        raise RuleError((("", f"at most {MAX_FILE_BYTES} bytes", f"{len(raw)} bytes"),), source)
    if source.endswith(".json"):
        yield from _elements(_json(raw, source), {})
        return
    from contract.rules import _yaml  # the devices and most functions have no YAML

    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleError((("", "UTF-8", error.reason),), source) from error
    for document in _yaml.read(decoded, source):
        yield from _elements(document.value, document.lines)


def _elements(value: Any, lines: Mapping[str, int]) -> Iterator[Entry]:
    if not isinstance(value, list):
        yield Entry(value, lambda path: _line(path, lines))
        return
    for index, each in enumerate(value):
        yield Entry(each, _within(f"[{index}]", lines))


def _within(at: str, lines: Mapping[str, int]) -> Callable[[str], int | None]:
    return lambda path: _line(f"{at}.{path}" if path and not path.startswith("[") else f"{at}{path}", lines)


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    """Of the nearest thing that is there, for a path of something that is not."""
    while path and path not in lines:
        shorter = _LAST_STEP.sub("", path)
        path = shorter if shorter != path else ""
    return lines.get(path)


def _json(raw: bytes, source: str) -> Any:
    try:
        document, members = parse_json(raw, MAX_FILE_BYTES, DocumentError)
        refuse_repeated_keys(raw, document, members, DocumentError)
    except DocumentError as error:
        raise RuleError(((error.field or "", error.expected, error.got),), source) from error
    return document


def _model(document: Any, models: Mapping[str, DeviceModel]) -> DeviceModel | None:
    """The model that a rule is for, as far as can be seen before it is read."""
    scope = document.get("scope", document.get("rule")) if isinstance(document, dict) else None
    if not isinstance(scope, str):
        return None
    kind, _, name = scope.partition(":")
    return models.get(name if kind == "model" else kind if "scope" not in document else "")
