"""Principals, keys, the users' directory and sign-in in memory: exact semantics, no durability."""

from collections.abc import Sequence
from itertools import count

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.grants import Held, HeldPage, Holder
from functions.domain.keys import Key, KeyPage
from functions.domain.people import PeoplePage, Person, UserStatus
from functions.domain.sign_in import Challenge, Step, Tokens
from functions.errors import (
    ConflictError,
    CursorError,
    NotFoundError,
    PreconditionError,
    RequestError,
    UnauthorizedError,
)
from functions.ports.clock import Clock


class MemoryPrincipals:
    def __init__(self, journal: MemoryJournal, keys: "MemoryKeys | None" = None) -> None:
        self._journal = journal
        self._keys = keys
        self.holders: dict[str, Holder] = {}

    def find(self, principal: str) -> Holder | None:
        return self.holders.get(principal)

    def save(self, before: Holder, after: Holder, note: Note, relies_on: Sequence[Holder] = ()) -> Holder:
        if self._version(before.id) != before.version:
            raise PreconditionError("the grants were changed since they were read")
        if any(self._version(other.id) != other.version for other in relies_on):
            raise ConflictError("another administrator was changed at the same moment; try again")
        self._journal.append(note)
        saved = msgspec.structs.replace(after, version=before.version + 1)
        self.holders[after.id] = saved
        return saved

    def over(self, scope: str, limit: int, cursor: str | None) -> HeldPage:
        question = ("grants", scope)
        after = "" if cursor is None else str(unseal(cursor, question, (str,))[0])
        if cursor is not None and ":" not in after:
            raise CursorError(cursor)
        people = [(one.id, one.kind, one.name, one.grants) for one in self.holders.values()]
        keys = [
            (one.holder, one.kind, one.name, one.grants)
            for one in (self._keys.keys.values() if self._keys else ())
            if one.revoked_at is None
        ]
        found = sorted(
            (
                Held(id_, kind, name, grant)
                for id_, kind, name, grants in (*people, *keys)
                for grant in grants
                if grant.scope == scope and id_ > after
            ),
            key=lambda one: one.principal,
        )
        page = found[:limit]
        return HeldPage(tuple(page), seal(question, (page[-1].principal,)) if len(found) > limit else None)

    def _version(self, principal: str) -> int:
        return self.holders[principal].version if principal in self.holders else 0


class MemoryKeys:
    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.keys: dict[str, Key] = {}

    def find(self, key: str) -> Key | None:
        return self.keys.get(key)

    def add(self, key: Key, note: Note) -> None:
        if key.id in self.keys:
            raise ConflictError("the key was changed at the same moment")
        self._journal.append(note)
        self.keys[key.id] = key

    def revoke(self, key: Key, now: int, note: Note) -> bool:
        known = self.keys.get(key.id)
        if known is None or known.revoked_at is not None:
            return False
        self._journal.append(note)
        self.keys[key.id] = msgspec.structs.replace(known, revoked_at=now)
        return True

    def page(self, thing: str, limit: int, cursor: str | None) -> KeyPage:
        question = ("keys", thing)
        found = sorted((one for one in self.keys.values() if one.thing == thing), key=_newest, reverse=True)
        if cursor is not None:
            before = str(unseal(cursor, question, (str,))[0])
            found = [one for one in found if _newest(one) < before]
        page = found[:limit]
        return KeyPage(tuple(page), seal(question, (_newest(page[-1]),)) if len(found) > limit else None)

    def used(self, key: str, day: int) -> None:
        known = self.keys.get(key)
        if known is not None and (known.used_day is None or known.used_day < day):
            self.keys[key] = msgspec.structs.replace(known, used_day=day)


