"""What AWS keeps of a device's shadows and says about them, over the broker in memory."""

import json
from dataclasses import dataclass, field

from contract import topics
from device_agent.transport.memory import MemoryTransport


@dataclass
class Shadow:
    version: int = 0
    state: dict = field(default_factory=lambda: {"desired": {}, "reported": {}})
    metadata: dict = field(default_factory=lambda: {"desired": {}, "reported": {}})

    def update(self, state, now):
        for side, part in state.items():
            if part is None:
                self.state[side], self.metadata[side] = {}, {}
            else:
                merge(self.state[side], self.metadata[side], part, now)
        self.version += 1

    def delta(self):
        if not isinstance(self.state["desired"], dict):
            return {}, {}
        return difference(self.state["desired"], self.state["reported"], self.metadata["desired"])


class ShadowService:
    """Answers each request at once, unless it is `silent` or has a `refusal` (code and message)."""

    def __init__(self, broker, clock, thing="pump-7"):
        self.broker = broker
        self.clock = clock
        self.thing = thing
        self.shadows = {}
        self.requests = []
        self.silent = False
        self.refusal = None

    def transport(self):
        return ServedTransport(self)

    def desire(self, name, values, **section):
        """As an app would: merges into what is desired."""
        self.update(name, {"state": {"desired": {"values": values, **section}}})

    def delete(self, name):
        """Deleted, and its versions forgotten."""
        shadow = self.shadows.pop(name)
        self.send(name, "delete/accepted", {"version": shadow.version, "timestamp": self.now()})

    def reported(self, name):
        return self.shadows[name].state["reported"]

    def now(self):
        return self.clock.wall_ms() // 1000

    def serve(self, topic, payload):
        parsed = topics.parse(topic)
        if parsed.kind != "shadow":
            return
        request = json.loads(payload)
        self.requests.append((parsed.operation, request))
        if self.silent:
            return
        token = {"clientToken": request["clientToken"]} if "clientToken" in request else {}
        if self.refusal is not None:
            code, message = self.refusal
            self.send(parsed.name, f"{parsed.operation}/rejected", {"code": code, "message": message, **token})
        elif parsed.operation == "update":
            self.update(parsed.name, request, token)
        elif parsed.name not in self.shadows:
            self.send(parsed.name, "get/rejected", {"code": 404, "message": "No shadow exists", **token})
        else:
            self.send(parsed.name, "get/accepted", {**self.document(parsed.name), **token})

    def document(self, name):
        shadow = self.shadows[name]
        state = {side: part for side, part in shadow.state.items() if part != {}}
        metadata = {side: part for side, part in shadow.metadata.items() if part}
        return {"state": state, "metadata": metadata, "version": shadow.version, "timestamp": self.now()}

    def update(self, name, request, token=None):
        shadow = self.shadows.setdefault(name, Shadow())
        shadow.update(request["state"], self.now())
        about = {"version": shadow.version, "timestamp": self.now(), **(token or {})}
        self.send(name, "update/accepted", {"state": request["state"], **about})
        state, metadata = shadow.delta()
        if state:
            self.send(name, "update/delta", {"state": state, "metadata": metadata, **about})

    def send(self, name, operation, document):
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.broker.deliver(topics.shadow(self.thing, name, operation), payload)


class ServedTransport(MemoryTransport):
    def __init__(self, service):
        super().__init__(service.broker, service.thing)
        self.service = service

    async def publish(self, topic, payload):
        await super().publish(topic, payload)
        self.service.serve(topic, payload)


def merge(known, metadata, part, now):
    for key, value in part.items():
        if value is None:
            known.pop(key, None)
            metadata.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(known.get(key), dict):
                known[key], metadata[key] = {}, {}
            merge(known[key], metadata[key], value, now)
        else:
            known[key], metadata[key] = value, {"timestamp": now}


def difference(desired, reported, metadata):
    state, stamps = {}, {}
    for key, value in desired.items():
        other = reported.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            inner, inner_stamps = difference(value, other, metadata.get(key, {}))
            if inner:
                state[key], stamps[key] = inner, inner_stamps
        elif value != other or isinstance(value, bool) != isinstance(other, bool):
            state[key], stamps[key] = value, metadata.get(key, {})
    return state, stamps
