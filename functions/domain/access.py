"""Who may do what: one matrix of permission and role, held over scopes.

A role is granted over a scope, which is a text: `*` (everything), `group:plant-1/line-2` (that group and all below it)
or `device:pump-7`.

    >>> ann = Principal("user:1", Kind.USER, "ann", (Grant(Role.OPERATOR, "group:plant-1"),))
    >>> ann.may(Permission.COMMANDS_SEND, Target("pump-7", "plant-1/line-2"))
    True
    >>> ann.may(Permission.COMMANDS_SEND, Target("pump-8", "plant-10"))
    False
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from contract.errors import IdentityError
from contract.identity import parse_group, parse_thing
from functions.errors import ForbiddenError, RequestError

MAX_GRANTS: Final = 40
"""Of one principal: they travel in the authorizer's answer, which API Gateway bounds."""
EVERYTHING: Final = "*"


class Role(StrEnum):
    """`DEVICE` is what a device's own key is; nobody can be granted it."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    DEVICE = "device"


GRANTABLE: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)


class Permission(StrEnum):
    SELF_READ = "self:read"
    DEVICES_READ = "devices:read"
    DEVICES_CREATE = "devices:create"
    DEVICES_UPDATE = "devices:update"
    DEVICES_DECOMMISSION = "devices:decommission"
    GROUPS_READ = "groups:read"
    GROUPS_WRITE = "groups:write"
    MODELS_READ = "models:read"
    TELEMETRY_READ = "telemetry:read"
    TELEMETRY_WRITE = "telemetry:write"
    EVENTS_READ = "events:read"
    QUARANTINE_READ = "quarantine:read"
    COMMANDS_READ = "commands:read"
    COMMANDS_SEND = "commands:send"
    STATE_READ = "state:read"
    STATE_WRITE = "state:write"
    CONFIG_READ = "config:read"
    CONFIG_WRITE = "config:write"
    LIVE_SUBSCRIBE = "live:subscribe"
    DEVICE_KEYS_READ = "device-keys:read"
    DEVICE_KEYS_WRITE = "device-keys:write"
    DEVICE_CERTIFICATES_READ = "device-certificates:read"
    DEVICE_CERTIFICATES_WRITE = "device-certificates:write"
    DEVICE_CERTIFICATES_REVOKE = "device-certificates:revoke"
    GRANTS_READ = "grants:read"
    GRANTS_WRITE = "grants:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"
    ALARMS_READ = "alarms:read"
    ALARMS_WRITE = "alarms:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"
    MODELS_WRITE = "models:write"
    MAINTENANCE_READ = "maintenance:read"
    MAINTENANCE_WRITE = "maintenance:write"
    RECIPIENTS_READ = "recipients:read"
    RECIPIENTS_WRITE = "recipients:write"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    QUARANTINE_WRITE = "quarantine:write"
    DLQ_READ = "dlq:read"
    DLQ_WRITE = "dlq:write"


_PEOPLE = frozenset(GRANTABLE)
_OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
_ADMINS = frozenset({Role.ADMIN})

MATRIX: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.SELF_READ: frozenset(Role),
    Permission.DEVICES_READ: _PEOPLE,
    Permission.DEVICES_CREATE: _ADMINS,
    Permission.DEVICES_UPDATE: _OPERATORS,
    Permission.DEVICES_DECOMMISSION: _ADMINS,
    Permission.GROUPS_READ: _PEOPLE,
    Permission.GROUPS_WRITE: _ADMINS,
    Permission.MODELS_READ: _PEOPLE,
    Permission.TELEMETRY_READ: _PEOPLE,
    # Whoever may send in a device's name could raise or hide an alarm.
    Permission.TELEMETRY_WRITE: frozenset({Role.ADMIN, Role.DEVICE}),
    Permission.EVENTS_READ: _PEOPLE,
    # Raw bytes of a device may hold what its model does not describe.
    Permission.QUARANTINE_READ: _OPERATORS,
    Permission.COMMANDS_READ: _PEOPLE,
    Permission.COMMANDS_SEND: _OPERATORS,
    Permission.STATE_READ: _PEOPLE,
    Permission.STATE_WRITE: _OPERATORS,
    Permission.CONFIG_READ: _PEOPLE,
    Permission.CONFIG_WRITE: _OPERATORS,
    Permission.LIVE_SUBSCRIBE: _PEOPLE,
    Permission.DEVICE_KEYS_READ: _ADMINS,
    Permission.DEVICE_KEYS_WRITE: _ADMINS,
    Permission.DEVICE_CERTIFICATES_READ: _ADMINS,
    # A device has one made for itself, by the key that it was given. It takes none away: not another's, which may be
    # the good one.
    Permission.DEVICE_CERTIFICATES_WRITE: frozenset({Role.ADMIN, Role.DEVICE}),
    Permission.DEVICE_CERTIFICATES_REVOKE: _ADMINS,
    Permission.GRANTS_READ: _ADMINS,
    Permission.GRANTS_WRITE: _ADMINS,
    Permission.USERS_READ: _ADMINS,
    Permission.USERS_WRITE: _ADMINS,
    Permission.KEYS_READ: _ADMINS,
    Permission.KEYS_WRITE: _ADMINS,
    Permission.AUDIT_READ: _ADMINS,
    Permission.ALARMS_READ: _PEOPLE,
    Permission.ALARMS_WRITE: _OPERATORS,
    Permission.RULES_READ: _PEOPLE,
    Permission.RULES_WRITE: _ADMINS,
    Permission.MODELS_WRITE: _ADMINS,
    Permission.MAINTENANCE_READ: _PEOPLE,
    Permission.MAINTENANCE_WRITE: _OPERATORS,
    # Addresses of people are theirs.
    Permission.RECIPIENTS_READ: _OPERATORS,
    Permission.RECIPIENTS_WRITE: _ADMINS,
    Permission.DELIVERIES_READ: _OPERATORS,
    Permission.DELIVERIES_WRITE: _OPERATORS,
    Permission.QUARANTINE_WRITE: _OPERATORS,
    # Dead letters are of any device, and no longer tell of which.
    Permission.DLQ_READ: _ADMINS,
    Permission.DLQ_WRITE: _ADMINS,
}

ORGANISATION: Final = frozenset(
    {
        Permission.USERS_READ,
        Permission.USERS_WRITE,
        Permission.KEYS_READ,
        Permission.KEYS_WRITE,
        Permission.AUDIT_READ,
        Permission.MODELS_WRITE,
        Permission.RECIPIENTS_READ,
        Permission.RECIPIENTS_WRITE,
        Permission.DLQ_READ,
        Permission.DLQ_WRITE,
    }
)
"""What speaks of no device or group: only a role over everything holds it."""


class Kind(StrEnum):
    """`DEPLOYMENT` is who changes what a file of the deployment declares, `RULE` a rule whose alarm acts on a device.

    Nobody signs in as either.
    """

    USER = "user"
    KEY = "key"
    DEVICE = "device"
    DEPLOYMENT = "deployment"
    RULE = "rule"


class Grant(msgspec.Struct, frozen=True, order=True):
    role: Role
    scope: str


class Target(msgspec.Struct, frozen=True):
    """What an action is about: a device with the group that it is in, a group, or (neither) the organisation."""

    thing: str | None = None
    group: str | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that cover it."""
        scopes = {EVERYTHING, *(f"group:{path}" for path in lineage(self.group or ""))}
        return frozenset(scopes | {f"device:{self.thing}"}) if self.thing else frozenset(scopes)


