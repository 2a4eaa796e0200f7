"""Requests as they were first released, with the answers that they got: `tests/fixtures/api/v1/*.json`.

A fixture is the work of one client in order: each step is a request, the status and the document that it got then, and
what the client kept of the document for its later steps (`"keep": {"command": "id"}` for `{command}` in a path).
"""

import json
import re
from pathlib import Path

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "api" / "v1").glob("*.json"))


def steps(path):
    return json.loads(path.read_text())


def found(document, where):
    """`items.0.id` of a document."""
    for part in where.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def filled(value, kept):
    """`value` with what was kept in place of `{names}`; a text that is one name alone becomes just that."""
    if isinstance(value, str):
        if value[:1] == "{" and value[1:-1] in kept:
            return kept[value[1:-1]]
        return re.sub(r"{(\w+)}", lambda found: str(kept.get(found[1], found[0])), value)
    if isinstance(value, dict):
        return {key: filled(one, kept) for key, one in value.items()}
    return [filled(one, kept) for one in value] if isinstance(value, list) else value


def missing(recorded, today, where="document"):
    """What today's document no longer has, or has as another type; more than was recorded may be there."""
    if recorded is None:
        return []  # the client took null; what else may be there it has to bear
    if _kind(recorded) is not _kind(today):
        return [f"{where} was {recorded!r}, is {today!r}"]
    if isinstance(recorded, dict):
        gone = [f"{where}.{key} is gone" for key in recorded if key not in today]
        both = [key for key in recorded if key in today]
        return gone + [one for key in both for one in missing(recorded[key], today[key], f"{where}.{key}")]
    if isinstance(recorded, list) and recorded:
        return missing(recorded[0], today[0], f"{where}[]") if today else [f"{where} had items, is empty"]
    return []


def _kind(value):
    return float if type(value) is int else type(value)
