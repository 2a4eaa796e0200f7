"""The way to live data: a ticket for the WebSocket."""

from functions.api.answer import Answer, answer, answers
from functions.api.request import Request
from functions.services.live_tickets import LiveTicket, Tickets


class LiveOperations:
    def __init__(self, request: Request, tickets: Tickets) -> None:
        self._request = request
        self._tickets = tickets

    @answers(LiveTicket, status=201)
    def live_ticket(self) -> Answer:
        """A ticket to open the WebSocket with, once and within half a minute."""
        return answer(self._tickets.issue(self._request.who), status=201)
