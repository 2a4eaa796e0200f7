"""The rules of a folder of files, as they are to be installed."""

from pathlib import Path
from typing import Any, NamedTuple

from cli.errors import InputError

SUFFIXES = (".yaml", ".yml", ".json")


class FromFile(NamedTuple):
    """A rule in the form in which rules are kept."""

    id: str
    document: dict[str, Any]
    file: str


def read_rules(path: Path) -> dict[str, FromFile]:
    """By id, those of a file, or of all files in a folder and below it, without its tests.

    Raises InputError with everything that is wrong with any of them.
    """
    from contract.rules import to_document
    from contract.rules.folder import load

    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    found = load(path)
    if found.errors:
        problems = [f"{error.source}: {sentence}" for error in found.errors for sentence in error.sentences()]
        raise InputError(f"The rules of {path} cannot be used.", problems)
    if not found.rules:
        raise InputError(f"There are no rules in {path}: expected files that end in {', '.join(SUFFIXES)}.")
    return {one.rule.id: FromFile(one.rule.id, to_document(one.rule), str(one.path)) for one in found.rules}


def origin_of(folder: Path) -> str:
    """What a set of files is called unless somebody says: the folder with the one that it is in."""
    whole = folder.resolve()
    return "/".join(part for part in (whole.parent.name, whole.name) if part)[-64:] or "rules"
