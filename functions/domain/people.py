"""People as the users' directory has them."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from functions.errors import RequestError

MAX_EMAIL_CHARS: Final = 254
# Narrower than RFC 5322: what mail providers give out, and nothing that a query or a page could take for its own.
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._%+'-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_SUB = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EMAIL_BEGINNING = re.compile(r"[a-z0-9._%+'@-]+")


class UserStatus(StrEnum):
    """`INVITED` has a temporary password, `RESET` must set a new one by a code."""

    ACTIVE = "active"
    INVITED = "invited"
    RESET = "reset"
    OTHER = "other"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is Cognito's `sub`. Whether a second factor is set is known of one person only, not in lists (None)."""

    id: str
    email: str
    enabled: bool
    status: UserStatus
    created_at: int
    updated_at: int
    second_factor: bool | None = None


class PeoplePage(msgspec.Struct, frozen=True):
    items: tuple[Person, ...]
    cursor: str | None


def parse_email(text: str) -> str:
    """In lower case, as people are told apart; raises RequestError."""
    email = text.strip().lower()
    if len(email) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(email):
        raise RequestError("email", "an e-mail address", repr(text[:100]))
    return email


def parse_email_beginning(text: str) -> str:
    """What an address may begin with; raises RequestError."""
    beginning = text.strip().lower()
    if len(beginning) > MAX_EMAIL_CHARS or not _EMAIL_BEGINNING.fullmatch(beginning):
        raise RequestError("email", "the beginning of an e-mail address", repr(text[:100]))
    return beginning


def parse_sub(text: str) -> str:
    """The id of a person; raises RequestError."""
    if not _SUB.fullmatch(text):
        raise RequestError("user", "the id of a user, a UUID", repr(text[:100]))
    return text
