"""Telemetry from the queue into history, quarantine, lake and state."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions import bootstrap
from functions.handlers.records import bodies, failures
from functions.services.ingest import Ingest

logger = Logger(service="ingest")
metrics = Metrics(namespace="Fieldline", service="ingest")


@cache
def _ingest() -> Ingest:
    return bootstrap.ingest(os.environ)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    report = _ingest().take(bodies(event))
    for problem in report.problems:
        logger.error("messages failed and will be delivered again", problem=problem, failed=len(report.failed))
    for problem in report.alone:
        logger.error("messages of a device were read one by one", problem=problem)
    for name in ("messages", "points", "duplicates", "late"):
        metrics.add_metric(name, MetricUnit.Count, getattr(report, name))
    metrics.add_metric("quarantined", MetricUnit.Count, report.quarantined.total())
    metrics.add_metric("failed", MetricUnit.Count, len(report.failed))
    for kind, count in report.transitions.items():
        metrics.add_metric(f"alarms_{kind}", MetricUnit.Count, count)
    metrics.add_metric("rules_refused", MetricUnit.Count, len(report.refused))
    for thing, rule in sorted(report.refused):
        logger.warning("a rule is not run: the state of the device has no room for it", thing=thing, rule=rule)
    for outcome, count in report.replayed.items():
        metrics.add_metric(f"replayed_{outcome}", MetricUnit.Count, count)
    if report.quarantined:
        logger.warning("messages quarantined", reasons=dict(report.quarantined))
    return failures(report.failed)
