"""What comes of a pass."""

from collections.abc import Mapping

import msgspec

from functions.domain.alarms import Transition
from functions.domain.state import Wanted


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What of the device's state becomes another, and what was found.

    `wanted` has what the rules of these transitions want done. `refused` are rules for which there is no more room.
    """

    rules: bytes
    alarms: int
    armed: int | None
    transitions: tuple[Transition, ...] = ()
    wanted: Mapping[str, Wanted] = {}
    refused: tuple[str, ...] = ()
