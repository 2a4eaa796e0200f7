"""The tree of groups, as far as somebody may see it. Who may see a group only as the way to his own sees its name."""

import msgspec

from functions.domain.access import Permission, Principal, Target, demand
from functions.domain.audit import Actor, Note
from functions.domain.devices import parse_text
from functions.domain.groups import MAX_DESCRIPTION_CHARS, Group, Visible, in_reach, leads, steps
from functions.errors import ConflictError, NotFoundError, PreconditionError
from functions.ports.clock import Clock
from functions.ports.devices import GroupStore


class GroupChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is None stays; an empty text takes it away."""

    title: str | None = None
    description: str | None = None


class Groups:
    def __init__(self, groups: GroupStore, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock

    def children(
        self, who: Principal, parent: str | None, limit: int, cursor: str | None
    ) -> tuple[tuple[Visible, ...], str | None]:
        """The groups directly in `parent`, or at the root, by name. Raises NotFoundError, CursorError."""
        reach = who.reach(Permission.GROUPS_READ)
        if reach.everything or (parent is not None and in_reach(reach, parent)):
            if parent is not None and parent not in self._groups.find([parent]):
                raise _missing(parent)
            page = self._groups.children(parent, limit, cursor)
            return tuple(Visible(group.path, group) for group in page.groups), page.cursor
        if parent is not None and not leads(reach, parent):
            raise _missing(parent)
        # As many as there are grants, at most: they need no pages.
        ways = steps(reach, parent)
        known = self._groups.find(ways)
        visible = (Visible(path, known.get(path) if in_reach(reach, path) else None) for path in ways)
        return tuple(one for one in visible if one.known or not in_reach(reach, one.path)), None

    def show(self, who: Principal, path: str) -> Visible:
        """Raises NotFoundError."""
        reach = who.reach(Permission.GROUPS_READ)
        if not in_reach(reach, path):
            if leads(reach, path):
                return Visible(path, None)
            raise _missing(path)
        known = self._groups.find([path]).get(path)
        if known is None:
            raise _missing(path)
        return Visible(path, known)

    def create(self, actor: Actor, path: str, title: str, description: str) -> Group:
        """Groups above it are made where there are none. Raises ForbiddenError, ConflictError, RequestError."""
        demand(actor.principal, Permission.GROUPS_WRITE, Target(group=path))
        now = self._clock.now_ms()
        group = Group(
            path=path,
            title=_text("title", title),
            description=_text("description", description),
            created_at=now,
            updated_at=now,
        )
        if not self._groups.save(None, group, _note(actor, "group.create", None, group)):
            raise ConflictError(f"there is a group {path!r} already")
        return group

    def update(self, actor: Actor, path: str, change: GroupChange, version: int | None) -> Group:
        """Raises NotFoundError, ForbiddenError, PreconditionError, ConflictError, RequestError."""
        known = self._writable(actor, path, version)
        after = msgspec.structs.replace(
            known,
            title=known.title if change.title is None else _text("title", change.title),
            description=known.description if change.description is None else _text("description", change.description),
        )
        if after == known:
            return known
        after = msgspec.structs.replace(after, updated_at=self._clock.now_ms(), version=known.version + 1)
        if not self._groups.save(known, after, _note(actor, "group.update", known, after)):
            changed = ConflictError if version is None else PreconditionError
            raise changed(f"group {path!r} was changed at this very moment by somebody else")
        return after

    def delete(self, actor: Actor, path: str, version: int | None) -> None:
        """Raises NotFoundError, ForbiddenError, PreconditionError, and ConflictError for one that is not empty."""
        known = self._writable(actor, path, version)
        note = _note(actor, "group.delete", known, msgspec.structs.replace(known, updated_at=self._clock.now_ms()))
        if not known.empty or not self._groups.delete(known, note):
            raise ConflictError(
                f"group {path!r} is not empty: {known.devices} devices and {known.children} groups are in it"
                if not known.empty
                else f"group {path!r} was changed at this very moment by somebody else"
            )

    def _writable(self, actor: Actor, path: str, version: int | None) -> Group:
        known = self.show(actor.principal, path).known
        if known is None:
            raise _missing(path)
        demand(actor.principal, Permission.GROUPS_WRITE, Target(group=path))
        if version not in {None, known.version}:
            raise PreconditionError(f"group {path!r} was changed meanwhile: it is at version {known.version}")
        return known


def _text(field: str, text: str) -> str:
    """Empty for none."""
    if not text:
        return text
    return parse_text(field, text, *(() if field == "title" else (MAX_DESCRIPTION_CHARS,)))


def _note(actor: Actor, action: str, before: Group | None, after: Group) -> Note:
    def told(group: Group) -> dict[str, str]:
        return {"title": group.title, "description": group.description}

    return Note(
        actor=actor,
        action=action,
        subject_kind="group",
        subject_id=after.path,
        at=after.updated_at,
        before=None if before is None else told(before),
        after=None if action == "group.delete" else told(after),
    )


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f"there is no group {path!r}, or you may not see it")
