# ruff: noqa: A002 - parameters are called what the API calls them
"""Devices: what is known of them."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from contract.identity import parse_group, parse_thing
from functions.api import shapes
from functions.api.answer import Answer, answer
from functions.api.parameters import Cursor, Limit, Name, Thing, model_name
from functions.api.request import Request
from functions.domain.devices import DeviceFilter
from functions.services.queries import Queries


class DeviceOperations:
    def __init__(self, request: Request, queries: Queries) -> None:
        self._request = request
        self._queries = queries

    def list_devices(self, group: Name = None, model: Name = None, limit: Limit = 100, cursor: Cursor = None) -> Answer:
        """Devices in the caller's reach."""
        wanted = DeviceFilter(
            None if group is None else parse_group(group), None if model is None else model_name(model)
        )
        found, more = self._queries.devices(wanted, limit, cursor)
        return answer({"items": [shapes.device_item(one) for one in found], "cursor": more})

    def show_device(self, id: Thing) -> Answer:
        """A device as it is."""
        return answer(shapes.device(self._queries.device(parse_thing(id)), self._queries.clock.now_ms()))

    def fleet_summary(self, cursor: Annotated[str | None, Query(max_length=1024)] = None) -> Answer:
        """Sums over a page of devices."""
        return answer(shapes.fleet_summary(self._queries.summary(cursor)))
