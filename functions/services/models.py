"""Device models as people change them: a stored version takes the place of the one that is shipped."""

from hashlib import blake2b
from typing import Any

import msgspec

from contract import models
from contract.errors import ModelError, shown
from contract.models import DeviceModel
from functions.domain.access import Permission, Reach, Target, demand
from functions.domain.alarm_work import Refresh
from functions.domain.audit import Actor, Note
from functions.domain.definitions import MAX_MODEL_BYTES, Definition, Version
from functions.domain.devices import DeviceFilter
from functions.domain.rule_checks import broken_by
from functions.domain.rules import model_of
from functions.errors import (
    ConflictError,
    NotFoundError,
    PreconditionError,
    PreconditionRequiredError,
    RequestError,
)
from functions.ports.alarms import AlarmsQueue
from functions.ports.clock import Clock
from functions.ports.devices import DeviceRegistry
from functions.ports.rules import RuleStore
from functions.services.rulebook import Rulebook
from functions.services.rules import WAKE_AFTER_S

_NAMED = 10
"""Of what stands in the way."""


class CurrentModel(msgspec.Struct, frozen=True):
    """A model as it stands; one that is shipped has no definition."""

    model: DeviceModel
    definition: Definition | None

    @property
    def text(self) -> bytes:
        return models.encode(self.model)

    @property
    def tag(self) -> int:
        """Another number for another content, be it of another release."""
        return int.from_bytes(blake2b(self.text, digest_size=6).digest(), "big")


