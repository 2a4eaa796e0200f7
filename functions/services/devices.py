"""Changes of devices through the API: each with its audit, on every list at once, and told to who watches."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from contract.models import DeviceModel
from functions.domain.access import Permission, Target, demand
from functions.domain.audit import Actor, Note
from functions.domain.devices import Device, Source, parse_tags, parse_text
from functions.domain.live import Kind, LiveEvent
from functions.errors import ConflictError, PreconditionError, RegistryError, RequestError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceRegistry
from functions.ports.live import LivePublisher
from functions.services.gate import Gate
from functions.services.waking import Waking


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    thing: str
    name: str
    model: str
    group: str
    tags: Mapping[str, str] = {}


class DeviceChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is None stays; a tag of None goes, other tags than those named stay."""

    name: str | None = None
    group: str | None = None
    tags: Mapping[str, str | None] | None = None


class Devices:
    """`attempts()` bounds how often a change is made anew because of another one at the same moment. `retire` takes
    from a device what it connects with.
    """

    def __init__(
        self,
        *,
        registry: DeviceRegistry,
        gate: Gate,
        models: Mapping[str, DeviceModel],
        live: LivePublisher,
        waking: Waking,
        retire: Callable[[Actor, str], None],
        clock: Clock,
        attempts: Callable[[], Iterable[int]],
    ) -> None:
        self._registry = registry
        self._gate = gate
        self._models = models
        self._live = live
        self._waking = waking
        self._retire = retire
        self._clock = clock
        self._attempts = attempts

    def create(self, actor: Actor, wanted: NewDevice) -> Device:
        """Also brings a decommissioned one back, as it is now described, with its history.

        Raises ForbiddenError where the group is not in the caller's reach, ConflictError where the name is taken,
        RequestError.
        """
        name, tags = parse_text("name", wanted.name), parse_tags(wanted.tags)
        if wanted.model not in self._models:
            raise RequestError("model", f"one of {', '.join(sorted(self._models))}", repr(wanted.model[:100]))
        demand(actor.principal, Permission.DEVICES_CREATE, Target(group=wanted.group))
        now = self._clock.now_ms()
        known = self._registry.find([wanted.thing]).get(wanted.thing)
        # It comes back with its history: for whoever could not have put it where it was, the name is taken.
        if known is not None and not (
            known.decommissioned and actor.principal.may(Permission.DEVICES_CREATE, Target(group=known.group))
        ):
            raise _taken(wanted.thing)
        after = Device(
            thing=wanted.thing,
            name=name,
            model=wanted.model,
            group=wanted.group,
            tags=tags,
            source=Source.API,
            created_at=now if known is None else known.created_at,
            updated_at=now,
            version=1 if known is None else known.version + 1,
        )
        self._waking.before_change(after.thing)
        if not self._registry.save(known, after, note_of(actor, "device.create", known, after)):
            raise _taken(wanted.thing)
        self._tell(after)
        return after

    def update(self, actor: Actor, thing: str, change: DeviceChange, version: int | None) -> Device:
        """The device after the change. `version` is the one that the change is meant for.

        Raises NotFoundError, ForbiddenError, ConflictError where the fleet file has the say, PreconditionError where
        the version is another by now, RequestError.
        """
        for _ in self._attempts():
            known = self._active(actor, Permission.DEVICES_UPDATE, thing)
            if version not in {None, known.version}:
                raise PreconditionError(f"device {thing!r} was changed meanwhile: it is at version {known.version}")
            after = _changed(known, change)
            if after.group != known.group:
                if known.source is Source.FLEET:
                    raise ConflictError(
                        f"device {thing!r} is declared in the deployment's fleet file, which says its group; "
                        "change it there and deploy (name and tags may be changed here)"
                    )
                demand(actor.principal, Permission.DEVICES_UPDATE, Target(group=after.group))
            if after == known:
                return known
            after = msgspec.structs.replace(after, updated_at=self._clock.now_ms(), version=known.version + 1)
            self._waking.before_change(thing)
            if self._registry.save(known, after, note_of(actor, "device.update", known, after)):
                self._tell(after, moved_from=known.group)
                return after
        raise RegistryError(f"the entry of {thing} was changed by others at every attempt")

    def decommission(self, actor: Actor, thing: str, version: int | None) -> None:
        """Off all lists, and it connects no more; its history stays. Repeating it only does what failed before.

        Raises as `update` does, and CertificatesError where it is off the lists and could still connect.
        """
        for _ in self._attempts():
            known = self._gate.device(actor.principal, Permission.DEVICES_DECOMMISSION, thing)
            if known.decommissioned:
                self._retire(actor, thing)
                return
            if version not in {None, known.version}:
                raise PreconditionError(f"device {thing!r} was changed meanwhile: it is at version {known.version}")
            if known.source is Source.FLEET:
                raise ConflictError(
                    f"device {thing!r} is declared in the deployment's fleet file: remove it there and deploy"
                )
            after = msgspec.structs.replace(
                known, decommissioned=True, updated_at=self._clock.now_ms(), version=known.version + 1
            )
            self._waking.before_change(thing)
            if self._registry.save(known, after, note_of(actor, "device.decommission", known, after)):
                self._tell(after)
                self._retire(actor, thing)
                return
        raise RegistryError(f"the entry of {thing} was changed by others at every attempt")

    def _active(self, actor: Actor, permission: Permission, thing: str) -> Device:
        known = self._gate.device(actor.principal, permission, thing)
        if known.decommissioned:
            raise ConflictError(f"device {thing!r} is decommissioned: create it again to change it")
        return known

    def _tell(self, device: Device, moved_from: str | None = None) -> None:
        if moved_from not in {None, device.group}:
            # Who watches the group that it left hears that, and not where it went: he may not see that group. A moment
            # earlier, so that for who watches both the other event stands.
            left = {"version": device.version, "left": True}
            self._live.publish([LiveEvent(Kind.DEVICE, device.thing, moved_from, device.updated_at - 1, left)])
        told_of = {"version": device.version, "decommissioned": device.decommissioned, **(told(device) or {})}
        self._live.publish([LiveEvent(Kind.DEVICE, device.thing, device.group, device.updated_at, told_of)])


def note_of(actor: Actor, action: str, before: Device | None, after: Device) -> Note:
    return Note(
        actor=actor,
        action=action,
        subject_kind="device",
        subject_id=after.thing,
        at=after.updated_at,
        before=told(before),
        after=told(after),
    )


def told(device: Device | None) -> dict[str, Any] | None:
    """What audit and watchers are told of a device."""
    if device is None or device.decommissioned:
        return None
    return {
        "name": device.name,
        "model": device.model,
        "group": device.group,
        "tags": dict(device.tags),
        "source": device.source.value,
    }


def _changed(device: Device, change: DeviceChange) -> Device:
    tags = {**device.tags, **(change.tags or {})}
    kept = {key: value for key, value in tags.items() if value is not None}
    return msgspec.structs.replace(
        device,
        name=device.name if change.name is None else parse_text("name", change.name),
        group=device.group if change.group is None else change.group,
        tags=device.tags if change.tags is None else parse_tags(kept),
    )


def _taken(thing: str) -> ConflictError:
    return ConflictError(f"the name {thing!r} is taken")
