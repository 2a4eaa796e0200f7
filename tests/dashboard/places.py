"""Every page of the dashboard, and what is to be expected of it in each of its states."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`path` may name a subject in braces. `nothing` is what it says where the API has nothing to show."""

    name: str
    path: str
    nothing: str | None = None
    waits: bool = True
    """It has a skeleton while the API does not answer; a form that can be filled in has none."""
    needs: str | None = None
    """One of the permissions that a viewer lacks there, and is told so."""


PLACES = (
    Place("overview", "/", "No device yet"),
    Place("devices", "/devices", "No device yet"),
    Place("device", "/devices/climate-004"),
    Place("device history", "/devices/climate-004/history"),
    Place("device control", "/devices/machine-002/control"),
    Place("device configuration", "/devices/machine-002/configuration"),
    Place("device alarms", "/devices/climate-001/alarms", "No"),
    Place("device rules", "/devices/climate-004/rules"),
    Place("device events", "/devices/climate-001/events", "No"),
    Place("device quarantine", "/devices/climate-001/quarantine", "No"),
    Place("device access", "/devices/climate-001/access"),
    Place("alarms", "/alarms", "No open alarm"),
    Place("alarm", "/alarms/{alarm}"),
    Place("charts", "/charts?s=climate-004%3Atemperature&s=climate-004%3Ahumidity"),
    Place("map", "/map", "No device tells its position"),
    Place("rules", "/rules", "No rule yet"),
    Place("rule", "/rules/{rule}"),
    Place("rule backtest", "/rules/{rule}?tab=test"),
    Place("new rule", "/rules/new", waits=False),
    Place("add", "/devices/new", waits=False),
    Place("users", "/users", "Nobody", needs="grants:read"),
    Place("user", "/users/{user}"),
    Place("keys", "/keys", "No key yet", needs="keys:read"),
    Place("audit", "/audit", "Nothing was changed", needs="audit:read"),
    Place("system", "/system", needs="dlq:read"),
)


def named(place: Place) -> str:
    """For the name of a test."""
    return place.name


EVERY = bool(os.environ.get("FIELDLINE_EVERY_STATE"))


def dealt(places: Sequence[Place], turn: int, share: int = 3) -> Sequence[Place]:
    """One of so many of them, others at each turn; with FIELDLINE_EVERY_STATE all."""
    return places if EVERY else places[turn % share :: share]
