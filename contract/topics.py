"""The only place that formats or parses an MQTT topic. `parse` is the inverse of every formatter below.

    >>> telemetry("pump-7")
    'dt/pump-7/telemetry'
    >>> parse("dt/pump-7/telemetry")
    Topic(kind='telemetry', thing='pump-7')

A formatter raises IdentityError for a name that is not well-formed and TopicError for an operation that is not ours.
"""

import re
from collections.abc import Collection
from typing import Literal, TypeAlias

import msgspec

from contract.errors import IdentityError, TopicError, shown
from contract.identity import parse_command_id, parse_thing

__all__ = [
    "COMMAND_RESPONSE_FROM",
    "COMMAND_RESPONSE_RULE_NAME",
    "COMMAND_RESPONSE_RULE_SQL",
    "EVENT_FROM",
    "EVENT_RULE_NAME",
    "EVENT_RULE_SQL",
    "POLICY_THING",
    "PRESENCE_FROM",
    "PRESENCE_RULE_NAME",
    "PRESENCE_RULE_SQL",
    "RULE_SQL_VERSION",
    "SHADOW_FROM",
    "SHADOW_NAMES",
    "SHADOW_RULE_NAME",
    "SHADOW_RULE_SQL",
    "TELEMETRY_FROM",
    "TELEMETRY_RULE_NAME",
    "TELEMETRY_RULE_SQL",
    "Topic",
    "TopicKind",
    "certificate",
    "command_request",
    "command_response",
    "event",
    "filter_command_requests",
    "filter_jobs",
    "filter_shadow",
    "jobs",
    "parse",
    "policy_publish",
    "policy_receive",
    "policy_subscribe",
    "presence",
    "provisioning",
    "shadow",
    "telemetry",
    "telemetry_basic_ingest",
]

TopicKind: TypeAlias = Literal[
    "telemetry",
    "telemetry_basic_ingest",
    "event",
    "command_request",
    "command_response",
    "shadow",
    "jobs",
    "presence",
    "certificate",
    "provisioning",
]

TELEMETRY_RULE_NAME = "fieldline_telemetry"
"""Fixed: devices know it, since Basic Ingest names the rule in the topic."""
EVENT_RULE_NAME = "fieldline_event"
PRESENCE_RULE_NAME = "fieldline_presence"
COMMAND_RESPONSE_RULE_NAME = "fieldline_command_response"
SHADOW_RULE_NAME = "fieldline_shadow"

TELEMETRY_FROM = "dt/+/telemetry"
EVENT_FROM = "dt/+/event"
COMMAND_RESPONSE_FROM = "cmd/+/+/res"
SHADOW_FROM = "$aws/things/+/shadow/name/+/update/documents"
"""What AWS IoT says of every accepted change of a named shadow, whoever made it."""
PRESENCE_FROM = "$aws/events/presence/+/+"

RULE_SQL_VERSION = "2016-03-23"
# The untouched bytes, and the thing from the topic: a malformed or lying payload arrives whole and under its sender.
_WRAP = "SELECT encode(*, 'base64') AS data, topic(2) AS thing, timestamp() AS received_at FROM '{}'"
TELEMETRY_RULE_SQL = _WRAP.format(TELEMETRY_FROM)
EVENT_RULE_SQL = _WRAP.format(EVENT_FROM)
# The command's id too: a device answers for the command that the topic names, and its policy lets it use its own only.
COMMAND_RESPONSE_RULE_SQL = (
    "SELECT encode(*, 'base64') AS data, topic(2) AS thing, topic(3) AS id, timestamp() AS received_at "  # noqa: S608 - made of constants
    f"FROM '{COMMAND_RESPONSE_FROM}'"
)
SHADOW_RULE_SQL = (
    "SELECT encode(*, 'base64') AS data, topic(3) AS thing, topic(6) AS name, timestamp() AS received_at "  # noqa: S608 - made of constants
    f"FROM '{SHADOW_FROM}'"
)
PRESENCE_RULE_SQL = f"SELECT * FROM '{PRESENCE_FROM}'"  # noqa: S608 - made of constants

SHADOW_NAMES = ("config", "state")

