"""What parameters mean wherever they occur. A parameter's own description in the code wins."""

from typing import Any, Final

from contract.identity import ALARM_PATTERN, COMMAND_ID_PATTERN, GROUP_PATTERN, METRIC_PATTERN, THING_PATTERN
from contract.rules import RULE_PATTERN
from functions.api.operations.auth import COOKIE
from functions.domain.series import Aggregate

Json = dict[str, Any]
_AGGREGATE: Final = "|".join(Aggregate)

PATH: Final[dict[str, Json]] = {
    "id": {"description": "A device.", "example": "press-4", "schema": {"pattern": f"^{THING_PATTERN}$"}},
    "command": {"description": "A command.", "schema": {"pattern": f"^{COMMAND_ID_PATTERN}$"}},
    "bulk": {"description": "A command to many devices.", "schema": {"pattern": f"^{COMMAND_ID_PATTERN}$"}},
    "entry": {"description": "An entry of the quarantine, as its list names it."},
    "group": {
        "description": "A group's path with `:` in place of each `/`.",
        "example": "plant-1:line-2",
        "schema": {"pattern": f"^{GROUP_PATTERN.replace('/', ':')}$"},
    },
    "model": {"description": "A device model.", "example": "climate"},
    "backtest": {"description": "A backtest.", "schema": {"pattern": f"^{COMMAND_ID_PATTERN}$"}},
    "rule": {
        "description": "A rule by its id, `model:key` for one that a model brings along.",
        "example": "too-warm",
        "schema": {"pattern": f"^{RULE_PATTERN}$"},
    },
    "alarm": {
        "description": "An alarm: its device, `.`, its number.",
        "example": "press-4.42",
        "schema": {"pattern": f"^{ALARM_PATTERN}$"},
    },
    "recipient": {
        "description": "A recipient, as rules call him.",
        "example": "on-call",
        "schema": {"pattern": f"^{THING_PATTERN}$"},
    },
    "window": {"description": "A maintenance window.", "schema": {"pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}},
    "delivery": {
        "description": "A delivery, as the list of them names it.",
        "schema": {"pattern": f"^{THING_PATTERN}\\.[0-9a-z]+\\.[0-9]+(?:\\.[0-9a-f]+)?$"},
    },
    "queue": {
        "description": "A queue of dead letters, as their list names it.",
        "example": "ingest",
        "schema": {"pattern": "^[a-z][a-z-]*$"},
    },
    "user": {"description": "A user, as their list names him."},
    "key": {"description": "A key by its public part; its secret is shown only when it is made."},
    "certificate": {"description": "A certificate by its id.", "schema": {"pattern": "^[0-9a-f]{64}$"}},
    "day": {"description": "A day in UTC.", "example": "2026-07-01"},
}
"""By name, for every `{name}` in a path."""

QUERY: Final[dict[str, Json]] = {
    "cursor": {
        "description": "`cursor` of the page before, with otherwise the same parameters.",
        "schema": {"pattern": "^[A-Za-z0-9_.=-]+$"},
    },
    "limit": {"description": "At most so many items."},
    "group": {"description": "A group's path: it and all below it.", "example": "plant-1/line-2"},
    "model": {"description": "A device model.", "example": "climate"},
    "from": {
        "description": "Begin, included: ms since the epoch, an RFC 3339 time, or a duration before now.",
        "example": "-24h",
    },
    "to": {"description": "End, not included, spelled like `from`; now if left out."},
    "metric": {
        "description": "Metrics, repeated or comma separated.",
        "example": ["temperature"],
        "items": {"maxLength": 1400, "pattern": f"^ *{METRIC_PATTERN}(?: *, *{METRIC_PATTERN})* *$"},
    },
    "bin": {"description": "Length of a bin.", "example": "5m"},
    "agg": {
        "description": "What to tell of each bin, repeated or comma separated; only with `bin`.",
        "example": ["avg", "max"],
        "items": {"maxLength": 100, "pattern": f"^ *(?:{_AGGREGATE})(?: *, *(?:{_AGGREGATE}))* *$"},
    },
    "device": {"description": "A device.", "example": "press-4", "schema": {"pattern": f"^{THING_PATTERN}$"}},
    "list_devices.tag": {
        "description": "With this tag, as `key:value`; with all of them where it is repeated.",
        "example": ["site:Leeds"],
        "items": {"maxLength": 200},
    },
    "list_devices.status": {"description": "Whether it is connected now."},
    "list_devices.q": {"description": "Words of its id or name, or how they begin.", "example": "boil"},
    "list_devices.sort": {"description": "By what, downwards with `-`; by id if left out."},
    "list_devices.latest": {"description": "With the last values of each."},
    "list_groups.parent": {"description": "The groups directly in this one; those at the root if left out."},
    "device_events.kind": {"description": "Events of this kind alone.", "example": "alarm"},
    "list_quarantine.day": {"description": "A day in UTC.", "example": "2026-07-01"},
    "list_commands.status": {"description": "In this state; `open`: not ended yet."},
    "list_alarms.state": {"description": "`active`, or `cleared` for those that are over."},
    "list_alarms.severity": {"description": "Of this severity alone."},
    "list_alarms.acknowledged": {"description": "Whether somebody has acknowledged them."},
    "list_alarms.rule": {
        "description": "Of this rule alone.",
        "example": "too-warm",
        "schema": {"pattern": f"^{RULE_PATTERN}$"},
    },
    "list_alarms.assignee": {"description": "Of this user, by his id; `me` for whoever asks.", "example": "me"},
    "device_alarms.state": {"description": "`active`, `cleared`, or both."},
    "list_deliveries.state": {"description": "In this state alone."},
    "list_deliveries.recipient": {
        "description": "To this recipient alone.",
        "example": "on-call",
        "schema": {"pattern": f"^{THING_PATTERN}$"},
    },
    "list_maintenance.state": {"description": "`ahead`: those that are not over; or `all` there were."},
    "list_audit.subject": {"description": "Changes of this alone: its kind, `:`, its id.", "example": "device:press-4"},
    "list_audit.principal": {"description": "Changes by this principal.", "example": "key:4f0e9a516c1f"},
    "list_audit.action": {"description": "Changes of this kind.", "example": "device.update"},
    "explain_rule.at": {
        "description": "When, spelled like `from`; now, by what the rule itself remembers, if left out.",
        "example": "-2h",
    },
    "list_rules.scope": {
        "description": "Of exactly this scope: `*`, or `model:`, `group:` or `device:` and a name.",
        "example": "group:plant-1",
    },
    "list_rules.origin": {"description": "That were applied from this set of files.", "example": "plant-rules"},
    "list_rules.defaults": {"description": "Whether rules that models bring along are listed too."},
    "force": {"description": "Also where installed rules, or devices, would be without what they need."},
    "sensors": {
        "description": "What the configuration has: `hardware` for the agent's package on a device, `simulated` for "
        "trying it in a folder of one's own."
    },
    "format": {"description": "`csv` for a table; `Accept: text/csv` asks for the same."},
}
"""By name, for parameters after the `?`; those of one operation with its name before them."""

IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Chosen by the caller, unique to this creation: a repetition with it gets the first one's answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "2f1c0a7e-6a2e-4a5e-9d0c-0b8f6f1f9b52",
}


REFRESH_COOKIE: Final[Json] = {
    "name": COOKIE,
    "in": "cookie",
    "required": False,
    "description": "The refresh token, which the browser keeps from scripts and sends here alone.",
    "schema": {"type": "string", "maxLength": 4096},
}


def if_match(*, required: bool) -> Json:
    return {
        "name": "If-Match",
        "in": "header",
        "required": required,
        "description": "The `ETag` that the change is meant for: it is refused if there is a newer version.",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,15}"$' if required else r'^(?:"[0-9]{1,15}"|\*)$'},
        "example": '"7"',
    }
