"""A DynamoDB client of boto3's shape, for what our adapters ask."""

import uuid
from typing import Any

from tests.simulation.dynamodb import Database
from tests.simulation.wires import Direct, Wire


class DynamoDBClient:
    def __init__(self, database: Database, wire: Wire | None = None) -> None:
        self._database = database
        self._wire = wire or Direct()

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        return self._wire.call("dynamodb", operation, request, lambda: self._database.run(operation, request))

    def get_item(self, **request: Any) -> Any:
        return self._call("get_item", request)

    def batch_get_item(self, **request: Any) -> Any:
        return self._call("batch_get_item", request)

    def put_item(self, **request: Any) -> Any:
        return self._call("put_item", request)

    def update_item(self, **request: Any) -> Any:
        return self._call("update_item", request)

    def delete_item(self, **request: Any) -> Any:
        return self._call("delete_item", request)

    def query(self, **request: Any) -> Any:
        return self._call("query", request)

    def scan(self, **request: Any) -> Any:
        return self._call("scan", request)

    def batch_write_item(self, **request: Any) -> Any:
        return self._call("batch_write_item", request)

    def transact_write_items(self, **request: Any) -> Any:
        # botocore makes one token for all attempts of a call, where none is given.
        request.setdefault("ClientRequestToken", uuid.uuid4().hex)
        return self._call("transact_write_items", request)
