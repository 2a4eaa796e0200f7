"""From a condition's document to its struct, with everything that is wrong noted under its path."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contract._comparison_reader import read_attribute, read_changes, read_comparison, read_online
from contract._condition_notes import FOR, Notes
from contract._place_and_time_reader import read_geofence, read_schedule
from contract.conditions import MAX_DEPTH, MAX_NODES, AllOf, AnyOf, Condition, NoData, Not
from contract.errors import ConditionError, shown
from contract.models import Metric

__all__ = ["read"]


def read(document: Any, metrics: Mapping[str, Metric | None] | None, *, edge: bool) -> Condition:
    """See `conditions.parse`."""
    notes = Notes(metrics, edge=edge)
    condition = _Reader(notes).condition(document, "", 1)
    if condition is None or notes.problems:
        raise ConditionError(tuple(notes.problems))
    return condition


class _Reader:
    """Reads one condition. What it returns is of use only if there are no problems."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._nodes = 0

    def condition(self, document: Any, at: str, depth: int) -> Condition | None:
        """The condition at a path, which ends with a dot unless it is empty."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self._notes.note(at, f"at most {MAX_NODES} conditions, nested at most {MAX_DEPTH} deep", "more")
            return None
        if not isinstance(document, dict):
            self._notes.note(at, "a condition: an object", shown(document))
            return None
        forms = [form for form in _FORMS if form in document]
        if len(forms) > 1 and forms[0] == "metric" and forms[1] in ("changes", "no_data"):
            forms.remove("metric")
        if len(forms) != 1:
            got = " and ".join(forms) or shown(document)
            self._notes.note(at, f"an object with one of {', '.join(_FORMS)}", got)
            return None
        return _FORMS[forms[0]](self, document, at, depth)

    def leaf(
        self, read: Callable[[Notes, dict[str, Any], str], Condition | None], document: dict[str, Any], at: str
    ) -> Condition | None:
        return read(self._notes, document, at)

    def no_data(self, document: dict[str, Any], at: str, _: int) -> Condition | None:
        self._notes.refuse_unknown(document, at, ("no_data", "metric", *FOR))
        if document["no_data"] is not True:
            self._notes.note(f"{at}no_data", "true", shown(document["no_data"]))
        metric = self._notes.metric(document["metric"], f"{at}metric") if "metric" in document else None
        if not any(key in document for key in FOR):
            self._notes.note(f"{at}for", "present", "nothing")
        return NoData(metric=metric, for_ms=self._notes.duration(document, "for", at, 1) or 1)

    def all_of(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        return AllOf(parts=self._parts(document, "all", at, depth), for_ms=self._notes.lasting(document, at))

    def any_of(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        return AnyOf(parts=self._parts(document, "any", at, depth), for_ms=self._notes.lasting(document, at))

    def negation(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        self._notes.refuse_unknown(document, at, ("not", *FOR))
        part = self.condition(document["not"], f"{at}not.", depth + 1)
        for_ms = self._notes.lasting(document, at)
        return None if part is None else Not(part=part, for_ms=for_ms)

    def _parts(self, document: dict[str, Any], key: str, at: str, depth: int) -> tuple[Condition, ...]:
        self._notes.refuse_unknown(document, at, (key, *FOR))
        parts = document[key]
        if not isinstance(parts, list) or not parts:
            self._notes.note(f"{at}{key}", "a list with at least one condition", shown(parts))
            return ()
        read = []
        for index, part in enumerate(parts):
            read.append(self.condition(part, f"{at}{key}[{index}].", depth + 1))
            if self._nodes > MAX_NODES:  # a list of a million needs no million problems
                break
        return tuple(part for part in read if part is not None)


_Form = Callable[[_Reader, dict[str, Any], str, int], Condition | None]


def _leaf(read: Callable[[Notes, dict[str, Any], str], Condition | None]) -> _Form:
    return lambda reader, document, at, _: reader.leaf(read, document, at)


_FORMS: Final[dict[str, _Form]] = {
    "metric": _leaf(read_comparison),
    "attribute": _leaf(read_attribute),
    "changes": _leaf(read_changes),
    "no_data": _Reader.no_data,
    "geofence": _leaf(read_geofence),
    "schedule": _leaf(read_schedule),
    "online": _leaf(read_online),
    "all": _Reader.all_of,
    "any": _Reader.any_of,
    "not": _Reader.negation,
}
