"""Geofences as closures: whether a position is in a circle or a polygon on the Earth.

Distances are great circles on a sphere of the Earth's mean radius (R1 = 6,371,008.8 m: H. Moritz, "Geodetic Reference
System 1980"), by the haversine formula (R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984): off by
at most 0.6 % from the ellipsoid. A point is in a polygon if a line from it to the east crosses its sides an odd number
of times (W. R. Franklin, "PNPOLY"), on a map where degrees are straight; a corner or side may count as either.
"""

from math import asin, cos, radians, sin, sqrt
from typing import Any, Final, TypeGuard

from contract._moments import NOWHERE, VERDICTS, Box, Moment, Node, Slots, Verdict
from contract.conditions import Circle, Geofence, Polygon, to_document
from contract.telemetry import Value

__all__ = ["EARTH_RADIUS_M", "compile_geofence", "distance_m", "is_in"]

EARTH_RADIUS_M: Final = 6_371_008.8
_M_PER_DEGREE: Final = EARTH_RADIUS_M * radians(1)


def compile_geofence(condition: Geofence, slots: Slots) -> Node:
    area, inside = condition.area, condition.inside
    read_latitude, read_longitude = slots.latest(condition.latitude), slots.latest(condition.longitude)
    south, north = _parallels(area)
    shown = to_document(condition)
    shown.pop("for_ms", None)

    def position(moment: Moment) -> tuple[float, float] | None:
        latitude, longitude = read_latitude(moment), read_longitude(moment)
        if not _is_within(latitude, 90) or not _is_within(longitude, 180):
            return None
        return latitude, longitude

    def judge(moment: Moment) -> Verdict:
        here = position(moment)
        return None if here is None else is_in(area, here) is inside

    def explain(moment: Moment) -> dict[str, Any]:
        here = position(moment)
        told = {**shown, "verdict": VERDICTS[judge(moment)], "position": None if here is None else list(here)}
        if here is not None and isinstance(area, Circle):
            told["distance_m"] = round(distance_m(here, (area.latitude, area.longitude)), 1)
        return told

    def narrow(moment: Moment, box: Box) -> None:
        here = position(moment)
        if here is None:
            box.loud.update((condition.latitude, condition.longitude))
            return
        # North or south of all of it, the longitude does not matter.
        beyond = (north, 90.0) if here[0] > north else (-90.0, south) if here[0] < south else NOWHERE
        box.within(condition.latitude, *beyond)
        box.within(condition.longitude, *(NOWHERE if beyond is NOWHERE else (-180.0, 180.0)))

    return Node(judge, explain, narrow)


def is_in(area: Circle | Polygon, position: tuple[float, float]) -> bool:
    """Whether a position (latitude, longitude) is in an area; on the edge of a circle it is."""
    if isinstance(area, Circle):
        return distance_m(position, (area.latitude, area.longitude)) <= area.radius_m
    latitude, longitude = position
    inside, previous = False, area.corners[-1]
    # As seen from the position, so that a polygon across the 180th meridian is like any other.
    east = _turn(previous[1] - longitude)
    for corner in area.corners:
        next_east = east + _turn(corner[1] - previous[1])
        if (corner[0] > latitude) != (previous[0] > latitude):
            share = (latitude - previous[0]) / (corner[0] - previous[0])
            inside ^= east + share * (next_east - east) > 0
        previous, east = corner, next_east
    return inside


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between two positions in degrees, along the surface."""
    latitude, other_latitude = radians(one[0]), radians(other[0])
    up, across = other_latitude - latitude, radians(other[1] - one[1])
    haversine = sin(up / 2) ** 2 + cos(latitude) * cos(other_latitude) * sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(haversine)))


def _turn(degrees: float) -> float:
    return (degrees + 180) % 360 - 180


def _parallels(area: Circle | Polygon) -> tuple[float, float]:
    """The latitudes between which all of an area lies."""
    if isinstance(area, Circle):
        reach = area.radius_m / _M_PER_DEGREE * (1 + 1e-9)  # a little more than rounding may take away
        return area.latitude - reach, area.latitude + reach
    latitudes = [corner[0] for corner in area.corners]
    return min(latitudes), max(latitudes)


def _is_within(value: Value | None, most: float) -> TypeGuard[float]:
    return isinstance(value, float | int) and not isinstance(value, bool) and -most <= value <= most
