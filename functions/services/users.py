"""People: invited, disabled, deleted. What refuses them is stored first, what lets them in last."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from functions.domain.access import Grant, Kind, Permission, Target, demand
from functions.domain.audit import Actor, Note
from functions.domain.grants import Holder, grant_set, user_id
from functions.domain.people import PeoplePage, Person, UserStatus
from functions.errors import ConflictError, ForbiddenError, FunctionsError, NotFoundError, PreconditionError
from functions.ports.clock import Clock
from functions.ports.logs import Journal
from functions.ports.people import Directory, Principals
from functions.services.grants import Grants, shown
from functions.services.whois import WhoIs

FORGET_AFTER_MS = 86_400_000
"""How long a deleted person's tokens are refused by name; none of them lives that long."""


class User(NamedTuple):
    """A person with what is stored of his rights."""

    person: Person
    holder: Holder

    @property
    def enabled(self) -> bool:
        return self.person.enabled and not self.holder.disabled


class Users:
    def __init__(
        self,
        principals: Principals,
        directory: Directory,
        journal: Journal,
        grants: Grants,
        whois: WhoIs,
        clock: Clock,
    ) -> None:
        self._principals = principals
        self._directory = directory
        self._journal = journal
        self._grants = grants
        self._whois = whois
        self._clock = clock

    def page(self, beginning: str, limit: int, cursor: str | None) -> PeoplePage:
        return self._directory.page(beginning, limit, cursor)

    def show(self, sub: str) -> User:
        person = self._directory.find(sub)
        holder = self._principals.find(user_id(sub))
        if person is None or (holder is not None and holder.forget_at is not None):
            raise NotFoundError("there is no such user")
        return User(person, holder or Holder(id=user_id(sub), kind=Kind.USER, name=person.email))

    def invite(self, actor: Actor, email: str, grants: Sequence[Grant]) -> User:
        """Raises ConflictError where somebody has this address."""
        held = grant_set(grants)
        rest_on = self._by_a_person(actor)
        with self._noted(self._note(actor, "user.invite", email, after=shown(held))):
            person = self._directory.invite(email)
        before = Holder(id=user_id(person.id), kind=Kind.USER, name=person.email)
        note = self._note(actor, "user.create", person.id, after={"email": email, **shown(held)})
        return User(person, self._grants.save(before, msgspec.structs.replace(before, grants=held), note, rest_on))

    def set_enabled(self, actor: Actor, sub: str, version: int | None, *, enabled: bool) -> User:
        """Raises ConflictError for the last administrator, PreconditionError where `version` is not what stands."""
        rest_on = self._by_a_person(actor)
        user = self.show(sub)
        before = user.holder
        _check_version(before, version)
        note = self._note(
            actor,
            "user.enable" if enabled else "user.disable",
            sub,
            before={"enabled": user.enabled},
            after={"enabled": enabled},
        )
        after = msgspec.structs.replace(before, disabled=not enabled)
        if after != before:
            after = self._save(before, after, note, rest_on, version)
        elif user.person.enabled != enabled:
            # Somebody else changed the directory, or it failed the last time.
            self._journal.record(note)
        else:
            return user
        with self._failing(note):
            if enabled:
                self._directory.enable(sub)
            else:
                self._directory.disable(sub)
        return User(msgspec.structs.replace(user.person, enabled=enabled), after)

    def delete(self, actor: Actor, sub: str, version: int | None) -> None:
        """Raises ConflictError for the last administrator, NotFoundError for one who is gone, PreconditionError."""
        rest_on = self._by_a_person(actor)
        holder = self._principals.find(user_id(sub))
        person = self._directory.find(sub)
        if person is None and (holder is None or holder.forget_at is not None):
            raise NotFoundError("there is no such user")
        now = self._clock.now_ms()
        before = holder or Holder(id=user_id(sub), kind=Kind.USER, name=person.email if person else sub)
        note = self._note(actor, "user.delete", sub, before={"name": before.name, **shown(before.grants)})
        if before.forget_at is not None:
            self._journal.record(note)
        else:
            _check_version(before, version)
            gone = msgspec.structs.replace(before, disabled=True, grants=(), forget_at=now + FORGET_AFTER_MS)
            self._save(before, gone, note, rest_on, version)
        if person is not None:
            with self._failing(note):
                self._directory.delete(sub)

    def reset(self, actor: Actor, sub: str) -> None:
        """He is sent a code, or his invitation once more; raises ConflictError where he cannot get one."""
        self._by_a_person(actor)
        person = self.show(sub).person
        with self._noted(self._note(actor, "user.reset", sub)):
            if person.status is UserStatus.INVITED:
                self._directory.invite_again(person.email)
            else:
                self._directory.reset(sub)

    def _save(
        self, before: Holder, after: Holder, note: Note, rest_on: Sequence[Holder], version: int | None
    ) -> Holder:
        try:
            return self._grants.save(before, after, note, rest_on)
        except PreconditionError as exc:
            if version is not None:
                raise
            raise ConflictError("the user was changed at this very moment by somebody else; try again") from exc

    def _by_a_person(self, actor: Actor) -> tuple[Holder, ...]:
        if actor.principal.kind is not Kind.USER:
            raise ForbiddenError("only a person may change who can sign in, no key")
        rights = self._whois.again(actor.principal, self._clock.now_ms())
        demand(rights.principal, Permission.USERS_WRITE, Target())
        return rights.rest_on

    def _note(
        self,
        actor: Actor,
        action: str,
        subject: str,
        *,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
    ) -> Note:
        return Note(
            actor=actor,
            action=action,
            subject_kind="user",
            subject_id=subject,
            at=self._clock.now_ms(),
            before=before,
            after=after,
        )

    @contextmanager
    def _noted(self, note: Note) -> Iterator[None]:
        """Said before it is done, so that nothing is done unsaid."""
        self._journal.record(note)
        with self._failing(note):
            yield

    @contextmanager
    def _failing(self, note: Note) -> Iterator[None]:
        try:
            yield
        except FunctionsError:
            self._journal.record(msgspec.structs.replace(note, action=f"{note.action}.failed", at=self._clock.now_ms()))
            raise


def _check_version(holder: Holder, version: int | None) -> None:
    if version not in {None, holder.version}:
        raise PreconditionError(f"the user is of version {holder.version}, and the change is for {version}")
