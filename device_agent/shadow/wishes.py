"""Which desired states of actuators were acted upon, across restarts."""

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Final

import msgspec

from device_agent.errors import QueueError
from device_agent.storage import Storage

SECTION: Final = "actuators"
"""Of the state file."""


class Wish(Enum):
    NEW = auto()
    DONE = auto()
    """It was acted upon since this agent started."""
    OLD = auto()
    """It was acted upon before this agent started, and is looked at for the first time since."""


class Wishes:
    """The last wish for each actuator, in the state section `actuators`."""

    def __init__(
        self, actuators: Collection[str], storage: Storage, log: logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self._actuators = actuators
        self._storage = storage
        self._log = log
        self._kept: dict[str, str] | None = None
        self._not_looked_at: set[str] = set()
        self._lost = False

    async def judge(self, name: str, parameters: Any, stamp: int | None) -> Wish:
        """What is to be made of a wish that was set at `stamp`. One looked at is not OLD a second time."""
        kept = await self._load()
        first = name in self._not_looked_at
        self._not_looked_at.discard(name)
        if kept.get(name) != _text(parameters, stamp) and not (first and self._lost):
            return Wish.NEW
        return Wish.OLD if first else Wish.DONE

    async def remember(self, name: str, parameters: Any, stamp: int | None) -> None:
        """Count a wish as acted upon; durable once this returns. On QueueError, until the process ends."""
        kept = await self._load()
        kept[name] = _text(parameters, stamp)
        for gone in kept.keys() - set(self._actuators):
            del kept[gone]
        await self._storage.write_state(SECTION, kept)

    async def _load(self) -> dict[str, str]:
        if self._kept is None:
            try:
                stored = await self._storage.read_state(SECTION)
                self._kept = {} if stored is None else msgspec.convert(stored, dict[str, str])
            except (QueueError, msgspec.ValidationError) as error:
                # Whatever is desired may have been acted upon, so nothing is taken up by itself.
                self._log.error("which desired states were acted upon is not known: %s", error)
                self._kept, self._lost = {}, True
            self._not_looked_at = set(self._actuators)
        return self._kept


def acted_upon(kept: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of each actuator's wish in what was stored; one that cannot be read is left out."""
    found = {}
    for name, text in kept.items():
        with suppress(msgspec.DecodeError):
            found[name] = msgspec.json.decode(text.rpartition("@")[0])
    return found


def _text(parameters: Any, stamp: int | None) -> str:
    return f"{msgspec.json.encode(parameters, order='deterministic').decode()}@{stamp}"
