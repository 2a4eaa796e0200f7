"""The configuration's files: `agent.toml`, and the `conf.d/*.toml` beside it in the order of their names.

Tables merge, lists of tables are appended to each other, and any other key is said in one file only.
"""

import tomllib
from pathlib import Path
from typing import Any

from device_agent.errors import ConfigError, Problem

DROP_INS = "conf.d"


class Merged(dict[str, Any]):
    """A table that remembers the file of each key, and what the table is called in its own file."""

    def __init__(self, at: str, file: Path) -> None:
        super().__init__()
        self.at = at
        self.file = file
        self.files: dict[str, Path] = {}


def read(path: Path) -> tuple[Merged, list[Problem]]:
    """All files as one table, and what does not fit together.

    Raises:
        ConfigError: a file cannot be read, or is not TOML; every such file is named.
    """
    merged = Merged("", path)
    problems: list[Problem] = []
    unreadable: list[Problem] = []
    for file in (path, *drop_ins(path)):
        try:
            _merge(merged, _parse(file), file, problems)
        except ConfigError as error:
            unreadable += error.problems
    if unreadable:
        raise ConfigError(tuple(unreadable))
    return merged, problems


def drop_ins(path: Path) -> list[Path]:
    """The files that are read after `path`."""
    return sorted((path.parent / DROP_INS).glob("*.toml"))


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError((Problem(path, "the file", "a readable file", str(error.strerror)),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError((Problem(path, "the file", "TOML in UTF-8", str(error)),)) from error


def _merge(into: Merged, values: dict[str, Any], file: Path, problems: list[Problem]) -> None:
    for key, value in values.items():
        there: Any = into.get(key)
        if key not in into:
            into.files[key] = file
            into[key] = _adopt(value, f"{into.at}{key}", file)
        elif isinstance(there, Merged) and isinstance(value, dict):
            _merge(there, value, file, problems)
        elif _are_tables(there) and _are_tables(value):
            there.extend(_adopt(value, f"{into.at}{key}", file))
        else:
            first = into.files[key]
            problems.append(Problem(file, f"{into.at}{key}", f"a key that no other file has (it is in {first})", "it"))


def _adopt(value: Any, at: str, file: Path) -> Any:
    if isinstance(value, dict):
        return _table(value, f"{at}.", file)
    if _are_tables(value):
        return [_table(item, f"{at}[{index}].", file) for index, item in enumerate(value)]
    return value


def _table(values: dict[str, Any], at: str, file: Path) -> Merged:
    table = Merged(at, file)
    _merge(table, values, file, [])
    return table


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
