"""Exports the audit to its bucket, each hour."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from functions import bootstrap

if TYPE_CHECKING:
    from functions.services.audit_export import ExportAudit

logger = Logger(service="audit_export")

LEFT_MS = 30_000
"""No part is begun when less time is left: closing a day reads it once more."""


@cache
def _service() -> "ExportAudit":
    return bootstrap.audit_export(os.environ)


@logger.inject_lambda_context
def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    done = _service().run(lambda: context.get_remaining_time_in_millis() > LEFT_MS)
    if done.faults:
        logger.error("the audit was changed by somebody else than the API", faults=done.faults[:20])
        with single_metric(name="AuditFaults", unit=MetricUnit.Count, value=len(done.faults), namespace="Fieldline"):
            pass
    if not done.finished:
        logger.warning("the time is over before everything is exported; the next run goes on")
    result = {"parts": done.parts, "entries": done.entries, "closed": done.closed, "finished": done.finished}
    logger.info("exported", extra=result)
    return result
