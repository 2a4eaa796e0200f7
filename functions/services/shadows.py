"""What a device is wanted to be: set by people, carried by its shadow, compared with what it reports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from contract.models import DeviceModel
from functions.domain.access import Permission, Principal
from functions.domain.audit import Actor, Note
from functions.domain.devices import Device
from functions.domain.fences import Fence, Passed
from functions.domain.live import Kind, LiveEvent
from functions.domain.shadows import Shadow, ShadowName, Wish, WishPage, delta, patch_for, told, wished
from functions.errors import ConflictError, ContendedError, PreconditionError, ShadowError
from functions.ports.clock import Clock
from functions.ports.live import LivePublisher
from functions.ports.shadows import Shadows, Wishes
from functions.services.gate import Gate

_READ = {ShadowName.STATE: Permission.STATE_READ, ShadowName.CONFIG: Permission.CONFIG_READ}
_WRITE = {ShadowName.STATE: Permission.STATE_WRITE, ShadowName.CONFIG: Permission.CONFIG_WRITE}


class ShadowDetail(msgspec.Struct, frozen=True):
    """`wish` is None where nobody ever wished anything, `shadow` where neither side ever wrote it."""

    wish: Wish | None
    shadow: Shadow | None


class DeviceShadows:
    def __init__(
        self,
        *,
        gate: Gate,
        wishes: Wishes,
        shadows: Shadows,
        models: Mapping[str, DeviceModel],
        live: LivePublisher,
        clock: Clock,
        attempts: Callable[[], Iterable[int]],
    ) -> None:
        self._gate = gate
        self._wishes = wishes
        self._shadows = shadows
        self._models = models
        self._live = live
        self._clock = clock
        self._attempts = attempts

    def show(self, who: Principal, thing: str, name: ShadowName) -> ShadowDetail:
        """Raises NotFoundError, ForbiddenError, ShadowError."""
        self._gate.device(who, _READ[name], thing)
        return ShadowDetail(self._wishes.current(thing, name), self._shadows.read(thing, name))

    def history(self, who: Principal, thing: str, name: ShadowName, limit: int, cursor: str | None) -> WishPage:
        """Raises NotFoundError, ForbiddenError, CursorError."""
        self._gate.device(who, _READ[name], thing)
        return self._wishes.page(thing, name, limit, cursor)

    def desire(
        self, actor: Actor, thing: str, name: ShadowName, patch: Mapping[str, Any], if_version: int | None
    ) -> ShadowDetail:
        """Merge `patch` into what is desired and tell the shadow. To say the same again tells it again.

        Raises NotFoundError, ForbiddenError, RequestError for what the model does not allow, PreconditionError where
        the wish is no longer of `if_version`, ConflictError for a decommissioned device or one without a model that is
        known here, and ShadowError where the shadow could not be told: the wish is kept, and not marked as sent.
        """
        device = self._gate.device(actor.principal, _WRITE[name], thing)
        wish = self._keep(actor, device, name, patch, if_version)
        if isinstance(wish, Passed):
            raise ShadowError(f"setting {thing}: expected no fence, got one at {wish.order}")
        return self._told(device, name, wish, again=patch)

    def desire_in_turn(
        self, actor: Actor, thing: str, patch: Mapping[str, Any], fences: Mapping[str, Fence]
    ) -> ShadowDetail | Passed:
        """Of the state, each actuator behind a fence of its own: what something has passed before is left out.

        The answer is that where nothing is left. What has passed them itself, at an earlier attempt, is told again.
        """
        name = ShadowName.STATE
        device = self._gate.device(actor.principal, _WRITE[name], thing)
        left = dict(patch)
        while True:
            kept = self._keep(actor, device, name, left, None, [fences[key] for key in left])
            if isinstance(kept, Wish):
                return self._told(device, name, kept, again=left)
            key = next(key for key in left if fences[key].name == kept.name)
            newest = self._wishes.current(thing, name)
            if kept.order == fences[key].order and newest is not None:
                return self._told(device, name, newest, again={} if newest.sent else left)
            del left[key]
            if not left:
                return kept

    def _told(self, device: Device, name: ShadowName, wish: Wish, again: Mapping[str, Any]) -> ShadowDetail:
        shadow = self._tell(device, name, wish, again)
        event = LiveEvent(
            kind=Kind(name.value),
            thing=device.thing,
            group=device.group,
            at=wish.set_at,
            data={**told(shadow), "version": wish.version, "set_by": wish.set_by_name},
        )
        self._live.publish([event])
        return ShadowDetail(msgspec.structs.replace(wish, sent=True), shadow)

    def _keep(
        self,
        actor: Actor,
        device: Device,
        name: ShadowName,
        patch: Mapping[str, Any],
        if_version: int | None,
        fences: Sequence[Fence] = (),
    ) -> Wish | Passed:
        if device.decommissioned:
            raise ConflictError(f"device {device.thing!r} is decommissioned: nothing can be set")
        model = self._model(device)
        for _ in self._attempts():
            before = self._wishes.current(device.thing, name)
            version = before.version if before else 0
            if if_version is not None and if_version != version:
                raise PreconditionError(f"If-Match: expected the version {version} as of now, got {if_version}")
            held = before.values if before else {}
            values = wished(name, model, held, patch)
            if before is not None and values == held and not fences:
                return before
            now = self._clock.now_ms()
            wish = Wish(
                version=version + 1,
                values=values,
                set_by=actor.principal.id,
                set_by_name=actor.principal.name,
                set_at=now,
            )
            changed = {key for key in {*held, *values} if held.get(key) != values.get(key)}
            note = Note(
                actor=actor,
                action=f"{name.value}.desire",
                subject_kind="device",
                subject_id=device.thing,
                at=now,
                before={key: held[key] for key in sorted(changed) if key in held},
                after={key: values[key] for key in sorted(changed) if key in values},
            )
            kept = self._wishes.save(device.thing, name, wish, note, fences)
            if isinstance(kept, Passed):
                return kept
            if kept:
                return wish
        raise ContendedError("what is desired of this device is being changed by others; try again")

    def _tell(self, device: Device, name: ShadowName, wish: Wish, again: Mapping[str, Any]) -> Shadow:
        """The shadow's desired values become those of the newest wish, whatever was there.

        Those that are named `again` are written also where they stand, if the device says otherwise: it acts upon each
        telling once, and may have been moved by a command since, or have started anew.
        """
        for _ in self._attempts():
            shadow = self._shadows.read(device.thing, name)
            newest = self._wishes.current(device.thing, name) or wish
            if shadow is None:
                # It is made empty: whoever else makes it at this moment is not seen, and must not be overwritten.
                self._shadows.update(device.thing, name, {}, 0)
                continue
            after: Shadow | None = shadow
            differing = delta(newest.values, shadow.reported)
            repeated = {key: newest.values[key] for key in again if key in differing}
            patch = {**repeated, **patch_for(shadow.desired, newest.values)}
            if patch:
                after = self._shadows.update(device.thing, name, patch, shadow.version)
            if after is not None:
                self._wishes.mark_sent(device.thing, name, newest.version)
                return after
        raise ShadowError(f"the shadow {name} of {device.thing} was changed by others at every attempt")

    def _model(self, device: Device) -> DeviceModel:
        model = self._models.get(device.model)
        if model is None:
            raise ConflictError(f"the model {device.model!r} of this device is not known, so nothing can be set")
        return model
