"""Who somebody is and what he may do."""

from collections.abc import Sequence
from typing import Protocol

from functions.domain.audit import Note
from functions.domain.grants import HeldPage, Holder
from functions.domain.keys import Key, KeyPage
from functions.domain.people import PeoplePage, Person
from functions.domain.sign_in import Challenge, Tokens


class Principals(Protocol):
    """Who may do what. Every method raises PrincipalsError where the table does not answer."""

    def find(self, principal: str) -> Holder | None:
        """As it is now."""
        ...

    def save(self, before: Holder, after: Holder, note: Note, relies_on: Sequence[Holder] = ()) -> Holder:
        """Make `before` into `after`, with the note, if it and all of `relies_on` are still as they were read.

        `before` of version 0 is one that is not stored. Gives what is stored then. Raises PreconditionError when
        `before` has changed, ConflictError when another one has.
        """
        ...

    def over(self, scope: str, limit: int, cursor: str | None) -> HeldPage:
        """The grants over exactly this scope, by principal; may lag a moment. Raises CursorError."""
        ...


class Keys(Protocol):
    """The keys of apps and devices. Every method raises PrincipalsError where the table does not answer."""

    def find(self, key: str) -> Key | None:
        """As it is now."""
        ...

    def add(self, key: Key, note: Note) -> None: ...

    def revoke(self, key: Key, now: int, note: Note) -> bool:
        """From now on it is refused; False when it was revoked before."""
        ...

    def page(self, thing: str, limit: int, cursor: str | None) -> KeyPage:
        """A device's keys, or with no `thing` those of apps, newest first; may lag a moment. Raises CursorError."""
        ...

    def used(self, key: str, day: int) -> None:
        """Note that it was used on this day. Never raises: whoever calls with it does not care."""
        ...


class Directory(Protocol):
    """Who can sign in. Every method raises PrincipalsError where it does not answer, RateLimitError where it is busy.

    Those that take a person's id raise NotFoundError where there is none.
    """

    def invite(self, email: str) -> Person:
        """Raises ConflictError where somebody has this address."""
        ...

    def invite_again(self, email: str) -> None: ...

    def find(self, sub: str) -> Person | None: ...

    def page(self, beginning: str, limit: int, cursor: str | None) -> PeoplePage:
        """Those whose address begins so, at most 60 at once. Raises CursorError."""
        ...

    def enable(self, sub: str) -> None: ...

    def disable(self, sub: str) -> None:
        """His refresh tokens end too."""
        ...

    def delete(self, sub: str) -> None: ...

    def reset(self, sub: str) -> None:
        """His password is no longer good; he is sent a code. Raises ConflictError where he cannot get one."""
        ...


class SignIns(Protocol):
    """Where people prove who they are. Every method raises PrincipalsError where it does not answer, RateLimitError."""

    def log_in(self, user: str, password: str) -> Tokens | Challenge:
        """Raises UnauthorizedError, for whatever reason."""
        ...

    def answer(self, challenge: Challenge, answer: str) -> Tokens | Challenge:
        """Raises UnauthorizedError, and RequestError for a password that is not accepted."""
        ...

    def refresh(self, token: str) -> Tokens:
        """Raises UnauthorizedError."""
        ...

    def revoke(self, token: str) -> None: ...

    def revoke_all(self, access: str) -> None:
        """Every refresh token of whom this access token is of. Raises UnauthorizedError where it is not good."""
        ...

    def forget_password(self, user: str) -> None:
        """Send a code, if there is such a user with an address; says nothing of it either way."""
        ...

    def set_password(self, user: str, code: str, password: str) -> None:
        """Raises RequestError for a code that is not his newest, or a password that is not accepted."""
        ...