class DeviceModels:
    def __init__(
        self, *, store: RuleStore, rulebook: Rulebook, registry: DeviceRegistry, queue: AlarmsQueue, clock: Clock
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._registry = registry
        self._queue = queue
        self._clock = clock

    def listed(self) -> tuple[CurrentModel, ...]:
        """By name."""
        snapshot = self._rulebook.snapshot(consistent=True)
        return tuple(CurrentModel(snapshot.models[name], snapshot.stored.get(name)) for name in sorted(snapshot.models))

    def show(self, name: str) -> CurrentModel:
        """Raises NotFoundError."""
        known = self._current(name)
        if known is None:
            raise _missing(name)
        return known

    def versions(self, name: str, limit: int, cursor: str | None) -> tuple[tuple[Version, ...], str | None]:
        """Those that were stored, newest first. Raises NotFoundError, CursorError."""
        page = self._store.models.versions(name, limit, cursor)
        if not page.versions and self._current(name) is None:
            raise _missing(name)
        return page.versions, page.cursor

    def save(self, actor: Actor, name: str, text: bytes, tag: int | None, *, force: bool = False) -> CurrentModel:
        """Makes a model, or the next version of one that there is, which `tag` then has to name.

        Raises RequestError, PreconditionRequiredError, PreconditionError, and ConflictError where rules are installed
        that it would break, unless it is to be done by `force`.
        """
        demand(actor.principal, Permission.MODELS_WRITE, Target())
        model = _read(name, text)
        known = self._current(name)
        _check_tag(name, known, tag)
        if known is not None and known.model == model:
            return known
        if not force:
            self._check_rules(model, known)
        before = None if known is None else known.definition
        now = self._clock.now_ms()
        after = Definition(
            id=name,
            text=models.encode(model).decode(),
            version=(self._store.models.newest(name) if before is None else before.version) + 1,
            created_at=now if before is None else before.created_at,
            updated_at=now,
            by=actor.principal.by,
        )
        self._wake(name)
        note = _note(actor, "model.create" if known is None else "model.update", name, known, model, now)
        if not self._store.models.save(before, after, note):
            raise PreconditionError(f"model {name!r} was changed at this very moment by somebody else")
        return CurrentModel(model, after)

    def delete(self, actor: Actor, name: str, tag: int | None, *, force: bool = False) -> None:
        """The shipped model of that name, if there is one, stands again.

        Raises NotFoundError, PreconditionError, and ConflictError for a model as it is shipped, or where rules or
        devices would be without their model, unless it is to be done by `force`.
        """
        demand(actor.principal, Permission.MODELS_WRITE, Target())
        known = self.show(name)
        if known.definition is None:
            raise ConflictError(f"model {name!r} comes with this release: it can be replaced, but not deleted")
        if tag is not None:
            _check_tag(name, known, tag)
        shipped = models.shipped().get(name)
        if not force:
            if shipped is not None:
                self._check_rules(shipped, known)
            else:
                self._check_use(name)
        self._wake(name)
        note = _note(actor, "model.delete", name, known, shipped, self._clock.now_ms())
        if not self._store.models.delete(known.definition, note):
            raise PreconditionError(f"model {name!r} was changed at this very moment by somebody else")

    def _current(self, name: str) -> CurrentModel | None:
        stored = self._store.models.find(name)
        if stored is not None:
            try:
                return CurrentModel(model_of(stored.text), stored)
            except ModelError as exc:
                raise ConflictError(
                    f"model {name!r} was stored by another release, which this one cannot read"
                ) from exc
        shipped = models.shipped().get(name)
        return None if shipped is None else CurrentModel(shipped, None)

    def _check_rules(self, model: DeviceModel, known: CurrentModel | None) -> None:
        snapshot = self._rulebook.snapshot(consistent=True)
        rules = [rule for one in snapshot.rules.values() if (rule := snapshot.read(one)) is not None]
        others = [one for one in snapshot.models.values() if one.name != model.name]
        broken = broken_by(model, None if known is None else known.model, rules, others)
        if broken:
            named = "; ".join(f"{rule}: {why}" for rule, why in broken[:_NAMED])
            more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
            raise ConflictError(f"{len(broken)} installed rules would be broken, unless forced: {named}{more}")

    def _check_use(self, name: str) -> None:
        snapshot = self._rulebook.snapshot(consistent=True)
        scope = f"model:{name}"
        rules = [one.id for one in snapshot.rules.values() if (rule := snapshot.read(one)) and rule.scope == scope]
        if rules:
            raise ConflictError(
                f"rules are installed for the model {name!r}, unless forced: {', '.join(rules[:_NAMED])}"
            )
        page = self._registry.page(DeviceFilter(reach=Reach(everything=True), model=name), 1, None)
        if page.devices:
            raise ConflictError(f"there are devices of the model {name!r}, unless forced: {page.devices[0].thing}")

    def _wake(self, name: str) -> None:
        """Before the change is made, as with rules."""
        self._queue.put(Refresh(scope=f"model:{name}", reason=f"model {name}"), delay_s=WAKE_AFTER_S)


def _read(name: str, text: bytes) -> DeviceModel:
    if len(text) > MAX_MODEL_BYTES:
        raise RequestError("body", f"a model of at most {MAX_MODEL_BYTES} bytes", f"{len(text)} bytes")
    try:
        model = models.decode(text)
    except ModelError as exc:
        raise RequestError(exc.field or "body", exc.expected, exc.got) from exc
    if model.name != name:
        raise RequestError("fieldline:name", f"{name}, as the path says", shown(model.name))
    return model


def _check_tag(name: str, known: CurrentModel | None, tag: int | None) -> None:
    if known is None:
        if tag is not None:
            raise PreconditionError(f"there is no model {name!r} to replace")
    elif tag is None:
        raise PreconditionRequiredError("If-Match: expected the ETag of the model that is to be replaced, got nothing")
    elif tag != known.tag:
        raise PreconditionError(f"model {name!r} was changed meanwhile: its ETag is {known.tag}")


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"there is no model {name!r}")


def _note(
    actor: Actor, action: str, name: str, before: CurrentModel | None, after: DeviceModel | None, now: int
) -> Note:
    def told(model: DeviceModel | None) -> dict[str, Any] | None:
        return None if model is None else msgspec.json.decode(models.encode(model))

    return Note(
        actor=actor,
        action=action,
        subject_kind="model",
        subject_id=name,
        at=now,
        before=told(before.model if before else None),
        after=told(after),
    )
