"""What the running agent answers over its control socket."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contract.errors import shown
from device_agent.control.server import Handler
from device_agent.errors import ControlError
from device_agent.queue import Priority, QueueStats
from device_agent.supervision.heartbeats import Heartbeats

if TYPE_CHECKING:
    from device_agent.parts import Parts


def handlers(parts: "Parts", heartbeats: Heartbeats) -> dict[str, Handler]:
    """One for each of `protocol.METHODS`."""

    async def status(_params: Mapping[str, Any]) -> Any:
        found = dataclasses.asdict(await parts.status())
        rules = parts.gathering.rules
        return {
            **found,
            "tasks": [dataclasses.asdict(beating) for beating in heartbeats.snapshot()],
            "rules": [] if rules is None else [dataclasses.asdict(rule) for rule in rules.status()],
            "calibrations": parts.gathering.calibrations(),
            "ignored": {
                "commands_malformed": parts.commands.malformed,
                "commands_overflowed": parts.commands.overflowed,
                "shadow_config": parts.config_shadow.malformed,
                "shadow_state": parts.state_shadow.malformed,
                "samples": dict(parts.gathering.left_out),
            },
        }

    async def sensors(_params: Mapping[str, Any]) -> Any:
        latest = parts.gathering.latest
        return {
            name: {
                **dataclasses.asdict(status),
                "values": dict(latest[name].values) if name in latest else {},
                "at": latest[name].at + parts.timekeeper.offset().ms if name in latest else None,
                "q": latest[name].quality if name in latest else None,
            }
            for name, status in parts.gathering.sensors.items()
        }

    async def actuators(_params: Mapping[str, Any]) -> Any:
        return {"truth": parts.actuators.report(), "faults": parts.actuators.faults()}

    async def actuator_set(params: Mapping[str, Any]) -> Any:
        name, parameters = params.get("name"), params.get("parameters")
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise ControlError(f"params: expected name (a text) and parameters (an object), got {shown(dict(params))}")
        outcome = await parts.actuators.submit(name, parameters, source="control")
        return dataclasses.asdict(outcome)

    async def actuator_safe(_params: Mapping[str, Any]) -> Any:
        parts.actuators.make_safe("control")
        return {"truth": parts.actuators.report(), "faults": parts.actuators.faults()}

    async def shadow(_params: Mapping[str, Any]) -> Any:
        return {"config": parts.config_shadow.contents(), "state": parts.state_shadow.contents()}

    async def queue_stats(_params: Mapping[str, Any]) -> Any:
        return queue_document(await parts.storage.stats())

    return {
        "status": status,
        "sensors": sensors,
        "actuators": actuators,
        "actuator.set": actuator_set,
        "actuator.safe": actuator_safe,
        "shadow": shadow,
        "queue.stats": queue_stats,
    }


def queue_document(stats: QueueStats) -> dict[str, Any]:
    """The queue's figures as JSON, in all and by priority."""
    return {
        "messages": stats.messages,
        "bytes": stats.bytes,
        "dropped": stats.dropped,
        "capacity": stats.capacity,
        "priorities": {priority.word: dataclasses.asdict(stats[priority]) for priority in Priority},
    }
