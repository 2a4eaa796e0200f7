"""The HTTP API."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions import bootstrap
from functions.api.app import resolver, serve
from functions.api.operations.service import SignIn
from functions.api.request import Request
from functions.api.rooms import rooms

logger = Logger(service="api")


@cache
def _app() -> APIGatewayRestResolver:
    services, settings = bootstrap.api(os.environ)
    sign_in = SignIn(settings.region, settings.client_id, settings.issuer, settings.sign_in_endpoint)
    app = resolver()
    return serve(app, rooms(Request(app), services, sign_in), logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _app().resolve(event, context)
