"""Devices and groups in memory, as the core table keeps them."""

from collections.abc import Iterable

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.access import lineage
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device, DeviceFilter, DevicePage, Source
from functions.domain.groups import Group, GroupPage, parent_of
from functions.domain.presence import Status
from functions.ports.devices import StatusReader


class MemoryRegistry:
    """`statuses` is what the status filter reads; without it nothing was ever heard."""

    def __init__(self, statuses: StatusReader | None = None, journal: MemoryJournal | None = None) -> None:
        self.devices: dict[str, Device] = {}
        self.titles: dict[str, Group] = {}
        self.journal = journal or MemoryJournal()
        self._statuses = statuses

    def find(self, things: Iterable[str]) -> dict[str, Device]:
        return {thing: self.devices[thing] for thing in things if thing in self.devices}

    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        after = None if cursor is None else str(unseal(cursor, wanted.question, (str,))[0])
        _ = wanted.path  # refuses what no list serves
        found = sorted(
            (
                (wanted.key(device), device)
                for device in self.devices.values()
                if wanted.matches(device) and wanted.status in {None, self._status(device.thing)}
            ),
            key=lambda pair: pair[0],
            reverse=wanted.descending,
        )
        left = [pair for pair in found if after is None or (pair[0] < after if wanted.descending else pair[0] > after)]
        page = left[:limit]
        more = len(left) > limit
        return DevicePage(tuple(device for _, device in page), seal(wanted.question, (page[-1][0],)) if more else None)

    def save(self, before: Device | None, after: Device, note: Note) -> bool:
        if self.devices.get(after.thing) != before:
            return False
        self.put(after)
        self.journal.append(note)
        return True

    def put(self, device: Device) -> None:
        """Make the entry say this, whatever it said: for what only needs a device to be there."""
        self.devices[device.thing] = device
        if not device.decommissioned:
            self.make_groups(device.group, device.updated_at)

    def register(self, thing: str, name: str, model: str, group: str, source: Source, now: int) -> None:
        self.put(
            Device(
                thing=thing,
                name=name,
                model=model,
                group=group,
                source=source,
                created_at=now,
                updated_at=now,
                version=1,
            )
        )

    def make_groups(self, path: str, now: int) -> None:
        for one in lineage(path):
            self.titles.setdefault(one, Group(path=one, created_at=now, updated_at=now))

    def _status(self, thing: str) -> Status:
        known = self._statuses.statuses([thing]).get(thing) if self._statuses is not None else None
        return Status.UNKNOWN if known is None else known.presence.status


class MemoryGroups:
    """The groups of a registry; their counts are counted."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry

    def find(self, paths: Iterable[str]) -> dict[str, Group]:
        return {path: self._counted(path) for path in paths if path in self._registry.titles}

    def children(self, parent: str | None, limit: int, cursor: str | None) -> GroupPage:
        question = ("groups", parent)
        after = "" if cursor is None else str(unseal(cursor, question, (str,))[0])
        left = sorted(path for path in self._registry.titles if parent_of(path) == parent and path > after)
        more = len(left) > limit
        page = tuple(self._counted(path) for path in left[:limit])
        return GroupPage(page, seal(question, (page[-1].path,)) if more else None)

    def save(self, before: Group | None, after: Group, note: Note) -> bool:
        known = self._registry.titles.get(after.path)
        if (None if known is None else known.version) != (None if before is None else before.version):
            return False
        if known is None:
            self._registry.make_groups(after.path, after.updated_at)
        self._registry.titles[after.path] = msgspec.structs.replace(after, devices=0, children=0)
        self._registry.journal.append(note)
        return True

    def delete(self, group: Group, note: Note) -> bool:
        known = self.find([group.path]).get(group.path)
        if known is None or known.version != group.version or not known.empty:
            return False
        del self._registry.titles[group.path]
        self._registry.journal.append(note)
        return True

    def _counted(self, path: str) -> Group:
        devices = [one for one in self._registry.devices.values() if one.group == path and not one.decommissioned]
        children = [one for one in self._registry.titles if parent_of(one) == path]
        return msgspec.structs.replace(self._registry.titles[path], devices=len(devices), children=len(children))
