"""Signing in and out: a function of its own, which touches no table and holds no AWS rights."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions import bootstrap
from functions.api.app import resolver, serve
from functions.api.operations.auth import AuthOperations
from functions.api.request import Request
from functions.routes import ROUTES

logger = Logger(service="auth")


@cache
def _app() -> APIGatewayRestResolver:
    desk, settings = bootstrap.auth(os.environ)
    app = resolver()
    operations = AuthOperations(
        Request(app), desk, path=settings.cookie_path, secure=settings.insecure_cookies != "true"
    )
    routes = [route for route in ROUTES if route.function == "auth"]
    return serve(app, {"auth": operations}, logger, routes=routes)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _app().resolve(event, context)