class Reach(msgspec.Struct, frozen=True):
    """Where somebody holds a permission, for the queries of lists. `groups` hold no group inside another of them."""

    everything: bool = False
    groups: tuple[str, ...] = ()
    things: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.everything or self.groups or self.things)

    def covers(self, thing: str | None, group: str | None) -> bool:
        inside = any(path in self.groups for path in lineage(group or ""))
        return self.everything or inside or (thing is not None and thing in self.things)


class By(msgspec.Struct, frozen=True):
    """Somebody as he was called then; `id` is the principal's."""

    id: str
    name: str


class Principal(msgspec.Struct, frozen=True):
    """Somebody who proved who he is. `id` tells kinds apart: `user:…`, `key:…`, `device:…`."""

    id: str
    kind: Kind
    name: str
    grants: tuple[Grant, ...] = ()

    @property
    def by(self) -> By:
        return By(self.id, self.name)

    def may(self, permission: Permission, target: Target) -> bool:
        return self.grant_for(permission, target) is not None

    def grant_for(self, permission: Permission, target: Target) -> Grant | None:
        """The grant that allows it; None where none does."""
        covering = frozenset({EVERYTHING}) if permission in ORGANISATION else target.scopes
        return next((one for one in self.grants if one.scope in covering and one.role in MATRIX[permission]), None)

    def anywhere(self, permission: Permission) -> bool:
        return any(
            one.role in MATRIX[permission] and (permission not in ORGANISATION or one.scope == EVERYTHING)
            for one in self.grants
        )

    def reach(self, permission: Permission) -> Reach:
        scopes = {one.scope for one in self.grants if one.role in MATRIX[permission]}
        if EVERYTHING in scopes:
            return Reach(everything=True)
        if permission in ORGANISATION:
            return Reach()
        groups = {scope.removeprefix("group:") for scope in scopes if scope.startswith("group:")}
        outermost = {group for group in groups if not groups.intersection(lineage(group)[:-1])}
        things = {scope.removeprefix("device:") for scope in scopes if scope.startswith("device:")}
        return Reach(groups=tuple(sorted(outermost)), things=tuple(sorted(things)))

    def permissions(self) -> tuple[Permission, ...]:
        """Those that he holds somewhere."""
        return tuple(permission for permission in Permission if self.anywhere(permission))


