"""Timestream for LiveAnalytics' protocol: AWS JSON 1.0, both of its services on one address."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from local.timestream import aws_shapes
from local.timestream.engine import Engine
from local.timestream.errors import EngineError, MissingError, OverloadedError
from local.timestream.liveanalytics_errors import CLOSED_ACCOUNT, ServiceError, missing
from local.timestream.liveanalytics_query import Querier
from local.timestream.liveanalytics_tables import Answer, Request, Retention, Tables
from local.timestream.liveanalytics_write import Writer

_TARGET = "Timestream_20181101."
_TYPE = "com.amazonaws.timestream.v20181101#"
DEFAULT_REGION = "us-east-1"
_encode = msgspec.json.Encoder().encode

log = logging.getLogger(__name__)


class LiveAnalytics:
    """`closed`: as an account that never used the service is answered since it was closed to such."""

    def __init__(self, engine: Engine, *, closed: bool = False) -> None:
        self._engine = engine
        self._closed = closed
        self._tables = Tables(engine, DEFAULT_REGION)
        self._writer = Writer(engine, self._tables)
        querier = Querier(engine, self._tables)
        tables = self._tables
        self._operations: Mapping[str, Callable[[Request], Answer]] = {
            "CreateDatabase": tables.create_database,
            "DescribeDatabase": tables.describe_database,
            "ListDatabases": tables.list_databases,
            "UpdateDatabase": tables.update_database,
            "DeleteDatabase": tables.delete_database,
            "CreateTable": tables.create_table,
            "DescribeTable": tables.describe_table,
            "ListTables": tables.list_tables,
            "UpdateTable": tables.update_table,
            "DeleteTable": tables.delete_table,
            "TagResource": tables.tag_resource,
            "UntagResource": tables.untag_resource,
            "ListTagsForResource": tables.list_tags_for_resource,
            "Query": querier.query,
            "CancelQuery": querier.cancel,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Any request that has an X-Amz-Target."""
        operation = request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        try:
            return _json(200, await self._answer(operation, request))
        except ServiceError as exc:
            return _error(exc)
        except Exception:  # a mistake of ours is told as the service tells its own, with the story in the log
            log.exception("%s failed", operation)
            return _error(ServiceError("InternalServerException", "The look-alike failed; its log says how."))

    def expire(self, now_ns: int) -> None:
        """Delete what is older than each table's retention, which no query shows any more."""
        for table in self._tables.all():
            self._engine.delete(table, None, 0, Retention(table.properties).oldest(now_ns))

    async def _answer(self, operation: str, request: web.Request) -> Answer:
        if self._closed:
            raise ServiceError("AccessDeniedException", CLOSED_ACCOUNT)
        if operation == "DescribeEndpoints":
            return {"Endpoints": [{"Address": f"http://{request.host}", "CachePeriodInMinutes": 1440}]}
        body = await _body(request)
        if operation == "WriteRecords":
            return await _beside(self._writer.write, body)
        perform = self._operations.get(operation)
        if perform is None:
            if aws_shapes.is_operation(operation):
                raise ServiceError("ValidationException", f"{operation} is not supported by this look-alike.")
            raise ServiceError("UnknownOperationException", f"Unknown operation {operation}")
        asked = _decoded(body)
        aws_shapes.require_valid(operation, asked)
        return await _beside(perform, asked)


async def _beside(perform: Callable[[Any], Answer], asked: object) -> Answer:
    """Off the event loop; the engine's errors in the service's words."""
    try:
        return await asyncio.to_thread(perform, asked)
    except OverloadedError as exc:
        raise ServiceError("ThrottlingException", str(exc)) from exc
    except MissingError as exc:
        raise missing(str(exc)) from exc
    except EngineError as exc:
        log.error("%s", exc)  # noqa: TRY400 - the sentence says it all
        raise ServiceError("InternalServerException", str(exc)) from exc


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as exc:
        raise ServiceError("ValidationException", "The request is too large.") from exc


def _decoded(body: bytes) -> Request:
    try:
        asked = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ServiceError("SerializationException", "The request is not valid JSON.") from exc
    if not isinstance(asked, dict):
        raise ServiceError("SerializationException", "The request is not a JSON object.")
    return asked


def _error(exc: ServiceError) -> web.Response:
    told = {"__type": _TYPE + exc.code, "Message": str(exc), "message": str(exc), **exc.extra}
    return _json(exc.status, told)


def _json(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=_encode(body), content_type="application/x-amz-json-1.0")
