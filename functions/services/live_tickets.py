"""Tickets to the WebSocket: 256 random bits, good once and for half a minute, kept as their SHA-256 alone.

A browser cannot send an Authorization header with a WebSocket, and a token in an address would end up in logs. A ticket
may: when it is written down, it is used up.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

import msgspec

from functions.domain.access import Principal
from functions.errors import UnauthorizedError
from functions.ports.clock import Clock
from functions.ports.live import LiveTickets

LIFE_MS = 30_000
_BYTES = 32
_CHARS = 43


class LiveTicket(msgspec.Struct, frozen=True):
    """`url` is where to open the WebSocket, ticket and all, before `expires_at`."""

    ticket: str
    expires_at: int
    url: str


class Tickets:
    def __init__(self, tickets: LiveTickets, url: str, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._tickets = tickets
        self._url = url
        self._clock = clock
        self._entropy = entropy

    def issue(self, who: Principal) -> LiveTicket:
        ticket = urlsafe_b64encode(self._entropy(_BYTES)).rstrip(b"=").decode()
        expires_at = self._clock.now_ms() + LIFE_MS
        self._tickets.put(_digest(ticket), who.id, expires_at)
        return LiveTicket(ticket, expires_at, f"{self._url}?ticket={ticket}")


def redeem(tickets: LiveTickets, ticket: str | None, now: int) -> str:
    """Whose it is; from then on it is used. Raises UnauthorizedError, in the same words whatever is wrong with it."""
    principal = tickets.take(_digest(ticket), now) if ticket and len(ticket) == _CHARS else None
    if principal is None:
        raise UnauthorizedError("expected a ticket that was not used and has not expired")
    return principal


def _digest(ticket: str) -> str:
    return sha256(ticket.encode(errors="replace")).hexdigest()
