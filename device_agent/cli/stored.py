"""What a stopped agent has left on the disk, read without changing it."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig


def sections(config: "AgentConfig") -> dict[str, Any]:
    """The agent's state by section; empty if there is none. Raises QueueError if it cannot be read."""
    from device_agent.errors import QueueError
    from device_agent.queue.files import PosixFiles
    from device_agent.queue.slots import Slots
    from device_agent.state_file import SLOT_BYTES

    slots = Slots(PosixFiles(), config.state, SLOT_BYTES)
    try:
        slots.read()
        found = json.loads(slots.content or b"{}")
    except (OSError, ValueError) as error:
        raise QueueError(f"state file {config.state} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def shadow_report(config: "AgentConfig") -> dict[str, Any]:
    """Of both shadows what the disk knows: the settings, and the desired states that were last acted upon."""
    import msgspec

    from device_agent.shadow.wishes import SECTION, acted_upon

    try:
        kept = msgspec.convert(sections(config).get(SECTION) or {}, dict[str, str])
    except msgspec.ValidationError:
        kept = {}
    return {"config": settings_report(config), "state": {"acted_upon": acted_upon(kept)}}


def settings_report(config: "AgentConfig") -> dict[str, Any]:
    """As a running agent tells it: the settings in force, and whether they are on trial."""
    import msgspec

    from device_agent.settings.settings import SECTION
    from device_agent.settings.trial import SettingsState

    try:
        state = msgspec.convert(sections(config).get(SECTION) or {}, SettingsState)
    except msgspec.ValidationError:
        state = SettingsState()
    return state.report(config.model.default_configuration())
