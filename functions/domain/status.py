"""All that is known of a device at one moment."""

from collections.abc import Mapping

import msgspec

from functions.domain.presence import Presence
from functions.domain.state import DeviceState


class DeviceStatus(msgspec.Struct, frozen=True):
    """`quarantined`: how many messages were quarantined for each reason."""

    state: DeviceState = DeviceState()
    presence: Presence = Presence()
    quarantined: Mapping[str, int] = {}
