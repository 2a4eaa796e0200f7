"""The registry, its groups, and what is known of each device."""

from collections.abc import Iterable
from typing import Protocol

from functions.domain.audit import Note
from functions.domain.devices import Device, DeviceFilter, DevicePage
from functions.domain.groups import Group, GroupPage
from functions.domain.presence import Presence
from functions.domain.status import DeviceStatus


class PresenceStore(Protocol):
    """Presence of each device, written by the presence function only."""

    def read(self, thing: str) -> Presence: ...

    def save(self, thing: str, presence: Presence) -> bool:
        """Write it if its revision is still what was read; False when it is not."""
        ...


class SettleLater(Protocol):
    def schedule(self, thing: str, session: str) -> None:
        """Ask for `settle` of this session once the debounce time has passed."""
        ...


class DeviceFinder(Protocol):
    """The part of the registry that tells which devices there are."""

    def find(self, things: Iterable[str]) -> dict[str, Device]:
        """The registered ones among `things`, decommissioned ones too."""
        ...


class DeviceRegistry(DeviceFinder, Protocol):
    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        """Devices in the filter's reach and no other. Costs the same however many there are.

        A page may be short, even empty, and have a cursor: what it reads is bounded. Raises CursorError, and
        RequestError for a filter that no list serves.
        """
        ...

    def save(self, before: Device | None, after: Device, note: Note) -> bool:
        """Make the entry say `after` where it says `before` (None: where there is none), on every list at once.

        The groups that it is in exist from then on. False, and nothing is changed, where it says something else by now.
        """
        ...


class GroupStore(Protocol):
    def find(self, paths: Iterable[str]) -> dict[str, Group]:
        """The groups that exist among `paths`."""
        ...

    def children(self, parent: str | None, limit: int, cursor: str | None) -> GroupPage:
        """Those directly in a group, or at the root, by name. Raises CursorError."""
        ...

    def save(self, before: Group | None, after: Group, note: Note) -> bool:
        """Make title and description those of `after`; groups above it are made where there are none.

        False, and nothing is changed, where its version is not that of `before` (None: where there is one).
        """
        ...

    def delete(self, group: Group, note: Note) -> bool:
        """False, and nothing is changed, where its version is another or something is in it by now."""
        ...


class AgentVersions(Protocol):
    def save(self, thing: str, version: str, at: int) -> None:
        """What its agent said of itself, received `at`; what was received later stands. Raises StateError."""
        ...


class StatusReader(Protocol):
    def statuses(self, things: Iterable[str], *, engine: bool = False) -> dict[str, DeviceStatus]:
        """What is known of each device that was ever heard of: state, presence and quarantine counts in one read.

        What the engine keeps of it (`state.rules`) is there with `engine` only: it is most of the bytes.
        """
        ...
