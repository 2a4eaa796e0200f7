"""The custom resource that brings the built dashboard into the bucket that it is served from."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from functions import bootstrap
from functions.adapters import cloudformation

logger = Logger(service="dashboard_files")
PHYSICAL_ID = "fieldline-dashboard"


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> None:
    problem = None
    try:
        served = bootstrap.dashboard_files(os.environ)(event)
        logger.info("dashboard", served=served)
    except Exception as exc:  # whatever it was, the deployment must not wait an hour for an answer that will not come
        logger.exception("the dashboard could not be brought up")
        problem = f"{type(exc).__name__}: {exc}"
    cloudformation.answer(event, PHYSICAL_ID, problem)
