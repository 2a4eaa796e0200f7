"""The HTTP API."""

import os
from functools import cache
from secrets import token_hex
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions import bootstrap
from functions.api.admission import admitting
from functions.api.app import resolver, serve
from functions.api.idempotency import Once
from functions.api.operations.service import Deployment, SignIn
from functions.api.request import Request
from functions.api.rooms import rooms
from functions.errors import RatesError

logger = Logger(service="api")
_TOKEN_BYTES = 16


@cache
def _app() -> APIGatewayRestResolver:
    services, settings = bootstrap.api(os.environ, _let_in)
    sign_in = SignIn(settings.region, settings.client_id, settings.issuer, settings.sign_in_endpoint)
    deployment = Deployment(settings.stage, settings.region, settings.telemetry_store, settings.retention_days)
    app = resolver()
    request = Request(app)
    return serve(
        app,
        rooms(request, services, sign_in, deployment),
        logger,
        admission=admitting(services.rates),
        once=Once(request, services.requests, services.clock, lambda: token_hex(_TOKEN_BYTES), logger),
    )


def _let_in(exc: RatesError) -> None:
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    logger.warning("the token buckets do not answer: everybody is let in", exc_info=exc)
    with single_metric(name="RateLimitSkipped", unit=MetricUnit.Count, value=1, namespace="Fieldline"):
        pass


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _app().resolve(event, context)
