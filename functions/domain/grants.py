"""The grants that somebody holds, how a set of them may change, and what of it somebody else may see."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from functions.domain.access import (
    EVERYTHING,
    GRANTABLE,
    MAX_GRANTS,
    Grant,
    Kind,
    Principal,
    Role,
    lineage,
    parse_scope,
)
from functions.errors import RequestError

MAX_SCOPE_CHARS: Final = 4096
"""Of all scopes of a principal together: they travel in the authorizer's answer."""
_RANK: Final = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with his grants, as they are stored. `version` moves with every change; 0 is one that is not stored."""

    id: str
    kind: Kind
    name: str
    disabled: bool = False
    version: int = 0
    grants: tuple[Grant, ...] = ()
    forget_at: int | None = None
    """When a deleted one leaves the table, in ms; until then it refuses his tokens."""

    @property
    def principal(self) -> Principal:
        return Principal(self.id, self.kind, self.name, self.grants)

    @property
    def rules(self) -> bool:
        """An administrator of everything who can sign in: one of them must always be left."""
        administers = Grant(Role.ADMIN, EVERYTHING) in self.grants
        return self.kind is Kind.USER and not self.disabled and administers


class Held(msgspec.Struct, frozen=True):
    """One grant, as the list of a scope shows it."""

    principal: str
    kind: Kind
    name: str
    grant: Grant


class HeldPage(msgspec.Struct, frozen=True):
    items: tuple[Held, ...]
    cursor: str | None


def user_id(sub: str) -> str:
    return f"user:{sub}"


def grant_set(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """The grants in their one spelling and order; raises RequestError for a set that nobody can hold."""
    found: dict[str, Grant] = {}
    for at, one in enumerate(grants):
        if at >= MAX_GRANTS:
            raise RequestError("grants", f"at most {MAX_GRANTS}", "more")
        scope = parse_scope(one.scope)
        if one.role not in GRANTABLE:
            raise RequestError("role", f"one of {', '.join(GRANTABLE)}", repr(one.role.value))
        if scope in found:
            raise RequestError("grants", "one role for each scope", f"{scope} twice")
        found[scope] = Grant(one.role, scope)
    if sum(map(len, found)) > MAX_SCOPE_CHARS:
        raise RequestError("grants", f"scopes of at most {MAX_SCOPE_CHARS} characters together", "more")
    return tuple(found[scope] for scope in sorted(found))


def changes(before: Sequence[Grant], after: Sequence[Grant]) -> tuple[Grant, ...]:
    """Every grant that is in one of them only: what whoever makes the change must be allowed to give or take."""
    return tuple(sorted(set(before) ^ set(after)))


def covers(one: Grant, other: Grant) -> bool:
    """Whether `one` allows all that `other` does, wherever devices are."""
    return _RANK[one.role] >= _RANK[other.role] and (
        one.scope in {EVERYTHING, other.scope} or (_group(other) != "" and _group(one) in lineage(_group(other)))
    )


def within(grants: Iterable[Grant], of: Iterable[Grant]) -> tuple[Grant, ...]:
    """Those that somebody who holds `of` could have given."""
    held = tuple(of)
    return tuple(one for one in grants if any(covers(other, one) for other in held))


def _group(grant: Grant) -> str:
    return grant.scope.removeprefix("group:") if grant.scope.startswith("group:") else ""
