"""Cursors as they leave the API: signed, for one principal and one operation.

What is inside is the adapters' (`functions.domain.cursors`): a position, never data or a right. The signature makes a
cursor that this deployment did not give, or gave somebody else, an error before anything is read.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest

from functions.domain.access import Principal
from functions.errors import CursorError

_TAG_BYTES = 15
_SHOWN_CHARS = 60


class Cursors:
    """`key` gives a secret of the deployment, of 32 to 64 bytes; it is asked for with the first cursor."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def close(self, inner: str | None, who: Principal, operation: str) -> str | None:
        """What the caller is given; None for no further page."""
        return None if inner is None else f"{inner}.{self._tag(inner, who, operation)}"

    def open(self, text: str | None, who: Principal, operation: str) -> str | None:
        """The inverse of `close`; raises CursorError for anything that it did not give to this caller."""
        if text is None:
            return None
        inner, _, tag = text.rpartition(".")
        if not (text.isascii() and compare_digest(tag, self._tag(inner, who, operation))):
            raise CursorError(repr(text[:_SHOWN_CHARS]))
        return inner

    def _tag(self, inner: str, who: Principal, operation: str) -> str:
        # A separator that is in none of the parts: two different triples are never one text.
        signed = f"{operation}\x00{who.id}\x00{inner}".encode()
        return urlsafe_b64encode(blake2b(signed, key=self._key(), digest_size=_TAG_BYTES).digest()).decode()
