"""The token bucket of the caller, before anything else is done for him."""

from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from functions.api.app import Guards, Middleware
from functions.api.request import caller
from functions.routes import Route
from functions.services.rates import Rates


def admitting(rates: Rates) -> Guards:
    """Public routes have no principal: the gateway's throttles alone bound them."""

    def check(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
        rates.admit(caller(app).id)
        return proceed(app)

    def of(route: Route) -> Iterable[Middleware]:
        return () if route.public else (check,)

    return of
