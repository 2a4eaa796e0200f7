"""A folder of rules as it is kept in git: YAML and JSON files, and beside them `….test.yaml` files of tests."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from contract.errors import RuleError
from contract.models import DeviceModel
from contract.rules import parse_rules
from contract.rules._files import MAX_FILE_BYTES, MAX_RULES
from contract.rules.rule import Rule
from contract.rules.trial import Trial, read_trials

__all__ = ["Folder", "Found", "load", "load_trials"]

_MAX_FILES: Final = 5_000
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_TEST_SUFFIXES: Final = (".test.yaml", ".test.yml", ".test.json")


class Found(NamedTuple):
    rule: Rule
    path: Path


class Folder(NamedTuple):
    """What is in a folder. `errors` has one for each file that cannot be used; the rules of the others are there."""

    rules: tuple[Found, ...]
    tests: tuple[Path, ...]
    errors: tuple[RuleError, ...]


def load(path: Path, models: Mapping[str, DeviceModel] | None = None) -> Folder:
    """Read the rules of a file, or of a folder and all below it, in the order of their paths.

    Hidden files and folders are left out. With `models`, rules for these are checked against them.
    """
    rules: dict[str, Found] = {}
    errors: list[RuleError] = []
    paths = list(_files(path))
    if len(paths) > _MAX_FILES:
        return Folder((), (), (RuleError((("", f"at most {_MAX_FILES} files", f"{len(paths)}"),), str(path)),))
    for each in paths:
        if each.name.endswith(_TEST_SUFFIXES):
            continue
        try:
            found = parse_rules(_read(each), str(each), models)
        except RuleError as error:
            errors.append(error)
            continue
        twice = [rule.id for rule in found if rule.id in rules]
        if twice:
            problems = [
                (f"{name}.rule", "an id that no other file has", f"one of {rules[name].path}") for name in twice
            ]
            errors.append(RuleError(tuple(problems), str(each)))
        rules |= {rule.id: Found(rule, each) for rule in found if rule.id not in rules}
    if len(rules) > MAX_RULES:
        errors.append(RuleError((("", f"at most {MAX_RULES} rules", f"{len(rules)}"),), str(path)))
    tests = tuple(each for each in paths if each.name.endswith(_TEST_SUFFIXES))
    return Folder(tuple(rules.values()), tests, tuple(errors))


def load_trials(path: Path, rules: Mapping[str, Rule]) -> list[Trial]:
    """Read a file of tests, whose CSV files are relative to it; raises RuleError."""
    return read_trials(_read(path), str(path), rules, path.parent)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for each in sorted(path.iterdir()):
        if each.name.startswith("."):
            continue
        if each.is_dir() and not each.is_symlink():
            yield from _files(each)
        elif each.suffix in _SUFFIXES:
            yield each


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RuleError((("", "a readable file", str(error.strerror)),), str(path)) from error
