"""The JSON Schema of rules, for editors and for whoever writes them by program: `rule.schema.json` beside this file.

It says all that a schema can. What it cannot (that a hysteresis lies on the right side of its threshold, that a time
zone exists) the reader still refuses.
"""

from typing import Any, Final

from contract._comparison_reader import AGGREGATES, MAX_COUNT, MAX_OF, MIN_WINDOW_MS, OPERATORS, ORDERED
from contract._place_and_time_reader import MAX_CORNERS, MAX_RADIUS_M, MAX_WINDOWS
from contract.conditions import DAYS, MAX_DURATION_MS
from contract.durations import PATTERN as DURATION_PATTERN
from contract.identity import ATTRIBUTE_PATTERN, GROUP_PATTERN, METRIC_PATTERN, THING_PATTERN
from contract.models import SEVERITIES
from contract.rules.rule import (
    MAX_ACTIONS,
    MAX_DESCRIPTION_CHARS,
    MAX_ESCALATIONS,
    MAX_FLAPS,
    MAX_MESSAGE_CHARS,
    MAX_RECIPIENTS,
    MAX_TITLE_CHARS,
    MOMENTS,
    RULE_PATTERN,
)
from contract.schedules import TIME_PATTERN, ZONE_PATTERN
from contract.telemetry import MAX_TEXT_CHARS

__all__ = ["rule_schema"]

Schema = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]

_CONDITION: Final = {"$ref": "#/$defs/condition"}
_CLEARING: Final = (("clear", "clear_after"), ("clear", "clear_after_ms"))
_SCOPE_PATTERN: Final = rf"\*|(model|device):{THING_PATTERN}|group:{GROUP_PATTERN}"


