"""What of a shadow has changed: pure functions on JSON objects."""

from collections.abc import Mapping
from typing import Any

EVERYTHING = "*"
"""The key of a reason that is about no one key: all that is desired cannot be read, or more are rejected than fit."""
MOST_REJECTED = 16
"""So many reasons are reported one by one: a shadow holds 8 KB, and a hostile one may desire anything."""
_KEY_CHARS = 64
_REASON_CHARS = 240


def merge_patch(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What to send so that `known` becomes `wanted`, as a shadow merges it: null takes a key out, lists are whole.

    A None in `wanted` means that the key should not be there.
    """
    patch: dict[str, Any] = {key: None for key in known if key not in wanted}
    for key, value in wanted.items():
        old = known.get(key)
        if isinstance(value, Mapping):
            inner = merge_patch(old if isinstance(old, Mapping) else {}, value)
            if inner or (old is not None and not isinstance(old, Mapping)):
                patch[key] = inner
        elif value != old or isinstance(value, bool) != isinstance(old, bool):
            patch[key] = value
    return patch


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a shadow holds after these values were written to it."""
    return {
        key: without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def says_nothing_new(part: Any, whole: Any) -> bool:
    """Whether everything in `part` stands in `whole` at the same place with the same value."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and says_nothing_new(value, whole[key]) for key, value in part.items()
        )
    return type(part) is type(whole) and bool(part == whole)


def newest_stamp(metadata: Any) -> int | None:
    """The latest of the times in a value's metadata; None where there is none."""
    found = []
    waiting = [metadata]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            if type(stamp := item.get("timestamp")) is int:
                found.append(stamp)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return max(found, default=None)


def shortened(rejected: Mapping[str, str]) -> dict[str, str]:
    """Reasons that fit into a shadow together, with a word about those left out."""
    kept = {key[:_KEY_CHARS]: reason[:_REASON_CHARS] for key, reason in list(rejected.items())[:MOST_REJECTED]}
    if (more := len(rejected) - MOST_REJECTED) > 0:
        kept[EVERYTHING] = f"{more} more are rejected"
    return kept
