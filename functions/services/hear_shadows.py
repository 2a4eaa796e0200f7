"""Tells those who watch that a shadow has changed, whoever changed it."""

from typing import Any

import msgspec

from contract import ingest as wrapper
from contract.errors import DocumentError
from functions.domain.live import Kind, LiveEvent
from functions.domain.shadows import ShadowName, shadow_of, told
from functions.errors import QueueMessageError
from functions.ports.live import LivePublisher


class _Change(msgspec.Struct, frozen=True):
    current: dict[str, Any]


_change = msgspec.json.Decoder(_Change)


class HearShadows:
    def __init__(self, live: LivePublisher) -> None:
        self._live = live

    def take(self, body: bytes | str) -> bool:
        """One queue body; False for a shadow that is none of ours. Raises QueueMessageError for no such wrapper."""
        try:
            message = wrapper.decode_shadow(body)
        except DocumentError as exc:
            raise QueueMessageError(f"not a message of the shadow rule: {exc}") from exc
        if message.name not in set(ShadowName):
            return False
        try:
            shadow = shadow_of(_change.decode(message.data).current)
        except (msgspec.DecodeError, ValueError) as exc:
            # AWS IoT writes these itself, so that it is no device's fault: it belongs where it can be looked at.
            raise QueueMessageError(f"not a document of a shadow: {exc}") from exc
        event = LiveEvent(
            kind=Kind(message.name), thing=message.thing, group=None, at=message.received_at, data=told(shadow)
        )
        self._live.publish([event])
        return True
