"""Backtests from their queue, one at a time."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.domain import alarm_work
from functions.handlers.records import each, failures
from functions.services.backtests import RunBacktest

logger = Logger(service="backtests")
metrics = Metrics(namespace="Fieldline", service="backtests")


@cache
def _run() -> RunBacktest:
    return bootstrap.backtests(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    stages, failed = each(
        event, lambda body: _run().run(alarm_work.decode_backtest(body).id), logger, "work on backtests"
    )
    for stage in filter(None, stages):
        metrics.add_metric(f"backtests_{stage.value.lower()}", MetricUnit.Count, 1)
    metrics.add_metric("failed", MetricUnit.Count, len(failed))
    return failures(failed)
