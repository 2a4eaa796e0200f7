"""Names that appear in topics, keys and URLs. Each `parse_*` returns its text unchanged or raises IdentityError."""

import re

from contract.errors import IdentityError, shown

__all__ = [
    "ALARM_PATTERN",
    "ATTRIBUTE_PATTERN",
    "COMMAND_ID_PATTERN",
    "GROUP_PATTERN",
    "METRIC_PATTERN",
    "THING_PATTERN",
    "parse_alarm",
    "parse_command_id",
    "parse_group",
    "parse_metric",
    "parse_thing",
]

THING_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
"""AWS IoT thing name, MQTT client id and device id: one name everywhere."""
GROUP_PATTERN = rf"{THING_PATTERN}(?:/{THING_PATTERN}){{0,5}}"
"""A path of one to six segments, such as `plant-1/line-2`."""
METRIC_PATTERN = r"[a-z][a-z0-9_]{0,63}"
ATTRIBUTE_PATTERN = r"[a-z][a-z0-9_.-]{0,62}"
"""The key of a device's tag, as rules name it."""
COMMAND_ID_PATTERN = r"[0-9a-zA-Z_-]{1,64}"
ALARM_PATTERN = rf"{THING_PATTERN}\.(?:0|[1-9][0-9]{{0,7}})"
"""A device and the number of its alarm, such as `pump-7.42`."""

_THING = re.compile(THING_PATTERN)
_GROUP = re.compile(GROUP_PATTERN)
_METRIC = re.compile(METRIC_PATTERN)
_COMMAND_ID = re.compile(COMMAND_ID_PATTERN)
_ALARM = re.compile(ALARM_PATTERN)


def parse_thing(text: str) -> str:
    return _parse(_THING, text, "thing", "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit")


def parse_group(text: str) -> str:
    return _parse(_GROUP, text, "group", "1 to 6 segments of a-z, 0-9 and '-', joined by '/'")


def parse_metric(text: str) -> str:
    return _parse(_METRIC, text, "metric", "1 to 64 of a-z, 0-9 and '_', starting with a letter")


def parse_command_id(text: str) -> str:
    return _parse(_COMMAND_ID, text, "command_id", "1 to 64 of a-z, A-Z, 0-9, '_' and '-'")


def parse_alarm(text: str) -> str:
    return _parse(_ALARM, text, "alarm", "a device, '.' and the number of its alarm, such as pump-7.42")


def _parse(pattern: re.Pattern[str], text: str, field: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise IdentityError(field, expected, shown(text), f"invalid_{field}")
    return text
