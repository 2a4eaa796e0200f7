# ruff: noqa: A002 - parameters are called what the API calls them
"""What could not be kept, and why."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from contract.identity import parse_thing
from functions.api import shapes
from functions.api.answer import Answer, answer
from functions.api.parameters import Cursor, Thing
from functions.api.request import Request
from functions.services.queries import Queries


class QuarantineOperations:
    def __init__(self, request: Request, queries: Queries) -> None:
        self._request = request
        self._queries = queries

    def device_quarantine(
        self, id: Thing, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Cursor = None
    ) -> Answer:
        """A device's quarantine, newest first."""
        return answer(shapes.quarantine(self._queries.quarantined(parse_thing(id), limit, cursor)))
