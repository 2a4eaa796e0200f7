"""What people want a device to be, beside what the device says that it is.

The wish is kept by us: its values, who set them and when, with a version of its own, since a shadow's version moves
whenever the device reports. The shadow carries the wish to the device and the report back. Values of the shadow `state`
are parameters by actuator, each replaced as a whole; those of `config` are settings of the model.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from contract import schema
from contract.models import DeviceModel
from functions.errors import RequestError

MAX_BYTES: Final = 8 * 1024
"""Of what is desired, as JSON: AWS IoT's shadows hold 8 KB of state, desired and reported each."""

Values = Mapping[str, Any]


class ShadowName(StrEnum):
    STATE = "state"
    CONFIG = "config"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is desired, as of `version`: set by the principal `set_by` (his id and name) at `set_at`.

    `sent` says whether the shadow has been told of this version.
    """

    version: int
    values: dict[str, Any]
    set_by: str
    set_by_name: str
    set_at: int
    sent: bool = False


class WishPage(msgspec.Struct, frozen=True):
    """Newest first."""

    wishes: tuple[Wish, ...]
    cursor: str | None


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """A named shadow as AWS IoT holds it. `reported_at` is when the device last reported, in ms; AWS knows seconds."""

    version: int
    desired: dict[str, Any] = {}
    reported: dict[str, Any] = {}
    rejected: dict[str, str] = {}
    reported_at: int | None = None


def shadow_of(document: Mapping[str, Any]) -> Shadow:
    """A shadow as AWS writes it; raises ValueError for one without a version.

    Tolerant of what a device reports in a form that is not ours: that must not hide what is desired of it.
    """
    version = document.get("version")
    if type(version) is not int:
        raise ValueError("expected a shadow with its version")
    state = _object(document.get("state"))
    desired, reported = _object(state.get("desired")), _object(state.get("reported"))
    rejected = {key: text for key, text in _object(reported.get("rejected")).items() if isinstance(text, str)}
    return Shadow(
        version=version,
        desired=_object(desired.get("values")),
        reported=_object(reported.get("values")),
        rejected=rejected,
        reported_at=_newest(_object(document.get("metadata")).get("reported")),
    )


def told(shadow: Shadow) -> dict[str, Any]:
    """What watchers are told of it."""
    return {
        "desired": shadow.desired,
        "reported": shadow.reported,
        "rejected": shadow.rejected,
        "delta": delta(shadow.desired, shadow.reported),
    }


def wished(name: ShadowName, model: DeviceModel, before: Values, patch: Values) -> dict[str, Any]:
    """The values after a merge patch: null takes a key out. Raises RequestError naming the first wrong value."""
    after = {key: value for key, value in {**before, **patch}.items() if value is not None}
    if name is ShadowName.STATE:
        for actuator, parameters in patch.items():
            known = model.actuators.get(actuator)
            if known is None:
                offered = ", ".join(sorted(model.actuators)) or "none"
                raise RequestError(f"values.{actuator}"[:100], f"an actuator of the model: {offered}", "another name")
            if parameters is not None:
                _check(known.parameters, parameters, f"values.{actuator}")
    else:
        known_settings = model.configuration.get("properties", {})
        unknown = sorted(set(patch) - set(known_settings))
        if unknown:
            offered = ", ".join(sorted(known_settings)) or "none"
            raise RequestError(f"values.{unknown[0]}"[:100], f"a setting of the model: {offered}", "another name")
        _check(model.configuration, {**model.default_configuration(), **after}, "values")
    size = len(msgspec.json.encode(after))
    if size > MAX_BYTES:
        raise RequestError("values", f"at most {MAX_BYTES} bytes of JSON, all desired values together", str(size))
    return after


def _check(described: schema.Schema, value: Any, at: str) -> None:
    for field, expected, got in schema.violations(described, value):
        raise RequestError(f"{at}.{field}" if field else at, expected, got)


def patch_for(shadow: Values, wanted: Values) -> dict[str, Any]:
    """What to update the shadow's desired values with so that they become `wanted`: AWS merges, so null takes out.

    >>> patch_for({"relay": {"on": True, "for_s": 5}, "old": 1}, {"relay": {"on": False}})
    {'relay': {'on': False, 'for_s': None}, 'old': None}
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        if key not in shadow:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(shadow[key], dict):
            if inner := patch_for(shadow[key], value):
                patch[key] = inner
        elif not _same(shadow[key], value):
            patch[key] = value
    return {**patch, **{key: None for key in shadow if key not in wanted}}


def delta(desired: Values, reported: Values) -> dict[str, Any]:
    """What is desired and not reported, leaf by leaf, as AWS IoT tells it.

    >>> delta({"relay": {"on": True}, "fan": {"rpm": 5}}, {"relay": {"on": False}, "fan": {"rpm": 5}})
    {'relay': {'on': True}}
    """
    differing: dict[str, Any] = {}
    for key, value in desired.items():
        if isinstance(value, dict) and isinstance(reported.get(key), dict):
            if inner := delta(value, reported[key]):
                differing[key] = inner
        elif key not in reported or not _same(reported[key], value):
            differing[key] = value
    return differing


def _same(one: Any, other: Any) -> bool:
    """True is not 1 here, as in JSON; but 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _newest(stamps: Any) -> int | None:
    """The latest of the timestamps in a shadow's metadata, in ms."""
    if not isinstance(stamps, dict):
        return None
    own = stamps.get("timestamp")
    found = [own * 1000] if isinstance(own, int) else []
    found += [inner for value in stamps.values() if (inner := _newest(value)) is not None]
    return max(found, default=None)
