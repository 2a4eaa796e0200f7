"""Rules as people install them: in versions, each change with its audit, over scopes that they may see and change."""

from typing import Any, Final

import msgspec

from contract.errors import RuleError, shown
from contract.rules import Rule, read_rule, to_document
from functions.domain.access import Permission, Principal, demand
from functions.domain.alarm_work import Refresh
from functions.domain.audit import Actor, Note
from functions.domain.cursors import seal, unseal
from functions.domain.definitions import (
    MAX_ORIGIN_CHARS,
    MAX_RULE_BYTES,
    Definition,
    Version,
)
from functions.domain.devices import parse_text
from functions.domain.rule_checks import Remark, remarks
from functions.domain.rules import head_of, rule_of
from functions.errors import (
    ConflictError,
    InvalidDocumentError,
    NotFoundError,
    PreconditionError,
    PreconditionRequiredError,
    RequestError,
)
from functions.ports.alarms import AlarmsQueue
from functions.ports.clock import Clock
from functions.ports.deliveries import RecipientStore
from functions.ports.devices import DeviceFinder
from functions.ports.rules import RuleStore
from functions.services.rule_remarks import Remarks, place_of
from functions.services.rule_sight import Sight
from functions.services.rulebook import Rulebook, Snapshot

WAKE_AFTER_S: Final = 15
"""Later than a change that is being made is made, and seen by every function."""
_SCANNED = 500
"""Rules that one page of somebody who may not see all looks at."""
_AT_ONCE = 100


class InstalledRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it stands. A default of a model has no definition, and the model's version."""

    rule: Rule
    version: int
    definition: Definition | None
    remarks: tuple[Remark, ...] = ()


class RuleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is None asks for nothing. `defaults`: also the rules that models bring along."""

    scope: str | None = None
    origin: str | None = None
    defaults: bool = True


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it would be installed; or why it cannot be, as field, expected and got."""

    rule: Rule | None
    problems: tuple[tuple[str, str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()


class Rules:
    def __init__(
        self,
        *,
        store: RuleStore,
        rulebook: Rulebook,
        registry: DeviceFinder,
        recipients: RecipientStore,
        queue: AlarmsQueue,
        clock: Clock,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._registry = registry
        self._remarks = Remarks(rulebook, registry, recipients)
        self._queue = queue
        self._clock = clock

    def listed(
        self, who: Principal, wanted: RuleFilter, limit: int, cursor: str | None
    ) -> tuple[tuple[InstalledRule, ...], str | None]:
        """By id, those of scopes that concern something he may see. A page may be short and have a cursor."""
        question = ("rules", wanted.scope, wanted.origin, wanted.defaults)
        after = "" if cursor is None else str(unseal(cursor, question, (str,))[0])
        snapshot = self._rulebook.snapshot(consistent=True)
        left = [one for one in _everything(snapshot, wanted) if one.rule.id > after]
        found: list[InstalledRule] = []
        sight = Sight(who, self._registry)
        for at in range(0, min(len(left), _SCANNED), _AT_ONCE):
            some = left[at : at + _AT_ONCE]
            sight.look_up(one.rule.scope for one in some)
            for one in some:
                if sight.sees(one.rule.scope):
                    if len(found) == limit:
                        return tuple(found), seal(question, (found[-1].rule.id,))
                    found.append(one)
        more = len(left) > _SCANNED
        return tuple(found), seal(question, (left[_SCANNED - 1].rule.id,)) if more else None

    def show(self, who: Principal, id: str) -> InstalledRule:  # noqa: A002 - its name everywhere
        """Raises NotFoundError also for one of a scope that does not concern him."""
        definition = self._store.rules.find(id)
        if definition is None:
            return self._default(id)
        self._see(who, id, head_of(definition).scope)
        return self._installed(who, definition)

    def versions(
        self,
        who: Principal,
        id: str,  # noqa: A002
        limit: int,
        cursor: str | None,
    ) -> tuple[tuple[Version, ...], str | None]:
        """Newest first, also of a rule that was deleted, to whoever may see every scope that it had."""
        page = self._store.rules.versions(id, limit, cursor)
        if not page.versions:
            self._default(id)
            return (), None
        sight = Sight(who, self._registry)
        scopes = {_scope_of(one.text) for one in page.versions if one.text is not None}
        sight.look_up(scopes)
        visible = tuple(one for one in page.versions if one.text is None or sight.sees(_scope_of(one.text)))
        if not any(one.text is not None for one in visible) and cursor is None:
            raise missing(id)
        return visible, page.cursor

    def validate(self, who: Principal, document: Any) -> Checked:
        """What would become of it; nothing is kept. Of a device that he may not see nothing is said."""
        try:
            rule = self.read(document)
        except InvalidDocumentError as exc:
            return Checked(rule=None, problems=exc.problems)
        sight = Sight(who, self._registry)
        sight.look_up([rule.scope])
        return Checked(
            rule=rule,
            remarks=self._remarks.of(who, rule) if sight.sees(rule.scope) else remarks(rule, self._rulebook.models),
        )

    def create(self, actor: Actor, document: Any, origin: str | None) -> InstalledRule:
        """Raises ForbiddenError where its scope is not in the caller's reach, ConflictError, InvalidDocumentError."""
        rule = self.read(document)
        self._demand(actor, rule.scope)
        if self._store.rules.find(rule.id) is not None:
            raise _taken(rule.id)
        now = self._clock.now_ms()
        after = Definition(
            id=rule.id,
            text=_text(rule),
            version=self._store.rules.newest(rule.id) + 1,
            created_at=now,
            updated_at=now,
            by=actor.principal.by,
            origin=_origin(origin),
        )
        self._wake(rule.id, rule.scope)
        if not self._store.rules.save(None, after, _note(actor, "rule.create", rule.id, None, after, now)):
            raise _taken(rule.id)
        return self._installed(actor.principal, after)

    def replace(
        self,
        actor: Actor,
        id: str,  # noqa: A002
        document: Any,
        origin: str | None,
        version: int | None,
    ) -> InstalledRule:
        """`origin` None leaves it with the files that it came from. The same document again changes nothing.

        Raises NotFoundError, ForbiddenError over the scope that it has or is to have, PreconditionRequiredError,
        PreconditionError, InvalidDocumentError.
        """
        known = self._writable(actor, id)
        if version is None:
            raise PreconditionRequiredError(
                "If-Match: expected the ETag of the rule that is to be replaced, got nothing"
            )
        if version != known.version:
            raise PreconditionError(f"rule {id!r} was changed meanwhile: it is at version {known.version}")
        rule = self.read(document)
        if rule.id != id:
            raise RequestError("rule", f"{id}, as the path says", shown(rule.id))
        self._demand(actor, rule.scope)
        now = self._clock.now_ms()
        after = msgspec.structs.replace(
            known, text=_text(rule), origin=known.origin if origin is None else _origin(origin)
        )
        if after == known:
            return self._installed(actor.principal, known)
        after = msgspec.structs.replace(after, version=known.version + 1, updated_at=now, by=actor.principal.by)
        self._wake(id, head_of(known).scope, rule.scope)
        if not self._store.rules.save(known, after, _note(actor, "rule.update", id, known, after, now)):
            raise PreconditionError(f"rule {id!r} was changed at this very moment by somebody else")
        return self._installed(actor.principal, after)

    def delete(self, actor: Actor, id: str, version: int | None) -> None:  # noqa: A002
        """Its alarms are cleared. Raises as `replace` does."""
        known = self._writable(actor, id)
        if version not in {None, known.version}:
            raise PreconditionError(f"rule {id!r} was changed meanwhile: it is at version {known.version}")
        self._wake(id, head_of(known).scope)
        note = _note(actor, "rule.delete", id, known, None, self._clock.now_ms())
        if not self._store.rules.delete(known, note):
            raise PreconditionError(f"rule {id!r} was changed at this very moment by somebody else")

    def read(self, document: Any) -> Rule:
        """Raises InvalidDocumentError with everything that is wrong."""
        try:
            rule = read_rule(document)
            kind, _, name = rule.scope.partition(":")
            if kind == "model":
                models = self._rulebook.models
                if name not in models:
                    problem = ("scope", f"`model:` and one of {', '.join(sorted(models))}", shown(rule.scope))
                    raise InvalidDocumentError([problem])
                read_rule(document, models[name])
        except RuleError as exc:
            raise InvalidDocumentError(exc.problems) from exc
        size = len(_text(rule))
        if size > MAX_RULE_BYTES:
            raise InvalidDocumentError([("", f"a rule of at most {MAX_RULE_BYTES} bytes as JSON", f"{size} bytes")])
        return rule

    def _installed(self, who: Principal, definition: Definition) -> InstalledRule:
        rule = rule_of(definition.text)
        said = self._remarks.of(who, rule)
        return InstalledRule(rule=rule, version=definition.version, definition=definition, remarks=said)

    def _default(self, id: str) -> InstalledRule:  # noqa: A002
        snapshot = self._rulebook.snapshot()
        model, _, _ = id.partition(":")
        if model in snapshot.models:
            for rule in snapshot.defaults(model):
                if rule.id == id:
                    return InstalledRule(rule=rule, version=snapshot.version_of(model), definition=None)
        raise missing(id)

    def _writable(self, actor: Actor, id: str) -> Definition:  # noqa: A002
        known = self._store.rules.find(id)
        if known is None:
            self._default(id)
            raise ConflictError(f"rule {id!r} comes with its model: create a rule of this id, which then stands for it")
        scope = head_of(known).scope
        self._see(actor.principal, id, scope)
        self._demand(actor, scope)
        return known

    def _see(self, who: Principal, id: str, scope: str) -> None:  # noqa: A002
        sight = Sight(who, self._registry)
        sight.look_up([scope])
        if not sight.sees(scope):
            raise missing(id)

    def _demand(self, actor: Actor, scope: str) -> None:
        demand(actor.principal, Permission.RULES_WRITE, place_of(scope, self._registry))

    def _wake(self, id: str, *scopes: str) -> None:  # noqa: A002
        """Before the change is made: of a change that nobody hears of, silent devices would never learn."""
        work = [Refresh(scope=scope, reason=f"rule {id}") for scope in dict.fromkeys(scopes)]
        self._queue.put(*work, delay_s=WAKE_AFTER_S)


def missing(id: str) -> NotFoundError:  # noqa: A002
    return NotFoundError(f"there is no rule {id!r}, or you may not see it")


def _everything(snapshot: Snapshot, wanted: RuleFilter) -> list[InstalledRule]:
    found = [
        InstalledRule(rule=rule, version=one.version, definition=one)
        for one in snapshot.rules.values()
        if wanted.origin in {None, one.origin} and (rule := snapshot.read(one)) is not None
    ]
    if wanted.defaults and wanted.origin is None:
        for model in snapshot.models:
            found += [
                InstalledRule(rule=rule, version=snapshot.version_of(model), definition=None)
                for rule in snapshot.defaults(model)
                if rule.id not in snapshot.rules
            ]
    if wanted.scope is not None:
        found = [one for one in found if one.rule.scope == wanted.scope]
    return sorted(found, key=lambda one: one.rule.id)


def _scope_of(text: str) -> str:
    document: dict[str, Any] = msgspec.json.decode(text)
    return str(document["scope"])


def _text(rule: Rule) -> str:
    return msgspec.json.encode(to_document(rule)).decode()


def _origin(origin: str | None) -> str | None:
    return None if origin is None else parse_text("origin", origin, MAX_ORIGIN_CHARS)


def _taken(id: str) -> ConflictError:  # noqa: A002
    return ConflictError(f"there is a rule {id!r} already")


def _note(
    actor: Actor,
    action: str,
    id: str,  # noqa: A002
    before: Definition | None,
    after: Definition | None,
    now: int,
) -> Note:
    def told(one: Definition | None) -> dict[str, Any] | None:
        if one is None:
            return None
        document: dict[str, Any] = msgspec.json.decode(one.text)
        return {**document, "version": one.version, "origin": one.origin}

    return Note(
        actor=actor,
        action=action,
        subject_kind="rule",
        subject_id=id,
        at=now,
        before=told(before),
        after=told(after),
    )
