"""Moves history, a slice for each invocation: the `fieldline` command asks, whoever may invoke the function."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from contract.backfill import Answer, PlanRequest, Refused, Unavailable, read_request, write
from contract.errors import DocumentError
from functions import bootstrap
from functions.errors import AdapterError, RequestError
from functions.services.backfill import Backfill

logger = Logger(service="backfill")


@cache
def _backfill() -> Backfill:
    return bootstrap.backfill(os.environ)


@logger.inject_lambda_context
def handler(event: object, _context: Any) -> dict[str, Any]:
    return write(_answer(event))


def _answer(event: object) -> Answer:
    try:
        request = read_request(event)
        if isinstance(request, PlanRequest):
            return _backfill().plan(request)
        copied = _backfill().copy(request)
    except DocumentError as exc:
        return Refused(field=exc.field or "request", expected=exc.expected, got=exc.got)
    except RequestError as exc:
        return Refused(field=exc.field, expected=exc.expected, got=exc.got)
    except AdapterError as exc:
        logger.warning("asked to come again", problem=str(exc))
        return Unavailable(message=str(exc))
    unverified = sum(not day.verified for day in copied.days)
    logger.info("copied", points=copied.points, device_days=len(copied.days), unverified=unverified)
    return copied