class MemoryDirectory:
    """`sent` is the post: who was sent what."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.people: dict[str, Person] = {}
        self.sent: list[tuple[str, str]] = []
        self._numbers = count()  # an id is never given twice

    def invite(self, email: str) -> Person:
        if any(one.email == email for one in self.people.values()):
            raise ConflictError(f"somebody is known as {email} already: what he may do is set by his grants")
        now = self._clock.now_ms()
        person = Person(
            id=f"00000000-0000-4000-8000-{next(self._numbers):012d}",
            email=email,
            enabled=True,
            status=UserStatus.INVITED,
            created_at=now,
            updated_at=now,
        )
        self.people[person.id] = person
        self.sent.append((email, "invitation"))
        return person

    def invite_again(self, email: str) -> None:
        if all(one.email != email for one in self.people.values()):
            raise NotFoundError("there is no such user")
        self.sent.append((email, "invitation"))

    def find(self, sub: str) -> Person | None:
        known = self.people.get(sub)
        return known and msgspec.structs.replace(known, second_factor=bool(known.second_factor))

    def page(self, beginning: str, limit: int, cursor: str | None) -> PeoplePage:
        question = ("people", beginning)
        after = "" if cursor is None else str(unseal(cursor, question, (str,))[0])
        found = sorted(
            (one for one in self.people.values() if one.email.startswith(beginning) and one.id > after),
            key=lambda one: one.id,
        )
        page = [msgspec.structs.replace(one, second_factor=None) for one in found[:limit]]
        return PeoplePage(tuple(page), seal(question, (page[-1].id,)) if len(found) > limit else None)

    def enable(self, sub: str) -> None:
        self._change(sub, enabled=True)

    def disable(self, sub: str) -> None:
        self._change(sub, enabled=False)

    def delete(self, sub: str) -> None:
        self._change(sub)
        del self.people[sub]

    def reset(self, sub: str) -> None:
        if self._change(sub).status is UserStatus.INVITED:
            raise ConflictError("his password cannot be reset before he has signed in")
        person = self._change(sub, status=UserStatus.RESET)
        self.sent.append((person.email, "code"))

    def _change(self, sub: str, **changes: object) -> Person:
        if sub not in self.people:
            raise NotFoundError("there is no such user")
        person: Person = msgspec.structs.replace(self.people[sub], updated_at=self._clock.now_ms(), **changes)
        self.people[sub] = person
        return person


class MemorySignIns:
    """People by name with their password; `temporary` must choose another, `factors` have an authenticator's code."""

    def __init__(self, *, expires_in_s: int = 900, rotates: bool = False) -> None:
        self.passwords: dict[str, str] = {}
        self.temporary: set[str] = set()
        self.factors: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.live: dict[str, str] = {}
        self._expires_in_s = expires_in_s
        self._rotates = rotates
        self._given = 0

    def log_in(self, user: str, password: str) -> Tokens | Challenge:
        if self.passwords.get(user) != password:
            raise UnauthorizedError("wrong name or password")
        if user in self.temporary:
            return Challenge(Step.NEW_PASSWORD, f"session-of-{user}", user)
        return self._after_password(user)

    def answer(self, challenge: Challenge, answer: str) -> Tokens | Challenge:
        user = challenge.user
        if challenge.session != f"session-of-{user}":
            raise UnauthorizedError("no such session")
        if challenge.step is Step.CODE:
            if self.factors.get(user) != answer:
                raise UnauthorizedError("wrong code")
            return self._tokens(user)
        if user not in self.temporary:
            raise UnauthorizedError("no such session")
        if self.passwords[user] == answer:
            raise RequestError("new_password", "another than the one before", "the same")
        self.passwords[user] = answer
        self.temporary.discard(user)
        return self._after_password(user)

    def refresh(self, token: str) -> Tokens:
        if token not in self.live:
            raise UnauthorizedError("a refresh token that is not good")
        if not self._rotates:
            return Tokens(self._access(self.live[token]), self._expires_in_s)
        return self._tokens(self.live.pop(token))

    def revoke(self, token: str) -> None:
        self.live.pop(token, None)

    def revoke_all(self, access: str) -> None:
        user = access.partition("-")[2].partition("-")[2]
        if user not in self.passwords:
            raise UnauthorizedError("an access token that is not good")
        self.live = {token: of for token, of in self.live.items() if of != user}

    def forget_password(self, user: str) -> None:
        if user in self.passwords:
            self.codes[user] = "654321"

    def set_password(self, user: str, code: str, password: str) -> None:
        if self.codes.get(user) != code:
            raise RequestError("code", "the newest code that was sent", "another")
        del self.codes[user]
        self.passwords[user] = password

    def _after_password(self, user: str) -> Tokens | Challenge:
        return Challenge(Step.CODE, f"session-of-{user}", user) if user in self.factors else self._tokens(user)

    def _tokens(self, user: str) -> Tokens:
        access = self._access(user)
        refresh = f"refresh-{self._given}"
        self.live[refresh] = user
        return Tokens(access, self._expires_in_s, refresh)

    def _access(self, user: str) -> str:
        self._given += 1
        return f"access-{self._given}-{user}"


def _newest(key: Key) -> str:
    return f"{key.created_at:013d}#{key.id}"
