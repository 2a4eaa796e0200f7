"""Changes of shadows from the queue to those who watch."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import each, failures
from functions.services.hear_shadows import HearShadows

logger = Logger(service="shadows")
metrics = Metrics(namespace="Fieldline", service="shadows")


@cache
def _hear() -> HearShadows:
    return bootstrap.shadows(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    _, failed = each(event, lambda body: _hear().take(body), logger, "a change of a shadow")
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
