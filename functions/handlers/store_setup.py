"""The custom resource that sets up the telemetry store: has it done inside the store's network, and answers for it."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.adapters import cloudformation

logger = Logger(service="store_setup")
PHYSICAL_ID = "fieldline-telemetry-store"
ANSWER_S = 15
"""Kept back to answer CloudFormation in, who would wait for an hour otherwise."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> None:
    problem = None
    try:
        within_s = context.get_remaining_time_in_millis() / 1000 - ANSWER_S
        outcome = bootstrap.store_setup(os.environ, within_s)(event)
        logger.info("telemetry store", done=outcome.done, left=outcome.left)
    except Exception as exc:  # whatever it was, the deployment must not wait an hour for an answer that will not come
        logger.exception("the telemetry store could not be set up")
        problem = f"{type(exc).__name__}: {exc}"
    if problem is not None and event.get("RequestType") == "Delete":
        # What is left are tokens of an instance that goes too. A failed answer would hold up the stack for them.
        logger.warning("left behind", what=f"tokens and database: {problem}")
        problem = None
    cloudformation.answer(event, event.get("PhysicalResourceId") or PHYSICAL_ID, problem)
