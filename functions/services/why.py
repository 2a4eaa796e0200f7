"""Why somebody may do something, or what he would need: only about what he can see anyway."""

import msgspec

from functions.domain.access import EVERYTHING, MATRIX, ORGANISATION, Grant, Permission, Principal, Role, Target
from functions.errors import RequestError
from functions.services.gate import Gate


class Verdict(msgspec.Struct, frozen=True):
    """`grant` is what allows it; any of `roles` over any of `scopes` would."""

    permission: Permission
    device: str | None
    group: str | None
    allowed: bool
    grant: Grant | None
    roles: tuple[Role, ...]
    scopes: tuple[str, ...]


class Why:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def verdict(self, who: Principal, permission: Permission, thing: str | None, group: str | None) -> Verdict:
        """Of a device or a group, else of the organisation. Raises NotFoundError for a device that he may not see."""
        if thing is not None and group is not None:
            raise RequestError("group", "a device or a group", "both")
        target = Target(group=group)
        if thing is not None:
            device = self._gate.heard(who, Permission.DEVICES_READ, thing)
            target = Target(thing, device.group if device else None)
        grant = who.grant_for(permission, target)
        scopes = {EVERYTHING} if permission in ORGANISATION else target.scopes
        return Verdict(
            permission=permission,
            device=target.thing,
            group=target.group,
            allowed=grant is not None,
            grant=grant,
            roles=tuple(role for role in Role if role in MATRIX[permission]),
            scopes=tuple(sorted(scopes, key=lambda scope: (scope == EVERYTHING, scope))),
        )
