"""Entries of the quarantine as a replay needs them."""

from typing import Protocol

from functions.domain.audit import Note
from functions.domain.quarantine import Quarantined, Replay
from functions.domain.replays import Kept, Settlement


class Replays(Protocol):
    """Every method raises QuarantineError where the table does not answer."""

    def read(self, thing: str, entry: str) -> Kept | None:
        """As it is now."""
        ...

    def begin(self, thing: str, entry: str, replay: Replay, note: Note) -> Quarantined | None:
        """Note on the entry that it is being replayed, together with the audit; None where it is no longer kept."""
        ...

    def settle(self, kept: Kept, settlement: Settlement) -> bool:
        """Note what became of it; False where it was settled, or went away, since it was read.

        Its faults become those of the settlement, unless nothing is left of them. No other entry is made.
        """
        ...
