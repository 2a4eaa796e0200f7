"""The queues of what nothing could handle."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from functions.domain.dead_letters import Depth, Letter


class Taken(msgspec.Struct, frozen=True):
    """A letter that is hidden from others for a while; `receipt` is by what it is given back or taken away."""

    letter: Letter
    receipt: str


class DeadLetters(Protocol):
    """Every method raises DeadLettersError where a queue does not answer, and NotFoundError for an unknown one."""

    def names(self) -> Sequence[str]:
        """By name, those that there are."""
        ...

    def depths(self, names: Sequence[str]) -> list[Depth]: ...

    def has_source(self, name: str) -> bool:
        """Whether its messages come from another queue, into which `send` puts them back."""
        ...

    def take(self, name: str, most: int, hidden_s: int) -> list[Taken]:
        """Up to 10 of them, in any order; none when there is none that is not hidden."""
        ...

    def give_back(self, name: str, taken: Sequence[Taken]) -> None:
        """Everybody may see them again now; of one whose time is over nothing becomes."""
        ...

    def remove(self, name: str, taken: Sequence[Taken]) -> None: ...

    def send(self, name: str, bodies: Mapping[str, str]) -> frozenset[str]:
        """Put these back into the queue that `name` gets its messages from; names those that were not."""
        ...
