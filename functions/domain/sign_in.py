"""What a sign-in gives, or asks for before it gives anything."""

from enum import StrEnum
from typing import Final

import msgspec

from functions.errors import RequestError

MIN_PASSWORD_CHARS: Final = 12
MAX_PASSWORD_CHARS: Final = 256
PASSWORD: Final = (
    f"{MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters with lower and upper case, a digit and a symbol"
)
_SYMBOLS: Final = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")


class Step(StrEnum):
    """What is asked for: a new password in the place of a temporary one, or the code of an authenticator app."""

    NEW_PASSWORD = "NEW_PASSWORD_REQUIRED"  # noqa: S105 - a kind of step
    CODE = "SOFTWARE_TOKEN_MFA"


class Tokens(msgspec.Struct, frozen=True):
    """`refresh` is None where the one that was used stays good."""

    access: str
    expires_in_s: int
    refresh: str | None = None


class Challenge(msgspec.Struct, frozen=True):
    """The password was right, and something more is needed; `session` and `user` belong into the answer."""

    step: Step
    session: str
    user: str


def check_password(field: str, text: str) -> None:
    """The pool's policy, asked before the pool is: so its refusal tells nothing about a user. Raises RequestError."""
    kinds = (str.islower, str.isupper, str.isdigit)
    whole = all(any(kind(char) for char in text) for kind in kinds) and not _SYMBOLS.isdisjoint(text)
    if not MIN_PASSWORD_CHARS <= len(text) <= MAX_PASSWORD_CHARS or text != text.strip() or not whole:
        raise RequestError(field, PASSWORD, f"one of {len(text)} characters that is not so")
