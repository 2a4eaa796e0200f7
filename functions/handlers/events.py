"""Device events from the queue into the event log."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import each, failures
from functions.services.events import KeepEvents

logger = Logger(service="events")
metrics = Metrics(namespace="Fieldline", service="events")


@cache
def _keep() -> KeepEvents:
    return bootstrap.events(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    kept, failed = each(event, lambda body: _keep().take(body), logger, "a device event")
    metrics.add_metric("quarantined", MetricUnit.Count, kept.count(False))
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
