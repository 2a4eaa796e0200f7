"""What devices are wanted to be."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from functions.domain.audit import Note
from functions.domain.fences import Fence, Passed
from functions.domain.shadows import Shadow, ShadowName, Wish, WishPage


class Shadows(Protocol):
    """The named shadows in AWS IoT. Every method raises ShadowError where it does not answer."""

    def read(self, thing: str, name: ShadowName) -> Shadow | None:
        """None where neither side has written it."""
        ...

    def update(self, thing: str, name: ShadowName, patch: Mapping[str, Any], version: int) -> Shadow | None:
        """Merge into what is desired; None where the shadow is no longer of this `version`.

        With 0 it is made where there is none, and merged into whatever there is by now.
        """
        ...


class Wishes(Protocol):
    """What people set devices to, each version of it. Every method raises ShadowError where it does not answer."""

    def current(self, thing: str, name: ShadowName) -> Wish | None:
        """As it is now."""
        ...

    def save(self, thing: str, name: ShadowName, wish: Wish, note: Note, fences: Sequence[Fence] = ()) -> bool | Passed:
        """Keep a wish as the current one, with its audit; False where it does not follow the current version.

        Where something has passed one of the `fences` before, that is the answer.
        """
        ...

    def mark_sent(self, thing: str, name: ShadowName, version: int) -> None:
        """If this is still the current version. Idempotent."""
        ...

    def page(self, thing: str, name: ShadowName, limit: int, cursor: str | None) -> WishPage:
        """Newest first. Raises CursorError."""
        ...
