"""Lifecycle events from the queue into presence."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import each, failures
from functions.services.presence import KeepPresence

logger = Logger(service="presence")
metrics = Metrics(namespace="Fieldline", service="presence")


@cache
def _keep() -> KeepPresence:
    return bootstrap.presence(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    known, failed = each(event, lambda body: _keep().take(body), logger, "a lifecycle event")
    metrics.add_metric("strangers", MetricUnit.Count, known.count(False))
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
