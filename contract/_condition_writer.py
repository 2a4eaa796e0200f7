"""From a condition to its document."""

from typing import Any

from contract.conditions import (
    ATTRIBUTE,
    DAYS,
    ONLINE,
    AllOf,
    AnyOf,
    Changes,
    Circle,
    Comparison,
    Condition,
    Geofence,
    NoData,
    Not,
    Operand,
    Schedule,
    Window,
)
from contract.schedules import spelled_time

__all__ = ["write"]


def write(condition: Condition) -> dict[str, Any]:
    """See `conditions.to_document`."""
    document: dict[str, Any]
    match condition:
        case Comparison():
            document = _comparison(condition)
        case Changes():
            between = {"from": condition.before, "to": condition.after}
            said = {key: value for key, value in between.items() if value is not None}
            document = {"metric": condition.metric, "changes": True, **said}
        case NoData():
            document = {"no_data": True} if condition.metric is None else {"no_data": True, "metric": condition.metric}
        case Geofence():
            document = _geofence(condition)
        case Schedule():
            document = {"schedule": [_window(window) for window in condition.windows], "zone": condition.zone}
        case AllOf():
            document = {"all": [write(part) for part in condition.parts]}
        case AnyOf():
            document = {"any": [write(part) for part in condition.parts]}
        case Not():
            document = {"not": write(condition.part)}
    return {**document, "for_ms": condition.for_ms} if condition.for_ms else document


def _comparison(condition: Comparison) -> dict[str, Any]:
    if condition.metric == ONLINE:
        return {"online": condition.threshold}
    threshold = condition.threshold
    document = _sample(condition.metric)
    if isinstance(threshold, Operand):
        document[condition.operator] = _sample(threshold.sample) | ({"plus": threshold.plus} if threshold.plus else {})
    else:
        document[condition.operator] = threshold
    for key in ("until", "rate_over_ms", "aggregate", "over_ms"):
        if (value := getattr(condition, key)) is not None:
            document[key] = value
    if condition.count > 1 or condition.of is not None:
        document["count"] = condition.count
    if condition.of is not None:
        document["of"] = condition.of
    return document


def _sample(name: str) -> dict[str, Any]:
    return {"attribute": name[1:]} if name.startswith(ATTRIBUTE) else {"metric": name}


def _geofence(condition: Geofence) -> dict[str, Any]:
    area = condition.area
    if isinstance(area, Circle):
        shape: dict[str, Any] = {
            "circle": {"latitude": area.latitude, "longitude": area.longitude, "radius_m": area.radius_m}
        }
    else:
        shape = {"polygon": [list(corner) for corner in area.corners]}
    document = {"geofence": shape, "is": "inside" if condition.inside else "outside"}
    if condition.latitude != "latitude":
        document["latitude"] = condition.latitude
    if condition.longitude != "longitude":
        document["longitude"] = condition.longitude
    return document


def _window(window: Window) -> dict[str, Any]:
    times = {"from": spelled_time(window.start), "to": spelled_time(window.end)}
    return times if len(window.days) == len(DAYS) else {"days": [DAYS[day] for day in window.days], **times}
