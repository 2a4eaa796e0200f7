"""Reads one TOML table key by key and notes every problem instead of stopping at the first.

A getter that notes a problem returns a stand-in of the right type, so that reading goes on;
`ConfigFiles.configure` raises before anybody uses it. In a table that follows settings (`follow`), any value may be
written `{ setting = "NAME", scale = 1, offset = 0 }`; the getters return what that stands for.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from contract.errors import IdentityError, shown
from contract.identity import parse_metric
from device_agent.config import values as values_of
from device_agent.config.files import Merged
from device_agent.config.following import Following, Misfit, is_reference, setting_at
from device_agent.errors import Problem

INFINITY: Final = float("inf")
HEADER_PINS: Final = 27
"""The highest BCM number on a Raspberry Pi's 40-pin header."""


class Table:
    """A table of the file at `at` (empty for the root); what was not asked for by `finish` is a problem."""

    def __init__(
        self,
        values: Mapping[str, Any],
        file: Path,
        at: str,
        problems: list[Problem],
        following: Following | None = None,
        base: Path | None = None,
    ) -> None:
        """`base` is what relative paths are relative to: by default the folder of the file."""
        self._values = values
        self._file = file
        self._at = at
        self._problems = problems
        self._following = following
        self.base = base or file.absolute().parent
        self._known: set[str] = set()
        self._assumed: dict[str, Any] = {}
        self._inner: dict[str, Table] = {}
        self._finished = False

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def follow(self, following: Following) -> None:
        """From now on values of this table and those within may follow the model's configuration."""
        self._following = following

    def assume(self, key: str, value: Any) -> None:
        """What a getter finds under `key` where the file says nothing; comes before the getter's default."""
        self._assumed.setdefault(key, value)

    def problem(self, key: str, expected: str, got: str) -> None:
        """Note that `key` (or a part of it, such as `items[2]`) is not what was expected."""
        name = key.split(".", 1)[0].split("[", 1)[0].split(" ", 1)[0]
        file = self._values.files.get(name, self._file) if isinstance(self._values, Merged) else self._file
        setting = setting_at(key, {**self._assumed, **self._values})
        self._problems.append(Problem(file, f"{self._at}{key}", expected, got, setting))

    def text(self, key: str, default: str | None = None) -> str:
        text: str = self._get(key, str, "a text", default, "")
        return text

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self._has(key) else None

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """One of `options`; the first of them stands in for a wrong one."""
        given = self._ask(key).get(key)
        if isinstance(given, str) and given in options:
            return given  # without a look at the others: to list them may mean to look through what is installed
        expected = f"one of {', '.join(options)}"
        value: str = self._get(key, str, expected, default, None) or ""
        if value in options:
            return value
        if value:
            self.problem(key, expected, shown(value))
        return next(iter(options))

    def kind(self, options: Collection[str], key: str = "kind") -> str | None:
        """Which of `options` this table is. None, and the rest of the table is not judged, if it is none of them."""
        count = len(self._problems)
        kind = self.choice(key, options)
        if len(self._problems) == count:
            return kind
        self._finished = True
        return None

    def metric(self, key: str) -> str:
        text = self.text(key)
        try:
            return parse_metric(text) if text else text
        except IdentityError as error:
            self.problem(key, error.expected, error.got)
            return text

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        value: bool = self._get(key, bool, "true or false", default, default or False)
        return value

    def integer(self, key: str, *, minimum: int, maximum: int, default: int | None = None) -> int:
        expected = f"an integer from {minimum} to {maximum}"
        value: int = self._get(key, int, expected, default, minimum)
        if not minimum <= value <= maximum:
            self.problem(key, expected, shown(value))
        return value

    def optional_integer(self, key: str, *, minimum: int, maximum: int) -> int | None:
        return self.integer(key, minimum=minimum, maximum=maximum) if self._has(key) else None

    def port(self, key: str, default: int | None = None) -> int:
        return self.integer(key, minimum=1, maximum=65_535, default=default)

    def pin(self, key: str, default: int | None = None) -> int:
        """A pin of the 40-pin header by its BCM number."""
        return self.integer(key, minimum=0, maximum=HEADER_PINS, default=default)

    def optional_pin(self, key: str) -> int | None:
        return self.pin(key) if self._has(key) else None

    def number(
        self, key: str, *, minimum: float = -INFINITY, maximum: float = INFINITY, default: float | None = None
    ) -> float:
        expected = values_of.a_number(minimum, maximum)
        stand_in = min(maximum, max(minimum, 1.0))
        value = self._get(key, (int, float), expected, default, stand_in)
        if not values_of.is_within(value, minimum, maximum):
            self.problem(key, expected, shown(value))
            return stand_in
        return float(value)

    def optional_number(self, key: str, *, minimum: float = -INFINITY, maximum: float = INFINITY) -> float | None:
        return self.number(key, minimum=minimum, maximum=maximum) if self._has(key) else None

    def duration(
        self, key: str, *, minimum: float = 0, maximum: float = INFINITY, default: float | None = None
    ) -> float:
        """Seconds: a number of them, or a text such as "90 s", "5 min", "1h30m", "250ms"."""
        expected = f'a duration from {minimum:g} to {maximum:g} s, as seconds or such as "90 s" or "1h30m"'
        found = self._get(key, (int, float, str), expected, default, None)
        if found is None:
            return minimum
        value = values_of.seconds(found) if isinstance(found, str) else found
        if value is None or not values_of.is_within(value, minimum, maximum):
            self.problem(key, expected, shown(found))
            return minimum
        return float(value)

    def optional_duration(self, key: str, *, minimum: float = 0, maximum: float = INFINITY) -> float | None:
        return self.duration(key, minimum=minimum, maximum=maximum) if self._has(key) else None

    def numbers(self, key: str) -> dict[str, float]:
        """A table of numbers, empty if absent."""
        table = self.table(key)
        return {name: table.number(name) for name in table}

    def number_list(
        self, key: str, *, length: int | None = None, default: Collection[float] | None = None
    ) -> tuple[float, ...]:
        """A list of finite numbers, of this length if one is given."""
        expected = "a list of numbers" if length is None else f"a list of {length} numbers"
        found = self._list(key, expected, default)
        if length is not None and len(found) != length and key in self._values:
            self.problem(key, expected, f"{len(found)}")
        return self._checked(key, expected, found, values_of.is_finite, float)

    def points(self, key: str) -> tuple[tuple[float, float], ...]:
        """A list of pairs of finite numbers, such as `[[0, 0.1], [100, 98.7]]`; required."""
        expected = "a list of pairs of numbers"
        return self._checked(key, expected, self._list(key, expected, None), values_of.is_pair, values_of.pair)

    def texts(self, key: str, *, default: Collection[str] | None = None) -> tuple[str, ...]:
        expected = "a list of texts"
        return self._checked(key, expected, self._list(key, expected, default), values_of.is_text, str)

    def path(self, key: str, *, default: str | None = None, must_exist: bool = True) -> Path:
        """A path, relative to the folder of the main file unless absolute."""
        text = self.text(key, default)
        if text and (wrong := values_of.path_problem(self.base / text, must_exist=must_exist)):
            self.problem(key, *wrong)
            return self.base
        return self.base / text

    def optional_path(self, key: str, *, must_exist: bool = True) -> Path | None:
        return self.path(key, must_exist=must_exist) if self._has(key) else None

    def value(self, key: str, default: Any = None) -> Any:
        """Whatever is there, lists and tables as Python's own, references to settings resolved at any depth."""
        raw = self._ask(key).get(key, self._assumed.get(key, default))
        return self._resolved(key, raw)

    def table(self, key: str) -> "Table":
        """A table within this one, empty if absent."""
        if key not in self._inner:
            self._inner[key] = self._table(self._get(key, dict, "a table", {}, {}), f"{key}.")
        return self._inner[key]

    def optional_table(self, key: str) -> "Table | None":
        return self.table(key) if self._has(key) else None

    def tables(self, key: str) -> list["Table"]:
        """A list of tables, empty if absent."""
        tables = []
        for index, values in enumerate(self._get(key, list, "a list of tables", [], [])):
            at = f"{key}[{index}]"
            if isinstance(values, dict):
                tables.append(self._inner.setdefault(at, self._table(values, f"{at}.")))
            else:
                self.problem(at, "a table", shown(values))
        return tables

    def named_tables(self, key: str, *, shorthand: str) -> list[tuple[str, "Table"]]:
        """The members of a table of tables; a text in place of one means a table with that text as `shorthand`."""
        if key not in self._values:
            self.problem(key, "a table", "nothing")
        named = []
        for name, value in self._get(key, dict, "a table", {}, {}).items():
            at = f"{key}.{name}"
            values = {shorthand: value} if isinstance(value, str) else value
            if isinstance(values, dict):
                named.append((name, self._inner.setdefault(at, self._table(values, f"{at}."))))
            else:
                self.problem(at, "a text or a table", shown(value))
        return named

    def finish(self) -> None:
        """Note every key that nobody asked for, also in tables within: a misspelt option must not be ignored."""
        if self._finished:
            return
        self._finished = True
        for key in self._values:
            if key not in self._known:
                self.problem(key, f"one of {', '.join(sorted(self._known))}", "a key that is none of them")
        for table in self._inner.values():
            table.finish()

    def _table(self, values: Mapping[str, Any], at: str) -> "Table":
        file, at = self._file, f"{self._at}{at}"
        if isinstance(values, Merged):
            file, at = values.file, values.at
        return Table(values, file, at, self._problems, self._following, self.base)

    def _has(self, key: str) -> bool:
        return key in self._ask(key) or key in self._assumed

    def _ask(self, key: str) -> Mapping[str, Any]:
        self._known.add(key)
        return self._values

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any, stand_in: Any) -> Any:
        value = self._ask(key).get(key, self._assumed.get(key))
        if value is None:
            if default is None:
                self.problem(key, expected, "nothing")
            return stand_in if default is None else default
        if self._following and kind is not dict and is_reference(value):
            value = self._followed(self._following, key, value)
            if isinstance(value, Misfit):
                return stand_in
        # TOML's booleans are integers to Python, not to people.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(key, expected, shown(value))
            return stand_in
        return value

    def _followed(self, following: Following, key: str, reference: Mapping[str, Any]) -> Any:
        value = following.resolve(reference)
        if isinstance(value, Misfit):
            self.problem(f"{key}.{value.key}", value.expected, value.got)
        return value

    def _resolved(self, key: str, value: Any) -> Any:
        if self._following and is_reference(value):
            found = self._followed(self._following, key, value)
            return None if isinstance(found, Misfit) else found
        if isinstance(value, dict):
            return {name: self._resolved(f"{key}.{name}", inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._resolved(f"{key}[{index}]", inner) for index, inner in enumerate(value)]
        return value

    def _list(self, key: str, expected: str, default: Collection[Any] | None) -> list[Any]:
        found = self._get(key, list, expected, None if default is None else list(default), [])
        return [self._resolved(f"{key}[{index}]", item) for index, item in enumerate(found)]

    def _checked(self, key: str, expected: str, found: list[Any], fits: Any, convert: Any) -> tuple[Any, ...]:
        for item in found:
            if not fits(item):
                self.problem(key, expected, f"{shown(item)} in it")
        return tuple(convert(item) for item in found if fits(item))
