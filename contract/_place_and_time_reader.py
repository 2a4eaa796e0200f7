"""From documents to geofences and schedules."""

from typing import Any, Final

from contract._condition_notes import FOR, Notes
from contract.conditions import DAYS, Circle, Geofence, Polygon, Schedule, Window
from contract.errors import shown
from contract.schedules import DAY_MINUTES, parse_time, parse_zone

__all__ = [
    "MAX_CORNERS",
    "MAX_RADIUS_M",
    "MAX_WINDOWS",
    "read_geofence",
    "read_schedule",
]

MAX_CORNERS: Final = 100
MAX_RADIUS_M: Final = 20_000_000.0  # half around the Earth
_MAX_SPAN: Final = 180.0  # beyond it, inside and outside could be meant either way
MAX_WINDOWS: Final = 21


def read_geofence(notes: Notes, document: dict[str, Any], at: str) -> Geofence | None:
    notes.refuse_unknown(document, at, ("geofence", "is", "latitude", "longitude", *FOR))
    where = document.get("is", "inside")
    if where not in ("inside", "outside"):
        notes.note(f"{at}is", "inside or outside", shown(where))
    metrics = [notes.metric(document.get(key, key), f"{at}{key}", "number") for key in ("latitude", "longitude")]
    for_ms = notes.lasting(document, at)
    area = _area(notes, document["geofence"], f"{at}geofence.")
    if area is None:
        return None
    return Geofence(area=area, inside=where == "inside", latitude=metrics[0], longitude=metrics[1], for_ms=for_ms)


def _area(notes: Notes, document: Any, at: str) -> Circle | Polygon | None:
    shapes = ("circle", "polygon")
    if not isinstance(document, dict) or len(document) != 1 or not document.keys() <= {*shapes}:
        notes.note(at, f"an object with one of {', '.join(shapes)}", shown(document))
        return None
    if "polygon" in document:
        return _polygon(notes, document["polygon"], f"{at}polygon")
    circle, at = document["circle"], f"{at}circle."
    if not isinstance(circle, dict):
        notes.note(at, "an object with latitude, longitude and radius_m", shown(circle))
        return None
    notes.refuse_unknown(circle, at, ("latitude", "longitude", "radius_m"))
    for key in ("latitude", "longitude", "radius_m"):
        if key not in circle:
            notes.note(f"{at}{key}", "present", "nothing")
    return Circle(
        latitude=notes.number(circle.get("latitude", 0), f"{at}latitude", -90, 90),
        longitude=notes.number(circle.get("longitude", 0), f"{at}longitude", -180, 180),
        radius_m=notes.number(circle.get("radius_m", 1), f"{at}radius_m", 1, MAX_RADIUS_M),
    )


def _polygon(notes: Notes, corners: Any, at: str) -> Polygon:
    read: list[tuple[float, float]] = []
    if not isinstance(corners, list) or not 3 <= len(corners) <= MAX_CORNERS:  # noqa: PLR2004 - a triangle
        notes.note(at, f"a list of 3 to {MAX_CORNERS} corners", shown(corners))
        return Polygon(corners=())
    for index, corner in enumerate(corners):
        if not isinstance(corner, list) or len(corner) != 2:  # noqa: PLR2004 - a pair
            notes.note(f"{at}[{index}]", "a corner as [latitude, longitude]", shown(corner))
            continue
        latitude = notes.number(corner[0], f"{at}[{index}][0]", -90, 90)
        read.append((latitude, notes.number(corner[1], f"{at}[{index}][1]", -180, 180)))
    if read and _span([longitude for _, longitude in read]) >= _MAX_SPAN:
        notes.note(at, f"less than {_MAX_SPAN:g} degrees of longitude wide", "a wider one")
    return Polygon(corners=tuple(read))


def _span(longitudes: list[float]) -> float:
    """How wide a ring is that goes from each corner to the next the short way, and back to where it began."""
    unrolled = [longitudes[0]]
    for longitude in [*longitudes[1:], longitudes[0]]:
        unrolled.append(unrolled[-1] + (longitude - unrolled[-1] + 180) % 360 - 180)
    if abs(unrolled[-1] - unrolled[0]) > _MAX_SPAN:  # it goes around a pole
        return 360.0
    return max(unrolled) - min(unrolled)


def read_schedule(notes: Notes, document: dict[str, Any], at: str) -> Schedule:
    notes.refuse_unknown(document, at, ("schedule", "zone", *FOR))
    notes.refuse_at_edge(f"{at}schedule", "its rules do not run by a wall clock")
    windows = document["schedule"]
    windows = [windows] if isinstance(windows, dict) else windows
    read: list[Window] = []
    if not isinstance(windows, list) or not 1 <= len(windows) <= MAX_WINDOWS:
        notes.note(f"{at}schedule", f"a list of 1 to {MAX_WINDOWS} windows", shown(windows))
    else:
        read = [_window(notes, each, f"{at}schedule[{index}].") for index, each in enumerate(windows)]
    return Schedule(zone=_zone(notes, document, at), windows=tuple(read), for_ms=notes.lasting(document, at))


def _window(notes: Notes, window: Any, at: str) -> Window:
    every = tuple(range(len(DAYS)))
    if not isinstance(window, dict):
        notes.note(at, "a window: an object with from, to and perhaps days", shown(window))
        return Window(days=every, start=0, end=DAY_MINUTES)
    notes.refuse_unknown(window, at, ("days", "from", "to"))
    days = window.get("days", list(DAYS))
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        strange = [day for day in days if day not in DAYS] if isinstance(days, list) else []
        notes.note(f"{at}days", f"a list of at least one of {', '.join(DAYS)}", shown(strange[0] if strange else days))
        days = []
    start, end = _time(notes, window, "from", at), _time(notes, window, "to", at)
    if start == DAY_MINUTES:
        notes.note(f"{at}from", "before 24:00", "'24:00'")
    elif start == end:
        notes.note(f"{at}to", "another time than `from`; for the whole day 00:00 to 24:00", shown(window["to"]))
    return Window(days=tuple(index for index in every if DAYS[index] in days), start=start, end=end)


def _time(notes: Notes, window: dict[str, Any], key: str, at: str) -> int:
    text = window.get(key)
    minutes = parse_time(text) if isinstance(text, str) else None
    if minutes is not None:
        return minutes
    notes.note(f"{at}{key}", "a time of day such as 08:30", shown(text) if key in window else "nothing")
    return -1 if key == "from" else -2


def _zone(notes: Notes, document: dict[str, Any], at: str) -> str:
    text = document.get("zone")
    zone = parse_zone(text) if isinstance(text, str) else None
    if zone is not None:
        return zone
    got = shown(text) if "zone" in document else "nothing"
    notes.note(f"{at}zone", "an IANA time zone such as Europe/Berlin or UTC", got)
    return "UTC"
