"""Who may do what: one matrix of permission and role. `None` as a permission is public."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from functions.errors import ForbiddenError


class Role(StrEnum):
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Permission(StrEnum):
    SELF_READ = "self:read"
    DEVICES_READ = "devices:read"
    TELEMETRY_READ = "telemetry:read"
    QUARANTINE_READ = "quarantine:read"


_ALL = frozenset(Role)

MATRIX: dict[Permission, frozenset[Role]] = {
    Permission.SELF_READ: _ALL,
    Permission.DEVICES_READ: _ALL,
    Permission.TELEMETRY_READ: _ALL,
    # Raw bytes of a device may hold what its model does not describe.
    Permission.QUARANTINE_READ: frozenset({Role.ADMIN, Role.OPERATOR}),
}


class Principal(msgspec.Struct, frozen=True):
    """A person whose token was verified, with the roles that it names over all devices."""

    sub: str
    username: str
    roles: tuple[Role, ...] = ()

    def may(self, permission: Permission) -> bool:
        return not MATRIX[permission].isdisjoint(self.roles)

    def permissions(self) -> tuple[Permission, ...]:
        return tuple(permission for permission in Permission if self.may(permission))


def roles_of(groups: Iterable[str]) -> tuple[Role, ...]:
    """The roles among the groups of a token; other groups mean nothing here."""
    named = set(groups)
    return tuple(role for role in Role if role in named)


def demand(principal: Principal, permission: Permission) -> None:
    """Raises ForbiddenError, which names the permission and the roles that hold it."""
    if not principal.may(permission):
        holders = ", ".join(role for role in Role if role in MATRIX[permission])
        held = ", ".join(principal.roles) or "none"
        raise ForbiddenError(f"{permission} needs one of the roles {holders}, got {held}")
