"""Changes of shadows from the queue to those who watch."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import bodies, failures
from functions.services.hear_shadows import HearShadows

logger = Logger(service="shadows")
metrics = Metrics(namespace="Fieldline", service="shadows")


@cache
def _hear() -> HearShadows:
    return bootstrap.shadows(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = []
    for identifier, body in bodies(event).items():
        try:
            _hear().take(body)
        except Exception:  # one record that trips a bug must not hold up the others
            logger.exception("a change of a shadow failed and will be delivered again", message_id=identifier)
            failed.append(identifier)
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
