"""Device events from the queue into the event log."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import bodies, failures
from functions.services.events import KeepEvents

logger = Logger(service="events")
metrics = Metrics(namespace="Fieldline", service="events")


@cache
def _keep() -> KeepEvents:
    return bootstrap.events(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = []
    quarantined = 0
    for identifier, body in bodies(event).items():
        try:
            quarantined += not _keep().take(body)
        except Exception:  # one record that trips a bug must not hold up the others
            logger.exception("a device event failed and will be delivered again", message_id=identifier)
            failed.append(identifier)
    metrics.add_metric("quarantined", MetricUnit.Count, quarantined)
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
