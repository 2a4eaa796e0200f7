"""The tree of groups. A group is there as long as a device or another group is in it, or until somebody deletes it."""

from typing import Final

import msgspec

from functions.domain.access import Reach, lineage
from functions.domain.devices import inside

MAX_DESCRIPTION_CHARS: Final = 1000


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """`devices` and `children` count what is in it directly. `version` counts changes of title and description."""

    path: str
    title: str = ""
    description: str = ""
    devices: int = 0
    children: int = 0
    created_at: int = 0
    updated_at: int = 0
    version: int = 1

    @property
    def empty(self) -> bool:
        return not (self.devices or self.children)


class GroupPage(msgspec.Struct, frozen=True):
    """By name."""

    groups: tuple[Group, ...]
    cursor: str | None


class Visible(msgspec.Struct, frozen=True):
    """A group as somebody sees it: one that only leads to those in his reach is a name without `known`."""

    path: str
    known: Group | None


def parent_of(path: str) -> str | None:
    """The group that a group is in, None for one at the root."""
    return path.rpartition("/")[0] or None


def leads(reach: Reach, path: str | None) -> bool:
    """Whether a group, or the root, is on the way to one in reach without being in reach itself."""
    return not reach.everything and any(path is None or (inside(one, path) and one != path) for one in reach.groups)


def in_reach(reach: Reach, path: str) -> bool:
    return reach.covers(None, path)


def steps(reach: Reach, parent: str | None) -> tuple[str, ...]:
    """The children of a group that leads to groups in reach, as far as they do, by name."""
    depth = 0 if parent is None else len(lineage(parent))
    below = [one for one in reach.groups if parent is None or (inside(one, parent) and one != parent)]
    return tuple(sorted({lineage(one)[depth] for one in below}))
