"""Reads one TOML table key by key and notes every problem instead of stopping at the first.

A getter that notes a problem returns a stand-in of the right type, so that reading goes on; `config.load` raises
before anybody uses it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contract.errors import IdentityError, shown
from contract.identity import parse_metric
from device_agent.errors import Problem


class Table:
    """A table of the file at `at` (empty for the root); what was not asked for by `finish` is a problem."""

    def __init__(self, values: Mapping[str, Any], file: Path, at: str, problems: list[Problem]) -> None:
        self._values = values
        self._file = file
        self._at = at
        self._problems = problems
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def problem(self, key: str, expected: str, got: str) -> None:
        self._problems.append(Problem(self._file, f"{self._at}{key}", expected, got))

    def text(self, key: str, default: str | None = None) -> str:
        text: str = self._get(key, str, "a text", default, "")
        return text

    def metric(self, key: str) -> str:
        text = self.text(key)
        try:
            return parse_metric(text) if text else text
        except IdentityError as error:
            self.problem(key, error.expected, error.got)
            return text

    def boolean(self, key: str, *, default: bool) -> bool:
        value: bool = self._get(key, bool, "true or false", default, default)
        return value

    def integer(self, key: str, *, minimum: int, maximum: int, default: int | None = None) -> int:
        expected = f"an integer from {minimum} to {maximum}"
        value: int = self._get(key, int, expected, default, minimum)
        if not minimum <= value <= maximum:
            self.problem(key, expected, shown(value))
        return value

    def optional_integer(self, key: str, *, minimum: int, maximum: int) -> int | None:
        return self.integer(key, minimum=minimum, maximum=maximum) if key in self._ask(key) else None

    def number(
        self,
        key: str,
        *,
        minimum: float = float("-inf"),
        maximum: float = float("inf"),
        default: float | None = None,
    ) -> float:
        bounded = f" from {minimum:g} to {maximum:g}" if minimum > float("-inf") else ""
        value = self._get(key, (int, float), f"a number{bounded}", default, 1.0)
        if not (minimum <= value <= maximum and abs(value) < float("inf")):
            self.problem(key, f"a number{bounded}", shown(value))
        return float(value)

    def numbers(self, key: str) -> dict[str, float]:
        """A table of numbers, empty if absent."""
        table = self.table(key)
        return {name: table.number(name) for name in table}

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        found = self._get(key, list, "a list of texts", default, [])
        for item in found:
            if not isinstance(item, str):
                self.problem(key, "a list of texts", f"{shown(item)} in it")
        return tuple(item for item in found if isinstance(item, str))

    def path(self, key: str, *, default: str | None = None, must_exist: bool = True) -> Path:
        """A path, relative to the configuration file unless absolute."""
        text = self.text(key, default)
        path = self._file.absolute().parent / text
        if text and must_exist and not path.is_file():
            self.problem(key, "a file", f"{path}, which is not there")
        return path

    def table(self, key: str) -> "Table":
        values = self._get(key, dict, "a table", {}, {})
        return Table(values, self._file, f"{self._at}{key}.", self._problems)

    def tables(self, key: str) -> list["Table"]:
        """A list of tables, empty if absent."""
        found = self._get(key, list, "a list of tables", [], [])
        tables = []
        for index, values in enumerate(found):
            if isinstance(values, dict):
                tables.append(Table(values, self._file, f"{self._at}{key}[{index}].", self._problems))
            else:
                self.problem(f"{key}[{index}]", "a table", shown(values))
        return tables

    def named_tables(self, key: str, *, shorthand: str) -> list[tuple[str, "Table"]]:
        """The members of a table of tables; a text in place of one means a table with that text as `shorthand`."""
        if key not in self._values:
            self.problem(key, "a table", "nothing")
        named = []
        found = self._get(key, dict, "a table", {}, {})
        for name, value in found.items():
            values = {shorthand: value} if isinstance(value, str) else value
            if isinstance(values, dict):
                named.append((name, Table(values, self._file, f"{self._at}{key}.{name}.", self._problems)))
            else:
                self.problem(f"{key}.{name}", "a text or a table", shown(value))
        return named

    def finish(self) -> None:
        """Note every key that nobody asked for: a misspelt option must not be ignored."""
        for key in self._values:
            if key not in self._known:
                self.problem(key, f"one of {', '.join(sorted(self._known))}", "a key that is none of them")

    def _ask(self, key: str) -> Mapping[str, Any]:
        self._known.add(key)
        return self._values

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any, stand_in: Any) -> Any:
        value = self._ask(key).get(key, default)
        if value is None:
            self.problem(key, expected, "nothing")
            return stand_in
        if key not in self._values:
            return value
        # TOML's booleans are integers to Python, not to people.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(key, expected, shown(value))
            return stand_in
        return value
