"""Two people, some devices, and everything that live data needs, in memory."""

import json

from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_live import (
    MemoryLiveConnections,
    MemoryLiveQueue,
    MemoryLiveSockets,
    MemoryLiveTickets,
)
from functions.adapters.memory_principals import MemoryKeys, MemoryPrincipals
from functions.domain.access import EVERYTHING, Grant, Kind, Role
from functions.domain.devices import Device, Source
from functions.domain.grants import Holder
from functions.services.live import Live
from functions.services.live_publisher import QueuedPublisher
from functions.services.live_push import Push
from functions.services.live_standing import Standing
from functions.services.live_tickets import Tickets
from functions.services.whois import WhoIs

ANN, BOB = "user:ann", "user:bob"
ORIGIN = "https://app.example.com"
DEVICES = {"pump-1": "plant-1/line-1", "pump-2": "plant-1/line-2", "press-1": "plant-2"}


class Devices:
    def __init__(self, groups):
        self.groups = dict(groups)
        self.reads = 0

    def find(self, things):
        self.reads += 1
        return {
            thing: Device(
                thing=thing,
                name=thing,
                model="climate",
                group=self.groups[thing],
                source=Source.FLEET,
                created_at=0,
                updated_at=0,
                version=1,
            )
            for thing in things
            if thing in self.groups
        }


class LiveWorld:
    """Ann is admin of everything; Bob is viewer of plant-1. `live` and `push` are new each time: nothing remembered."""

    def __init__(self, clock, tickets=None, connections=None):
        self.clock = clock
        self.journal = MemoryJournal()
        self.principals = MemoryPrincipals(self.journal)
        self.keys = MemoryKeys(self.journal)
        self.devices = Devices(DEVICES)
        self.tickets = tickets or MemoryLiveTickets()
        self.connections = connections or MemoryLiveConnections()
        self.sockets = MemoryLiveSockets()
        self.queue = MemoryLiveQueue()
        self.grant(ANN, Role.ADMIN, EVERYTHING)
        self.grant(BOB, Role.VIEWER, "group:plant-1")
        self._entropy = 0
        self.whois = WhoIs(self.principals, self.keys)
        self.standing = Standing(self.whois, self.devices, clock)
        self.live = Live(self.tickets, self.connections, self.sockets, self.standing, clock, [ORIGIN])
        self.push = Push(self.connections, self.sockets, Standing(self.whois, self.devices, clock), clock)
        self.publisher = QueuedPublisher(self.connections, self.queue, self.devices, clock)

    def grant(self, principal, *grants, disabled=False):
        held = (Grant(*grants),) if grants else ()
        self.principals.holders[principal] = Holder(
            id=principal, kind=Kind.USER, name=principal, version=1, grants=held, disabled=disabled
        )

    def ticket(self, principal=ANN):
        self._entropy += 1
        secret = self._entropy.to_bytes(32, "big")
        issuer = Tickets(self.tickets, "wss://live.example/ws", self.clock, lambda _size: secret)
        return issuer.issue(self.whois.user(principal.removeprefix("user:"), principal).principal)

    def connect(self, connection, principal=ANN, origin=None):
        self.live.connect(connection, self.ticket(principal).ticket, origin)
        return connection

    def say(self, connection, /, **document):
        answer = self.live.hear(connection, json.dumps(document))
        return None if answer is None else json.loads(answer)

    def change(self, *events):
        """Somebody changes something, and the queue is emptied."""
        self.publisher.publish(events)
        bodies = {str(at): body for at, body in enumerate(self.queue.messages)}
        self.queue.messages.clear()
        return self.push.take(bodies)

    def told(self, connection):
        """The frames that a connection got, and from now on only newer ones."""
        return [json.loads(frame) for frame in self.sockets.sent.pop(connection, [])]
