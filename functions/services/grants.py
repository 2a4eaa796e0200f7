"""Grants as people see and change them: each within his own scope, and nobody above himself."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from functions.domain.access import (
    EVERYTHING,
    Grant,
    Kind,
    Permission,
    Principal,
    Role,
    Target,
    demand,
    lineage,
    target_of,
)
from functions.domain.audit import Actor, Note
from functions.domain.cursors import seal, unseal
from functions.domain.grants import Held, HeldPage, Holder, changes, grant_set, user_id
from functions.errors import ConflictError, CursorError, NotFoundError, PreconditionError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder
from functions.ports.people import Directory, Principals
from functions.services.whois import WhoIs

_PAGE = 100


class GrantsOf(NamedTuple):
    """What the caller sees of somebody's grants; `version` moves with all of them."""

    grants: tuple[Grant, ...]
    version: int


class Grants:
    def __init__(
        self, principals: Principals, directory: Directory, registry: DeviceFinder, whois: WhoIs, clock: Clock
    ) -> None:
        self._principals = principals
        self._directory = directory
        self._registry = registry
        self._whois = whois
        self._clock = clock

    def of(self, who: Principal, sub: str) -> GrantsOf:
        holder = self.holder(sub)
        return GrantsOf(self._visible(who, holder.grants), holder.version)

    def replace(self, actor: Actor, sub: str, wanted: Sequence[Grant], version: int) -> GrantsOf:
        """Make `wanted` what he holds of all that the caller sees; what the caller does not see stays.

        Raises PreconditionError when `version` is not what stands, ForbiddenError for a scope that is not the caller's
        own, ConflictError for the last administrator.
        """
        wanted = grant_set(wanted)
        now = self._clock.now_ms()
        writer, rest_on = self._whois.again(actor.principal, now)
        before = self.holder(sub)
        visible = self._visible(writer, before.grants)
        changed = changes(visible, wanted)
        targets = self._targets(one.scope for one in changed)
        # By what is stored of the writer now: so nobody can raise himself, nor undo that he was demoted.
        for one in changed:
            demand(writer, Permission.GRANTS_WRITE, targets[one.scope])
        if version != before.version:
            raise PreconditionError(f"the grants are of version {before.version}, and the change is for {version}")
        after = grant_set({*(set(before.grants) - set(visible)), *wanted})
        if not changed:
            return GrantsOf(visible, before.version)
        note = Note(
            actor=actor,
            action="grants.replace",
            subject_kind="user",
            subject_id=sub,
            at=now,
            before=shown(before.grants),
            after=shown(after),
        )
        saved = self.save(before, msgspec.structs.replace(before, grants=after), note, rest_on)
        return GrantsOf(self._visible(writer, saved.grants), saved.version)

    def save(self, before: Holder, after: Holder, note: Note, rest_on: Sequence[Holder] = ()) -> Holder:
        """Raises ConflictError where nobody would be left who administers everything."""
        others = [] if after.rules or not before.rules else [self._another_administrator(before.id)]
        return self._principals.save(before, after, note, [*rest_on, *others])

    def over(self, who: Principal, scope: str, limit: int, cursor: str | None) -> HeldPage:
        """Who holds a role over this scope or above it, the closest scope first, as far as the caller may see that."""
        target = self._targets([scope])[scope]
        demand(who, Permission.GRANTS_READ, target)
        seen = [one for one in _upwards(target) if who.may(Permission.GRANTS_READ, _wider(one, target))]
        question = ("grants over", scope)
        at, inner = 0, None
        if cursor is not None:
            place, inner_text = unseal(cursor, question, (int, str))
            at, inner = int(place), str(inner_text) or None
            if not 0 <= at < len(seen):
                raise CursorError(cursor)
        items: list[Held] = []
        while at < len(seen) and len(items) < limit:
            page = self._principals.over(seen[at], limit - len(items), inner)
            items += page.items
            inner = page.cursor
            at += inner is None
        return HeldPage(tuple(items), seal(question, (at, inner or "")) if at < len(seen) else None)

    def holder(self, sub: str) -> Holder:
        """As he is stored, or as he would be: raises NotFoundError for one who cannot sign in at all."""
        holder = self._principals.find(user_id(sub))
        if holder is not None and holder.forget_at is None:
            return holder
        person = self._directory.find(sub) if holder is None else None
        if person is None:
            raise NotFoundError("there is no such user")
        return Holder(id=user_id(sub), kind=Kind.USER, name=person.email)

    def _visible(self, who: Principal, grants: Sequence[Grant]) -> tuple[Grant, ...]:
        targets = self._targets(one.scope for one in grants)
        return tuple(one for one in grants if who.may(Permission.GRANTS_READ, targets[one.scope]))

    def _targets(self, scopes: Iterable[str]) -> dict[str, Target]:
        """What each scope is about; of a device, where it is now."""
        targets = {scope: target_of(scope) for scope in scopes}
        things = [target.thing for target in targets.values() if target.thing]
        known = self._registry.find(things) if things else {}
        return {
            scope: Target(target.thing, known[target.thing].group) if target.thing in known else target
            for scope, target in targets.items()
        }

    def _another_administrator(self, principal: str) -> Holder:
        cursor = None
        while True:
            page = self._principals.over(EVERYTHING, _PAGE, cursor)
            for held in page.items:
                if held.kind is Kind.USER and held.principal != principal and held.grant.role is Role.ADMIN:
                    holder = self._principals.find(held.principal)
                    if holder is not None and holder.rules:
                        return holder
            cursor = page.cursor
            if cursor is None:
                raise ConflictError("the last administrator over everything cannot be taken away: name another first")


def shown(grants: Sequence[Grant]) -> dict[str, object]:
    """As the audit has them."""
    return {"grants": [{"role": one.role.value, "scope": one.scope} for one in grants]}


def _upwards(target: Target) -> list[str]:
    """The scopes that cover a target, the closest first."""
    groups = [f"group:{path}" for path in reversed(lineage(target.group or ""))]
    return [*([f"device:{target.thing}"] if target.thing else []), *groups, EVERYTHING]


def _wider(scope: str, target: Target) -> Target:
    """A scope on the way from a target up: the target itself knows where its device is."""
    return target if target.thing and scope == f"device:{target.thing}" else target_of(scope)
