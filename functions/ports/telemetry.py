"""Points, where a device stands, and the lake."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from contract.ingest import IngestMessage, LakeLine
from functions.domain.lake import ObjectsPage
from functions.domain.series import Capabilities, DevicesPage, Point, PointsPage, Rejected, SeriesPage, SeriesQuery
from functions.domain.state import Change, DeviceState, Saved


class SeriesReader(Protocol):
    """The part of a telemetry store that answers people and apps."""

    def series(self, query: SeriesQuery) -> SeriesPage:
        """A page of the answer, over every stored point and none older than the retention.

        Raises CursorError, and StoreError where the store cannot answer now.
        """
        ...


class TelemetryStore(SeriesReader, Protocol):
    """History. Every adapter passes one contract suite."""

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        """Upsert by `(device, metric, ts)`; of two such points the one received last stands, on a tie the greater.

        (On a tie, where `capabilities().breaks_ties`; else one of the two.)
        Idempotent. Returns the points that it will never take; raises PartialWriteError naming those that it could not
        take now, StoreError when nothing is known to be stored.
        """
        ...

    def recount(self, points: Sequence[Point]) -> None:
        """Sees to it that each of these counts once, if it is here: who wrote it may have called it `fresh` wrongly.

        Writes none of them and changes nothing of what stands. Idempotent; raises StoreError.
        """
        ...

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        """Every point of a device in `[start, end)`, of all metrics and whole, as a move to another store needs it.

        Raises CursorError, StoreError.
        """
        ...

    def devices(self, cursor: str | None = None) -> DevicesPage:
        """Whoever has points here, registered or not. May read the whole store: for moves only. Raises StoreError."""
        ...

    def delete(self, device: str, start: int, end: int) -> None:
        """Forget a device's points in `[start, end)`. Idempotent; raises UnsupportedError where it is no capability."""
        ...

    def capabilities(self) -> Capabilities: ...


class StateStore(Protocol):
    """The state of each device, with what the engine finds of it."""

    def read(self, things: Iterable[str]) -> dict[str, DeviceState]:
        """The state of each thing as it is now; of one that was never heard, an empty state."""
        ...

    def save(self, changes: Mapping[str, Change]) -> Saved:
        """Write each state if its version is still what was read, else it is a conflict.

        With the state everything that comes of it: its timer, alarms with their rows and history, the outbox. What is
        too much for one transaction is left in `pending`, with a timer that is due at once, and committed next; where
        that does not succeed, it is done by whoever saves the device's state the next time.
        """
        ...


class Lake(Protocol):
    def append(self, lines: Sequence[LakeLine]) -> None:
        """Keep every raw message at least once; raises LakeError naming the positions that may be missing."""
        ...


class LakeReader(Protocol):
    def objects(self, start: int, end: int, cursor: str | None = None) -> ObjectsPage:
        """Objects that may hold what reached the lake in `[start, end)`, the oldest first. Raises LakeReadError.

        An object is found by the hour of its oldest message.
        """
        ...

    def lines(self, key: str, first: int = 0) -> Iterator[bytes]:
        """An object's lines from the line `first` on, which counts from 0, without their ends.

        A line beyond `lake.MAX_LINE_BYTES` is cut there, so that memory is bounded whatever the object holds. Raises
        LakeReadError, and DamagedObjectError after all lines that could be read.
        """
        ...


class TelemetryQueue(Protocol):
    def send(self, message: IngestMessage, *, delay_s: int = 0) -> None:
        """Into the queue that the topic rule sends to, to be taken from it no sooner. Raises TelemetryQueueError."""
        ...
