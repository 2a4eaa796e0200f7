"""What is to be done about alarms: deliveries planned, attempted, and tried again."""

import os
from collections import Counter
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import each, failures
from functions.services.actions_work import ActionsWork

logger = Logger(service="actions")
metrics = Metrics(namespace="Fieldline", service="actions")


@cache
def _work() -> ActionsWork:
    return bootstrap.actions(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    reports, failed = each(event, lambda body: _work().take(body), logger, "work on actions")
    for name, count in sum(reports, Counter[str]()).items():
        metrics.add_metric(name, MetricUnit.Count, count)
    # Also none: an alarm must tell a quiet function from one that does not run.
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