_ANSWERS = ("accepted", "rejected")
_SHADOW_OPERATIONS = frozenset(
    {"get", "update", "delete", "update/delta", "update/documents"}
    | {f"{request}/{answer}" for request in ("get", "update", "delete") for answer in _ANSWERS}
)
_THING_JOBS_OPERATIONS = frozenset(
    {"notify", "notify-next", "get", "start-next"}
    | {f"{request}/{answer}" for request in ("get", "start-next") for answer in _ANSWERS}
)
_JOB_OPERATIONS = frozenset(
    {"get", "update"} | {f"{request}/{answer}" for request in ("get", "update") for answer in _ANSWERS}
)
_PRESENCE_EVENTS = frozenset({"connected", "disconnected"})
_REQUEST_OR_ANSWER = frozenset({"request", *_ANSWERS})
_JOB_ID = re.compile(r"\$next|[a-zA-Z0-9_-]{1,64}")
_TEMPLATE = re.compile(r"[0-9A-Za-z_-]{1,36}")


class Topic(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A parsed topic. `id` is the command's or job's, `name` the shadow's or provisioning template's."""

    kind: TopicKind
    thing: str = ""
    id: str = ""
    name: str = ""
    operation: str = ""


def telemetry(thing: str) -> str:
    return f"dt/{parse_thing(thing)}/telemetry"


def telemetry_basic_ingest(thing: str) -> str:
    """The same rule without the message fee: publish-only, nobody can subscribe to it."""
    return f"$aws/rules/{TELEMETRY_RULE_NAME}/dt/{parse_thing(thing)}/telemetry"


def event(thing: str) -> str:
    return f"dt/{parse_thing(thing)}/event"


def command_request(thing: str, command_id: str) -> str:
    return f"cmd/{parse_thing(thing)}/{parse_command_id(command_id)}/req"


def command_response(thing: str, command_id: str) -> str:
    return f"cmd/{parse_thing(thing)}/{parse_command_id(command_id)}/res"


def shadow(thing: str, name: str, operation: str) -> str:
    """`operation` as AWS spells it: `get`, `update`, `update/delta`, `update/accepted`…"""
    _one_of("name", name, SHADOW_NAMES)
    _one_of("operation", operation, _SHADOW_OPERATIONS)
    return f"$aws/things/{parse_thing(thing)}/shadow/name/{name}/{operation}"


def jobs(thing: str, operation: str, job: str = "") -> str:
    """Of the thing (`notify-next`, `get`, `start-next`…), or of one `job` (`get`, `update` and their answers)."""
    if not job:
        _one_of("operation", operation, _THING_JOBS_OPERATIONS)
        return f"$aws/things/{parse_thing(thing)}/jobs/{operation}"
    _one_of("operation", operation, _JOB_OPERATIONS)
    _matching("job", job, _JOB_ID)
    return f"$aws/things/{parse_thing(thing)}/jobs/{job}/{operation}"


def presence(thing: str, operation: str) -> str:
    _one_of("operation", operation, _PRESENCE_EVENTS)
    return f"$aws/events/presence/{operation}/{parse_thing(thing)}"


def certificate(operation: str = "request") -> str:
    """Fleet provisioning, step one: a certificate for a CSR. `operation` is request, accepted or rejected."""
    _one_of("operation", operation, _REQUEST_OR_ANSWER)
    return "$aws/certificates/create-from-csr/json" + _answer(operation)


def provisioning(template: str, operation: str = "request") -> str:
    """Fleet provisioning, step two: a thing for the certificate. `operation` is request, accepted or rejected."""
    _one_of("operation", operation, _REQUEST_OR_ANSWER)
    _matching("template", template, _TEMPLATE)
    return f"$aws/provisioning-templates/{template}/provision/json" + _answer(operation)


def filter_command_requests(thing: str) -> str:
    return f"cmd/{parse_thing(thing)}/+/req"


def filter_shadow(thing: str, name: str) -> str:
    """Every answer, delta and document of one named shadow."""
    _one_of("name", name, SHADOW_NAMES)
    return f"$aws/things/{parse_thing(thing)}/shadow/name/{name}/+/+"


def filter_jobs(thing: str) -> tuple[str, ...]:
    """What a device listens to: the next job, and the answers to its own requests."""
    prefix = f"$aws/things/{parse_thing(thing)}/jobs"
    return tuple(f"{prefix}/{rest}" for rest in ("notify-next", "get/+", "start-next/+", "+/get/+", "+/update/+"))


POLICY_THING = "${iot:Connection.Thing.ThingName}"
"""What stands for the connected device's own name in an IoT policy."""


def policy_publish() -> tuple[str, ...]:
    """What a device may publish to, as IoT policy resources after `topic/`."""
    return (
        f"dt/{POLICY_THING}/telemetry",
        f"dt/{POLICY_THING}/event",
        f"$aws/rules/{TELEMETRY_RULE_NAME}/dt/{POLICY_THING}/telemetry",
        f"cmd/{POLICY_THING}/*/res",
        *(
            f"$aws/things/{POLICY_THING}/shadow/name/{name}/{verb}"
            for name in SHADOW_NAMES
            for verb in ("get", "update")
        ),
        *(f"$aws/things/{POLICY_THING}/jobs/{operation}" for operation in ("get", "start-next", "*/get", "*/update")),
    )


def policy_subscribe() -> tuple[str, ...]:
    """What a device may subscribe to, as IoT policy resources after `topicfilter/`."""
    return (
        f"cmd/{POLICY_THING}/+/req",
        *(f"$aws/things/{POLICY_THING}/shadow/name/{name}/*" for name in SHADOW_NAMES),
        f"$aws/things/{POLICY_THING}/jobs/*",
    )


def policy_receive() -> tuple[str, ...]:
    """What a device may receive, as IoT policy resources after `topic/`."""
    return (
        f"cmd/{POLICY_THING}/*/req",
        *(f"$aws/things/{POLICY_THING}/shadow/name/{name}/*" for name in SHADOW_NAMES),
        f"$aws/things/{POLICY_THING}/jobs/*",
    )


def parse(topic: str) -> Topic:
    """The inverse of the formatters; raises TopicError for any other text."""
    try:
        return _parse(topic)
    except IdentityError as error:
        raise TopicError(error.field, error.expected, error.got, error.reason) from error


def _parse(topic: str) -> Topic:  # noqa: C901, PLR0911, PLR0912 - one flat case for each topic
    match topic.split("/"):
        case ["dt", thing, "telemetry"]:
            return Topic("telemetry", parse_thing(thing))
        case ["dt", thing, "event"]:
            return Topic("event", parse_thing(thing))
        case ["$aws", "rules", rule, "dt", thing, "telemetry"] if rule == TELEMETRY_RULE_NAME:
            return Topic("telemetry_basic_ingest", parse_thing(thing))
        case ["cmd", thing, command_id, "req"]:
            return Topic("command_request", parse_thing(thing), id=parse_command_id(command_id))
        case ["cmd", thing, command_id, "res"]:
            return Topic("command_response", parse_thing(thing), id=parse_command_id(command_id))
        case ["$aws", "things", thing, "shadow", "name", name, *rest] if name in SHADOW_NAMES:
            if (operation := "/".join(rest)) in _SHADOW_OPERATIONS:
                return Topic("shadow", parse_thing(thing), name=name, operation=operation)
        case ["$aws", "things", thing, "jobs", *rest] if (operation := "/".join(rest)) in _THING_JOBS_OPERATIONS:
            return Topic("jobs", parse_thing(thing), operation=operation)
        case ["$aws", "things", thing, "jobs", job, *rest] if _JOB_ID.fullmatch(job):
            if (operation := "/".join(rest)) in _JOB_OPERATIONS:
                return Topic("jobs", parse_thing(thing), id=job, operation=operation)
        case ["$aws", "events", "presence", operation, thing] if operation in _PRESENCE_EVENTS:
            return Topic("presence", parse_thing(thing), operation=operation)
        case ["$aws", "certificates", "create-from-csr", "json", *rest] if operation := _operation(rest):
            return Topic("certificate", operation=operation)
        case ["$aws", "provisioning-templates", template, "provision", "json", *rest] if _TEMPLATE.fullmatch(template):
            if operation := _operation(rest):
                return Topic("provisioning", name=template, operation=operation)
    raise TopicError(None, "a topic of the contract", shown(topic), "unknown_topic")


def _operation(rest: list[str]) -> str:
    """The inverse of `_answer`; empty when it is neither the request nor an answer to it."""
    match rest:
        case []:
            return "request"
        case [answer] if answer in _ANSWERS:
            return answer
    return ""


def _answer(operation: str) -> str:
    return "" if operation == "request" else f"/{operation}"


def _one_of(field: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise TopicError(field, f"one of {', '.join(sorted(allowed))}", shown(value), f"invalid_{field}")


def _matching(field: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise TopicError(field, f"text that matches {pattern.pattern}", shown(value), f"invalid_{field}")
