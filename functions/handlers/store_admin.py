"""Sets up the telemetry store inside its network, on the order of the function that answers CloudFormation."""

import os
from functools import cache
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.domain.store_setup import Outcome, order
from functions.errors import RequestError, StoreAdminError
from functions.services.store_admin import StoreAdmin

logger = Logger(service="store_admin")


@cache
def _admin() -> StoreAdmin:
    return bootstrap.store_admin(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        outcome = _admin().carry_out(order(event))
    except (RequestError, StoreAdminError) as exc:
        logger.exception("the telemetry store could not be set up")
        outcome = Outcome(problem=str(exc))
    for what in outcome.left:
        logger.warning("left behind", what=what)
    logger.info("telemetry store", done=outcome.done)
    answer: dict[str, Any] = msgspec.to_builtins(outcome)
    return answer
