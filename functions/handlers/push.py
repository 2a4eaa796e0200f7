"""Live events from the queue to those who watch."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import bodies, failures
from functions.services.live_push import Push

logger = Logger(service="push")
metrics = Metrics(namespace="Fieldline", service="push")


@cache
def _push() -> Push:
    return bootstrap.push(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    report = _push().take(bodies(event))
    for problem in report.problems:
        logger.error("live events failed and will be delivered again", problem=problem)
    for name in ("events", "stale", "frames", "connections", "gone", "slow", "unsent", "revoked"):
        metrics.add_metric(name, MetricUnit.Count, getattr(report, name))
    metrics.add_metric("oldest", MetricUnit.Milliseconds, report.oldest_ms)
    return failures(report.failed)
