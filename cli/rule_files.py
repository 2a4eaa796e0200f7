"""The rules of a folder of files, as they are to be installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cli.errors import InputError
from contract.errors import RuleError

SUFFIXES = (".yaml", ".yml", ".json")
TEST_ENDINGS = tuple(f".test{suffix}" for suffix in SUFFIXES)
"""Files of tests, which stand beside the rules that they test."""
_MOST_FILES = 2_000


class FromFile(NamedTuple):
    """A rule in the form in which rules are kept."""

    id: str
    document: dict[str, Any]
    file: str


def read_rules(path: Path) -> dict[str, FromFile]:
    """By id, those of a file, or of all files in a folder and below it.

    Raises InputError with everything that is wrong with any of them.
    """
    problems: list[str] = []
    found: dict[str, FromFile] = {}
    for file in _files(path):
        for one in _rules_of(file, problems):
            known = found.get(one.id)
            if known is not None:
                problems.append(f"{one.file}: the rule {one.id} stands in {known.file} too")
            found[one.id] = one
    if problems:
        raise InputError(f"The rules of {path} cannot be used.", problems)
    return found


def origin_of(folder: Path) -> str:
    """What a set of files is called unless somebody says: the folder with the one that it is in."""
    whole = folder.resolve()
    return "/".join(part for part in (whole.parent.name, whole.name) if part)[-64:] or "rules"


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"There is no file or folder {path}.")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.endswith(SUFFIXES)
        and not file.name.endswith(TEST_ENDINGS)
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    )
    if not found:
        raise InputError(f"There are no rules in {path}: expected files that end in {', '.join(SUFFIXES)}.")
    if len(found) > _MOST_FILES:
        raise InputError(f"There are {len(found)} files in {path}: expected at most {_MOST_FILES}.")
    return found


def _rules_of(file: Path, problems: list[str]) -> Iterator[FromFile]:
    from contract.rules import parse_rules, to_document

    try:
        rules = parse_rules(file.read_bytes(), str(file))
    except OSError as exc:
        problems.append(f"{file}: {exc.strerror}")
    except RuleError as exc:
        problems += [f"{file}: {sentence}" for sentence in exc.sentences()]
    else:
        for rule in rules:
            yield FromFile(rule.id, to_document(rule), str(file))
