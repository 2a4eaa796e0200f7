"""Answers for the telemetry store inside its network: the API function, which is outside, asks here."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.domain import remote_series
from functions.errors import CursorError, StoreError
from functions.ports.telemetry import SeriesReader

logger = Logger(service="series")


@cache
def _store() -> SeriesReader:
    return bootstrap.series(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        return remote_series.answer(_store().series(remote_series.requested(event)))
    except CursorError as exc:
        return remote_series.refusal(exc)
    except StoreError as exc:
        logger.exception("the telemetry store did not answer")
        return remote_series.refusal(exc)