def permissions_of(grant: Grant) -> tuple[Permission, ...]:
    """What a grant allows over its scope."""
    return tuple(
        permission
        for permission in Permission
        if grant.role in MATRIX[permission] and (permission not in ORGANISATION or grant.scope == EVERYTHING)
    )


def lineage(group: str) -> tuple[str, ...]:
    """A group's path with all paths above it, outermost first.

    >>> lineage("plant-1/line-2")
    ('plant-1', 'plant-1/line-2')
    """
    parts = group.split("/") if group else []
    return tuple("/".join(parts[: at + 1]) for at in range(len(parts)))


def parse_scope(text: str) -> str:
    """A scope in its one spelling; raises RequestError."""
    kind, _, name = text.partition(":")
    try:
        if text == EVERYTHING:
            return text
        if kind == "group":
            return f"group:{parse_group(name)}"
        if kind == "device":
            return f"device:{parse_thing(name)}"
    except IdentityError as exc:
        raise RequestError("scope", f"{kind}: and {exc.expected}", exc.got) from exc
    raise RequestError("scope", "*, group:PATH or device:NAME", repr(text[:100]))


def target_of(scope: str) -> Target:
    """What a scope stands for as the target of an action; a device's group is not known here."""
    kind, _, name = scope.partition(":")
    return Target(group=name) if kind == "group" else Target(thing=name) if kind == "device" else Target()


def demand(principal: Principal, permission: Permission, target: Target) -> None:
    """Raises ForbiddenError, which names the permission and the roles that hold it."""
    if not principal.may(permission, target):
        there = " there" if principal.anywhere(permission) else ""
        raise ForbiddenError(_refusal(principal, permission, there))


def demand_somewhere(principal: Principal, permission: Permission) -> None:
    """For what is checked against its target later: whoever holds the permission nowhere is refused at once."""
    if not principal.anywhere(permission):
        raise ForbiddenError(_refusal(principal, permission))


def _refusal(principal: Principal, permission: Permission, there: str = "") -> str:
    """`there` is said to whoever has the role, and somewhere else."""
    roles = [role for role in Role if role in MATRIX[permission]]
    holders = f"the role {roles[0]}" if len(roles) == 1 else f"one of the roles {', '.join(roles)}"
    over = " over everything" if permission in ORGANISATION else there
    held = ", ".join(sorted({f"{one.role} over {one.scope}" for one in principal.grants})[:5]) or "none"
    return f"{permission} needs {holders}{over}; you hold {held}"
