"""The WebSocket: who connects, what he says, that he left. API Gateway names the connection, never the client."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.errors import ForbiddenError, UnauthorizedError
from functions.services.live import Live

logger = Logger(service="live")


@cache
def _live() -> Live:
    return bootstrap.live(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    request = event["requestContext"]
    connection = str(request["connectionId"])
    match request["eventType"]:
        case "CONNECT":
            return {"statusCode": _connect(event, connection)}
        case "DISCONNECT":
            _live().disconnect(connection)
            return {"statusCode": 200}
    answer = _live().hear(connection, event.get("body") or "")
    return {"statusCode": 200, **({} if answer is None else {"body": answer.decode()})}


def _connect(event: dict[str, Any], connection: str) -> int:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    origin = headers.get("origin")
    ticket = (event.get("queryStringParameters") or {}).get("ticket")
    try:
        principal = _live().connect(connection, ticket, origin, headers.get("x-forwarded-host"))
    except UnauthorizedError as exc:
        logger.warning("refused", reason=str(exc))
        return 401
    except ForbiddenError as exc:
        logger.warning("refused", reason=str(exc), origin=str(origin)[:200])
        return 403
    logger.info("connected", principal=principal, connection=connection)
    return 200
