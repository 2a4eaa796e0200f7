"""The HTTP API as data: `infra` makes its resources from it, the `api` and `auth` handlers serve exactly it.

Paths are without the version: `v1` is the name of the REST stage. A group in a path is spelled with `:` for its `/`.
"""

from dataclasses import dataclass
from typing import Literal

PATCH, POST, PUT, DELETE, GET = "PATCH", "POST", "PUT", "DELETE", "GET"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `permission` names a row of the access matrix; a public route has none and needs no token.

    `room` is the class of operations that it belongs to. One that `creates` takes an `Idempotency-Key`; an answer that
    holds a secret, `shown_once`, is not kept for that.
    """

    method: str
    path: str
    operation: str
    permission: str | None
    room: str
    creates: bool = False
    shown_once: bool = False
    function: Literal["api", "auth"] = "api"
    share: float = 1.0

    @property
    def public(self) -> bool:
        return self.permission is None


def _auth(operation: str, path: str) -> Route:
    return Route(POST, path, operation, None, "auth", function="auth")


ROUTES: tuple[Route, ...] = (
    Route(GET, "/health", "health", None, "service"),
    Route(GET, "/sign-in", "sign_in", None, "service"),
    Route(GET, "/openapi.json", "openapi", None, "docs"),
    Route(GET, "/docs", "documentation", None, "docs"),
    _auth("log_in", "/auth/login"),
    _auth("answer_challenge", "/auth/challenge"),
    _auth("refresh", "/auth/refresh"),
    _auth("log_out", "/auth/logout"),
    _auth("forgot_password", "/auth/forgot"),
    _auth("reset_password", "/auth/reset"),
    Route(GET, "/me", "me", "self:read", "me"),
    Route(GET, "/me/why", "why", "self:read", "me"),
    Route(GET, "/system", "system", "self:read", "service"),
    Route(GET, "/devices", "list_devices", "devices:read", "devices"),
    Route(POST, "/devices", "create_device", "devices:create", "devices", creates=True),
    Route(GET, "/devices/{id}", "show_device", "devices:read", "devices"),
    Route(PATCH, "/devices/{id}", "update_device", "devices:update", "devices"),
    Route(DELETE, "/devices/{id}", "decommission_device", "devices:decommission", "devices"),
    Route(GET, "/devices/{id}/latest", "device_latest", "telemetry:read", "devices"),
    Route(GET, "/devices/{id}/loss", "device_loss", "telemetry:read", "telemetry"),
    Route(GET, "/devices/{id}/telemetry", "device_telemetry", "telemetry:read", "telemetry", share=0.4),
    Route(POST, "/telemetry", "send_telemetry", "telemetry:write", "telemetry"),
    Route(GET, "/devices/{id}/events", "device_events", "events:read", "events"),
    Route(GET, "/devices/{id}/quarantine", "device_quarantine", "quarantine:read", "quarantine"),
    Route(GET, "/devices/{id}/quarantine/{entry}", "show_quarantined", "quarantine:read", "quarantine"),
    Route(POST, "/devices/{id}/quarantine/{entry}/replay", "replay_quarantined", "quarantine:write", "quarantine"),
    Route(GET, "/quarantine", "list_quarantine", "quarantine:read", "quarantine", share=0.2),
    Route(POST, "/quarantine/replay", "replay_quarantine", "quarantine:write", "quarantine", share=0.2),
    Route(GET, "/alarms", "list_alarms", "alarms:read", "alarms", share=0.4),
    Route(GET, "/alarms/summary", "alarms_summary", "alarms:read", "alarms", share=0.4),
    Route(POST, "/alarms/bulk", "change_alarms", "alarms:write", "alarms", share=0.1),
    Route(GET, "/alarms/{alarm}", "show_alarm", "alarms:read", "alarms"),
    Route(POST, "/alarms/{alarm}/acknowledge", "acknowledge_alarm", "alarms:write", "alarms"),
    Route(POST, "/alarms/{alarm}/unacknowledge", "unacknowledge_alarm", "alarms:write", "alarms"),
    Route(POST, "/alarms/{alarm}/assign", "assign_alarm", "alarms:write", "alarms"),
    Route(POST, "/alarms/{alarm}/comments", "comment_on_alarm", "alarms:write", "alarms", creates=True),
    Route(POST, "/alarms/{alarm}/clear", "clear_alarm", "alarms:write", "alarms"),
    Route(GET, "/devices/{id}/alarms", "device_alarms", "alarms:read", "alarms"),
    Route(GET, "/devices/{id}/commands", "list_commands", "commands:read", "commands"),
    Route(POST, "/devices/{id}/commands", "send_command", "commands:send", "commands", creates=True),
    Route(GET, "/devices/{id}/commands/{command}", "show_command", "commands:read", "commands"),
    Route(POST, "/devices/{id}/commands/{command}/cancel", "cancel_command", "commands:send", "commands"),
    Route(POST, "/commands/bulk", "send_bulk", "commands:send", "commands", creates=True, share=0.1),
    Route(GET, "/commands/bulk/{bulk}", "show_bulk", "commands:read", "commands"),
    Route(GET, "/commands/bulk/{bulk}/devices", "list_bulk", "commands:read", "commands"),
    Route(POST, "/commands/bulk/{bulk}/cancel", "cancel_bulk", "commands:send", "commands"),
    Route(GET, "/devices/{id}/state", "show_state", "state:read", "shadows"),
    Route(PATCH, "/devices/{id}/state", "desire_state", "state:write", "shadows"),
    Route(GET, "/devices/{id}/state/history", "state_history", "state:read", "shadows"),
    Route(GET, "/devices/{id}/config", "show_config", "config:read", "shadows"),
    Route(PATCH, "/devices/{id}/config", "desire_config", "config:write", "shadows"),
    Route(GET, "/devices/{id}/config/history", "config_history", "config:read", "shadows"),
    Route(GET, "/devices/{id}/keys", "list_device_keys", "device-keys:read", "keys"),
    Route(POST, "/devices/{id}/keys", "create_device_key", "device-keys:write", "keys", creates=True, shown_once=True),
    Route(DELETE, "/devices/{id}/keys/{key}", "revoke_device_key", "device-keys:write", "keys"),
    Route(GET, "/devices/{id}/certificates", "list_certificates", "device-certificates:read", "certificates"),
    Route(
        POST,
        "/devices/{id}/certificates",
        "create_certificate",
        "device-certificates:write",
        "certificates",
        creates=True,
        share=0.1,
    ),
    Route(
        DELETE,
        "/devices/{id}/certificates/{certificate}",
        "revoke_certificate",
        "device-certificates:revoke",
        "certificates",
    ),
    Route(GET, "/devices/{id}/agent-config", "show_agent_config", "devices:read", "certificates"),
    Route(GET, "/groups", "list_groups", "groups:read", "groups"),
    Route(POST, "/groups", "create_group", "groups:write", "groups", creates=True),
    Route(GET, "/groups/{group}", "show_group", "groups:read", "groups"),
    Route(PATCH, "/groups/{group}", "update_group", "groups:write", "groups"),
    Route(DELETE, "/groups/{group}", "delete_group", "groups:write", "groups"),
    Route(GET, "/models", "list_models", "models:read", "models"),
    Route(GET, "/models/{model}", "show_model", "models:read", "models"),
    Route(PUT, "/models/{model}", "save_model", "models:write", "models"),
    Route(DELETE, "/models/{model}", "delete_model", "models:write", "models"),
    Route(GET, "/models/{model}/versions", "model_versions", "models:read", "models"),
    Route(GET, "/rules", "list_rules", "rules:read", "rules"),
    Route(POST, "/rules", "create_rule", "rules:write", "rules", creates=True),
    Route(POST, "/rules/validate", "validate_rule", "rules:read", "rules"),
    Route(POST, "/rules/test", "test_rules", "rules:read", "trials", share=0.1),
    Route(POST, "/rules/backtests", "create_backtest", "rules:read", "backtests", creates=True, share=0.1),
    Route(GET, "/rules/backtests/{backtest}", "show_backtest", "rules:read", "backtests"),
    Route(GET, "/devices/{id}/rules", "device_rules", "rules:read", "explanations"),
    Route(GET, "/devices/{id}/rules/{rule}/explain", "explain_rule", "rules:read", "explanations", share=0.4),
    Route(GET, "/rules/{rule}", "show_rule", "rules:read", "rules"),
    Route(PUT, "/rules/{rule}", "replace_rule", "rules:write", "rules"),
    Route(DELETE, "/rules/{rule}", "delete_rule", "rules:write", "rules"),
    Route(GET, "/rules/{rule}/versions", "rule_versions", "rules:read", "rules"),
    Route(GET, "/fleet/summary", "fleet_summary", "devices:read", "devices", share=0.2),
    Route(GET, "/recipients", "list_recipients", "recipients:read", "recipients"),
    Route(POST, "/recipients", "create_recipient", "recipients:write", "recipients", creates=True, shown_once=True),
    Route(GET, "/recipients/{recipient}", "show_recipient", "recipients:read", "recipients"),
    Route(PUT, "/recipients/{recipient}", "replace_recipient", "recipients:write", "recipients"),
    Route(DELETE, "/recipients/{recipient}", "delete_recipient", "recipients:write", "recipients"),
    Route(POST, "/recipients/{recipient}/secret", "rotate_recipient_secret", "recipients:write", "recipients"),
    Route(POST, "/recipients/{recipient}/test", "test_recipient", "recipients:write", "recipients", share=0.1),
    Route(GET, "/maintenance", "list_maintenance", "maintenance:read", "maintenance"),
    Route(POST, "/maintenance", "create_maintenance", "maintenance:write", "maintenance", creates=True),
    Route(GET, "/maintenance/{window}", "show_maintenance", "maintenance:read", "maintenance"),
    Route(DELETE, "/maintenance/{window}", "end_maintenance", "maintenance:write", "maintenance"),
    Route(GET, "/deliveries", "list_deliveries", "deliveries:read", "deliveries", share=0.2),
    Route(GET, "/deliveries/{delivery}", "show_delivery", "deliveries:read", "deliveries"),
    Route(POST, "/deliveries/{delivery}/replay", "replay_delivery", "deliveries:write", "deliveries"),
    Route(GET, "/alarms/{alarm}/deliveries", "alarm_deliveries", "deliveries:read", "deliveries"),
    Route(GET, "/users", "list_users", "users:read", "users"),
    Route(POST, "/users", "invite_user", "users:write", "users", creates=True),
    Route(GET, "/users/{user}", "show_user", "users:read", "users"),
    Route(PATCH, "/users/{user}", "update_user", "users:write", "users"),
    Route(DELETE, "/users/{user}", "delete_user", "users:write", "users"),
    Route(POST, "/users/{user}/reset", "reset_user", "users:write", "users"),
    Route(GET, "/users/{user}/grants", "show_grants", "grants:read", "users"),
    Route(PUT, "/users/{user}/grants", "replace_grants", "grants:write", "users"),
    Route(GET, "/grants", "list_grants", "grants:read", "users"),
    Route(GET, "/keys", "list_keys", "keys:read", "keys"),
    Route(POST, "/keys", "create_key", "keys:write", "keys", creates=True, shown_once=True),
    Route(GET, "/keys/{key}", "show_key", "keys:read", "keys"),
    Route(DELETE, "/keys/{key}", "revoke_key", "keys:write", "keys"),
    Route(GET, "/audit", "list_audit", "audit:read", "audit", share=0.2),
    Route(GET, "/audit/chains/{day}", "audit_chains", "audit:read", "audit", share=0.2),
    Route(GET, "/dlq", "list_dead_letter_queues", "dlq:read", "dead_letters", share=0.1),
    Route(GET, "/dlq/{queue}", "peek_dead_letters", "dlq:read", "dead_letters", share=0.1),
    Route(POST, "/dlq/{queue}/replay", "replay_dead_letters", "dlq:write", "dead_letters", share=0.1),
    Route(POST, "/live/ticket", "live_ticket", "live:subscribe", "live"),
)