def rule_schema() -> Schema:
    """Of a file, or of a document in one: a rule, or a list of rules."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:fieldline:rule:1",
        "title": "Rules of Fieldline",
        "anyOf": [{"$ref": "#/$defs/rule"}, {"type": "array", "items": {"$ref": "#/$defs/rule"}}],
        "$defs": {
            "rule": _rule(),
            "band": _object(_band(), ["severity", "when"], either=_CLEARING),
            "action": _action(),
            "condition": {"anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in _conditions()]},
            **_conditions(),
            "value": {
                "type": ["number", "boolean", "string"],
                "maxLength": MAX_TEXT_CHARS,
            },
            "operand": _operand(),
            "window": _object(
                {
                    "days": _list({"enum": list(DAYS)}, 1, None, "When it begins; every day if left out."),
                    "from": _text(TIME_PATTERN, "A time of day, such as 22:00."),
                    "to": _text(TIME_PATTERN, "Where it is not later than `from`, that of the next day."),
                },
                ["from", "to"],
            ),
            "metric": _text(METRIC_PATTERN, "The key of a metric."),
            "duration": _text(DURATION_PATTERN, "Such as 90s, 5m or 1h30m."),
            "recipients": _list(_text(THING_PATTERN), 1, MAX_RECIPIENTS, "Recipients, by their ids.", unique=True),
            "moments": _list({"enum": list(MOMENTS)}, 1, None, "At which steps of the alarm."),
        },
    }


def _rule() -> Schema:
    properties: Schema = {
        "rule": _text(RULE_PATTERN, "The rule's id, or {model}:{key} for one that stands in place of a model's."),
        "title": {"type": "string", "minLength": 1, "maxLength": MAX_TITLE_CHARS, "description": "What people see."},
        "description": {"type": "string", "maxLength": MAX_DESCRIPTION_CHARS, "description": "What to do about it."},
        "scope": _text(_SCOPE_PATTERN, "For which devices: *, model:…, group:… (and below), device:…"),
        "enabled": {"type": "boolean", "default": True},
        **_band(),
        "bands": _list({"$ref": "#/$defs/band"}, 1, len(SEVERITIES), "Several severities in one alarm."),
        **_duration("stale_after", 1, "A metric that has not come for so long is unknown."),
        "flapping": _object(
            {
                "times": {"type": "integer", "minimum": 2, "maximum": MAX_FLAPS},
                **_duration("within", 1, "Raised so often within this, an alarm stays until it was clear for as long."),
            },
            ["times"],
            any_of=["within", "within_ms"],
        ),
        "message": {
            "type": "string",
            "maxLength": MAX_MESSAGE_CHARS,
            "description": "A template: {device}, {severity}, {temperature:.1f}, {@site}…",
        },
        "actions": _list({"$ref": "#/$defs/action"}, 0, MAX_ACTIONS, "What to do."),
        "escalation": _list(
            _object(
                {**_duration("after", 1, "After it was raised."), "notify": {"$ref": "#/$defs/recipients"}},
                ["notify"],
                any_of=["after", "after_ms"],
            ),
            0,
            MAX_ESCALATIONS,
            "Whom to tell if nobody acknowledges it, one after the other.",
        ),
    }
    rule = _object(properties, ["rule"], either=_CLEARING)
    of_model = {"properties": {"rule": {"pattern": ":"}}, "required": ["rule"]}
    disabled = {"properties": {"enabled": {"const": False}}, "required": ["enabled"]}
    of_bands = ["severity", "when", "clear", "clear_after", "clear_after_ms"]
    rule["allOf"] += [
        {"anyOf": [{"required": ["scope"]}, of_model]},
        {
            "anyOf": [
                {"required": ["severity", "when"], "properties": {"bands": False}},
                {"required": ["bands"], "properties": dict.fromkeys(of_bands, False)},
                {"allOf": [of_model, disabled], "properties": {"bands": False, "when": False}},
            ]
        },
    ]
    return rule


def _band() -> Schema:
    return {
        "severity": {"enum": list(SEVERITIES)},
        "when": {**_CONDITION, "description": "It begins when this becomes true, and ends when it is false."},
        "clear": {**_CONDITION, "description": "It ends when this is true and `when` is not."},
        **_duration("clear_after", 1, "It ends once `when` was false for so long."),
    }


def _action() -> Schema:
    on: Schema = {"on": {"$ref": "#/$defs/moments"}}
    anything: Schema = {"type": "object"}
    return {
        "anyOf": [
            _object({"notify": {"$ref": "#/$defs/recipients"}, **on}, ["notify"]),
            _object({"command": {"$ref": "#/$defs/metric"}, "parameters": anything, **on}, ["command"]),
            _object({"desire": anything, **on}, ["desire"]),
        ]
    }


def _conditions() -> dict[str, Schema]:
    lasting = _duration("for", 0, "Once it has held for so long without a break.")
    parts = _list(_CONDITION, 1, None)
    return {
        "comparison": _comparison(lasting),
        "attribute": {
            **_object(
                {"attribute": _text(ATTRIBUTE_PATTERN, "The key of a tag of the device."), **_thresholds(), **lasting},
                ["attribute"],
            ),
            "oneOf": [{"required": [operator]} for operator in OPERATORS],
        },
        "changes": _object(
            {
                "metric": {"$ref": "#/$defs/metric"},
                "changes": {"const": True},
                "from": {"$ref": "#/$defs/value"},
                "to": {"$ref": "#/$defs/value"},
                **lasting,
            },
            ["metric", "changes"],
        ),
        "no_data": _object(
            {"no_data": {"const": True}, "metric": {"$ref": "#/$defs/metric"}, **_duration("for", 1)},
            ["no_data"],
            any_of=["for", "for_ms"],
        ),
        "geofence": _geofence(lasting),
        "schedule": _object(
            {
                "schedule": {"anyOf": [{"$ref": "#/$defs/window"}, _list({"$ref": "#/$defs/window"}, 1, MAX_WINDOWS)]},
                "zone": _text(ZONE_PATTERN, "Of the IANA time zone database, such as Europe/Berlin."),
                **lasting,
            },
            ["schedule", "zone"],
        ),
        "online": _object({"online": {"type": "boolean"}, **lasting}, ["online"]),
        "all": _object({"all": parts, **lasting}, ["all"]),
        "any": _object({"any": parts, **lasting}, ["any"]),
        "not": _object({"not": _CONDITION, **lasting}, ["not"]),
    }


def _comparison(lasting: Schema) -> Schema:
    comparison = _object(
        {
            "metric": {"$ref": "#/$defs/metric"},
            **_thresholds(),
            "until": {"type": "number", "description": "Once it held, it holds up to here."},
            **_duration("rate_over", MIN_WINDOW_MS, "Not the metric, but its change per second over this time."),
            "aggregate": {"enum": list(AGGREGATES), "description": "Not the metric, but this of it `over` a time."},
            **_duration("over", MIN_WINDOW_MS),
            "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT, "description": "So many in a row."},
            "of": {"type": "integer", "minimum": 2, "maximum": MAX_OF, "description": "`count` of the last so many."},
            **lasting,
        },
        ["metric"],
    )
    comparison["oneOf"] = [{"required": [operator]} for operator in OPERATORS]
    comparison["dependentRequired"] = {"of": ["count"], "over": ["aggregate"], "over_ms": ["aggregate"]}
    comparison["dependentSchemas"] = {
        "until": {
            "anyOf": [{"required": [operator], "properties": {operator: {"type": "number"}}} for operator in ORDERED]
        },
        "aggregate": {
            "anyOf": [{"required": ["over"]}, {"required": ["over_ms"]}],
            "properties": {"rate_over": False, "rate_over_ms": False},
        },
    }
    return comparison


def _thresholds() -> Schema:
    of_numbers = {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/operand"}]}
    of_any = {"anyOf": [{"$ref": "#/$defs/value"}, {"$ref": "#/$defs/operand"}]}
    return {operator: of_numbers if operator in ORDERED else of_any for operator in OPERATORS}


def _operand() -> Schema:
    plus = {"plus": {"type": "number", "description": "Added to it."}}
    return {
        "anyOf": [
            _object({"metric": {"$ref": "#/$defs/metric"}, **plus}, ["metric"]),
            _object({"attribute": _text(ATTRIBUTE_PATTERN, "The key of a tag of the device."), **plus}, ["attribute"]),
        ]
    }


def _geofence(lasting: Schema) -> Schema:
    latitude: Schema = {"type": "number", "minimum": -90, "maximum": 90}
    longitude: Schema = {"type": "number", "minimum": -180, "maximum": 180}
    circle = _object(
        {
            "latitude": latitude,
            "longitude": longitude,
            "radius_m": {"type": "number", "minimum": 1, "maximum": MAX_RADIUS_M},
        },
        ["latitude", "longitude", "radius_m"],
    )
    corner = {"type": "array", "prefixItems": [latitude, longitude], "minItems": 2, "maxItems": 2}
    return _object(
        {
            "geofence": {
                "anyOf": [
                    _object({"circle": circle}, ["circle"]),
                    _object({"polygon": _list(corner, 3, MAX_CORNERS, "Corners: latitude, longitude.")}, ["polygon"]),
                ]
            },
            "is": {"enum": ["inside", "outside"], "default": "inside"},
            "latitude": {"$ref": "#/$defs/metric", "default": "latitude"},
            "longitude": {"$ref": "#/$defs/metric", "default": "longitude"},
            **lasting,
        },
        ["geofence"],
    )


def _object(properties: Schema, required: list[str], *, any_of: list[str] | None = None, either: Pairs = ()) -> Schema:
    """Nothing but these; at most one of a duration's two spellings, and of each pair of `either`."""
    spellings = [(key, f"{key}_ms") for key in properties if f"{key}_ms" in properties]
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    if spellings or either:
        schema["allOf"] = [{"not": {"required": list(pair)}} for pair in (*spellings, *either)]
    if any_of:
        schema["anyOf"] = [{"required": [key]} for key in any_of]
    return schema


def _duration(key: str, minimum: int, description: str = "") -> Schema:
    told = {"description": description} if description else {}
    return {
        key: {"$ref": "#/$defs/duration", **told},
        f"{key}_ms": {"type": "integer", "minimum": minimum, "maximum": MAX_DURATION_MS, **told},
    }


def _text(pattern: str, description: str = "") -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$", **({"description": description} if description else {})}


def _list(items: Schema, least: int, most: int | None, description: str = "", *, unique: bool = False) -> Schema:
    schema: Schema = {"type": "array", "items": items}
    if least:
        schema["minItems"] = least
    if most is not None:
        schema["maxItems"] = most
    if unique:
        schema["uniqueItems"] = True
    return {**schema, "description": description} if description else schema


if __name__ == "__main__":
    import json
    from pathlib import Path

    published = Path(__file__).with_name("rule.schema.json")
    published.write_text(json.dumps(rule_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
