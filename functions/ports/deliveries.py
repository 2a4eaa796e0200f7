"""Who is told of alarms, when nobody is, and the ledger of what was done."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from functions.domain.audit import Note
from functions.domain.deliveries import (
    Answer,
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    Due,
    DuePage,
    Gathered,
    Reason,
)
from functions.domain.maintenance import Window, WindowPage
from functions.domain.messages import Message
from functions.domain.recipients import Recipient


class RecipientStore(Protocol):
    """Every method raises DeliveriesError where it cannot be read or written now."""

    def find(self, ids: Iterable[str]) -> dict[str, Recipient]:
        """Those that there are, as they are now."""
        ...

    def all(self) -> list[Recipient]:
        """By id."""
        ...

    def save(self, was: Recipient | None, becomes: Recipient, note: Note) -> Recipient | None:
        """Write it if it is still as it was read (None: if there is none); None when it is not."""
        ...

    def delete(self, recipient: Recipient, note: Note) -> bool:
        """False where it is no longer as it was read."""
        ...


class WindowReader(Protocol):
    def holding(self, now: int) -> list[Window]:
        """Those that hold now, as it is now, and perhaps some that are still to come. Raises DeliveriesError."""
        ...


class WindowStore(WindowReader, Protocol):
    """Every method raises DeliveriesError where it cannot be read or written now."""

    def create(self, window: Window, note: Note) -> Window: ...

    def read(self, id: str) -> Window | None: ...  # noqa: A002 - its name everywhere

    def save(self, was: Window, becomes: Window, note: Note) -> Window | None:
        """Write it if it is still as it was read; None when it is not."""
        ...

    def page(self, limit: int, before: str | None) -> WindowPage: ...

    def ahead(self, now: int, limit: int) -> list[Window]:
        """Those that are not over yet, the first to end first, up to `limit`."""
        ...


class DeliveryStore(Protocol):
    """The ledger of deliveries. Every method raises DeliveriesError where it cannot be read or written now."""

    def plan(self, step: tuple[str, int, int], deliveries: Sequence[Delivery]) -> bool:
        """Keep the deliveries and delete the outbox's entry of this step of an alarm, in one transaction.

        False, and nothing is changed, where the entry is gone: somebody has planned it.
        """
        ...

    def create(self, delivery: Delivery, note: Note) -> Delivery:
        """One that comes of no transition."""
        ...

    def read(self, id: str) -> Delivery | None: ...  # noqa: A002 - its name everywhere

    def save(
        self,
        was: Delivery,
        becomes: Delivery,
        *,
        attempt: Attempt | None = None,
        also: Sequence[Delivery] = (),
        notes: Sequence[Note] = (),
    ) -> Delivery | None:
        """Write it with an attempt at it, and `also` new deliveries that come of it, if it is still as it was read.

        None, and nothing is changed, when it is not.
        """
        ...

    def gather(self, was: Delivery, reason: Reason, now: int, at: int) -> Delivery | None:
        """Close it as DIGESTED, in the digest of its recipient that nobody has begun to send, as one transaction.

        Where there is none it is made, to be sent `at` that time. None where `was` is no longer as it was read.
        """
        ...

    def gathered(self, digest: Delivery, limit: int) -> Gathered:
        """What is told in a digest, as these deliveries are now."""
        ...

    def attempts(self, id: str) -> tuple[Attempt, ...]:  # noqa: A002 - its name everywhere
        """In their order, with all that are kept."""
        ...

    def of_alarm(self, thing: str, number: int, limit: int, cursor: str | None) -> DeliveryPage:
        """Those of its newest step first. Raises CursorError."""
        ...

    def page(self, wanted: DeliveryFilter, limit: int, cursor: str | None) -> DeliveryPage:
        """Raises CursorError."""
        ...

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        """What is due by `until`; may be some moments old."""
        ...

    def defer(self, due: Due, until: int) -> bool:
        """Have it come up again then, and leave all else of it; False where it is no longer due at this time."""
        ...

    def shards(self) -> Sequence[str]:
        """Those that `due` is spread over."""
        ...


class Sender(Protocol):
    """One channel. What the receiver, or the way to it, does not do is an answer, never an exception."""

    def send(self, recipient: Recipient, message: Message) -> Answer: ...
