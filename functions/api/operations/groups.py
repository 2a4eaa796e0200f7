"""The tree of groups that devices are in. In a path, a group is spelled with `:` for its `/`."""

from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_group
from functions.api.answer import Answer, answer, answers, nothing
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Limit, Name
from functions.api.request import Request
from functions.domain.groups import MAX_DESCRIPTION_CHARS, Group, Visible
from functions.errors import RequestError
from functions.services.groups import GroupChange, Groups

_Group = Annotated[str, Path(max_length=400)]


class GroupToCreate(BaseModel):
    """`group` is its path, such as `plant-1/line-2`; groups above it are made where there are none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    group: str = Field(min_length=1, max_length=400)
    title: str = Field(default="", max_length=128)
    description: str = Field(default="", max_length=MAX_DESCRIPTION_CHARS)


class GroupPatch(BaseModel):
    """What is left out stays; null takes it away."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str | None = Field(default=None, max_length=128)
    description: str | None = Field(default=None, max_length=MAX_DESCRIPTION_CHARS)


class GroupView(msgspec.Struct, frozen=True):
    """`devices` and `groups` count what is directly in it.

    Of a group that is only the way to those that I may see, nothing is told but its path: all else is null.
    """

    group: str
    title: str | None
    description: str | None
    devices: int | None
    groups: int | None
    created_at: int | None
    updated_at: int | None
    version: int | None


class GroupsView(msgspec.Struct, frozen=True):
    items: tuple[GroupView, ...]
    cursor: str | None


class GroupOperations:
    def __init__(self, request: Request, groups: Groups, cursors: Cursors) -> None:
        self._request = request
        self._groups = groups
        self._cursors = cursors

    @answers(GroupsView, problems=("not-found",))
    def list_groups(self, parent: Name = None, limit: Limit = 100, cursor: Cursor = None) -> Answer:
        """The groups directly in `parent`, or at the root, by name."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_groups")
        found, more = self._groups.children(who, None if parent is None else parse_group(parent), limit, inner)
        items = tuple(map(_view, found))
        return answer(GroupsView(items, self._cursors.close(more, who, "list_groups")))

    @answers(GroupView, status=201, etag=True, problems=("conflict",))
    def create_group(self, group: Annotated[GroupToCreate, Body()]) -> Answer:
        """Make a group, before or without any device in it."""
        path = parse_group(group.group)
        made = self._groups.create(self._request.actor, path, group.title, group.description)
        return _answer(made, status=201)

    @answers(GroupView, etag=True)
    def show_group(self, group: _Group) -> Answer:
        """A group with what is directly in it, counted."""
        seen = self._groups.show(self._request.who, _path(group))
        return answer(_view(seen), etag=seen.known.version if seen.known else 0)

    @answers(GroupView, etag=True)
    def update_group(self, group: _Group, change: Annotated[GroupPatch, Body()]) -> Answer:
        """Title and description; a group's path is its identity and stays."""
        asked = {name: getattr(change, name) or "" for name in change.model_fields_set}
        made = self._groups.update(self._request.actor, _path(group), GroupChange(**asked), self._request.if_match())
        return _answer(made)

    @answers(None, status=204, problems=("conflict",))
    def delete_group(self, group: _Group) -> Answer:
        """Delete a group in which there is nothing."""
        self._groups.delete(self._request.actor, _path(group), self._request.if_match())
        return nothing()


def _path(text: str) -> str:
    if "/" in text:
        raise RequestError("group", "a group's path with `:` for its `/`", repr(text[:100]))
    return parse_group(text.replace(":", "/"))


def _answer(group: Group, status: int = 200) -> Answer:
    return answer(_view(Visible(group.path, group)), status=status, etag=group.version)


def _view(seen: Visible) -> GroupView:
    known = seen.known
    if known is None:
        return GroupView(seen.path, None, None, None, None, None, None, None)
    return GroupView(
        known.path,
        known.title,
        known.description,
        known.devices,
        known.children,
        known.created_at,
        known.updated_at,
        known.version,
    )
