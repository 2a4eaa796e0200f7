"""Lifecycle events from the queue into presence."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import bodies, failures
from functions.services.presence import KeepPresence

logger = Logger(service="presence")
metrics = Metrics(namespace="Fieldline", service="presence")


@cache
def _keep() -> KeepPresence:
    return bootstrap.presence(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = []
    strangers = 0
    for identifier, body in bodies(event).items():
        try:
            strangers += not _keep().take(body)
        except Exception:  # one record that trips a bug must not hold up the others
            logger.exception("a lifecycle event failed and will be delivered again", message_id=identifier)
            failed.append(identifier)
    metrics.add_metric("strangers", MetricUnit.Count, strangers)
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
