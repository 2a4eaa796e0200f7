"""The resolver: each route of the catalogue bound to its operation, behind its permission."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from functions.api import problems
from functions.api.request import caller
from functions.domain.access import Permission, demand_somewhere
from functions.routes import ROUTES, Route

Middleware = Callable[[APIGatewayRestResolver, NextMiddleware], Response[Any]]
Guards = Callable[[Route], Iterable[Middleware]]


def resolver() -> APIGatewayRestResolver:
    return APIGatewayRestResolver(enable_validation=True)


def serve(
    app: APIGatewayRestResolver,
    rooms: Mapping[str, object],
    logger: Logger,
    *,
    routes: Iterable[Route] = ROUTES,
    guards: Guards = lambda _: (),
) -> APIGatewayRestResolver:
    """Have `app` answer the routes that `rooms` has operations for.

    `guards` are a route's own middlewares; they run before its permission is looked at, in their order.
    """
    for route in routes:
        operation = getattr(rooms.get(route.room), route.operation, None)
        if operation is None:
            continue
        behind = [] if route.permission is None else [_behind(Permission(route.permission))]
        bind = app.route(
            route.path.replace("{", "<").replace("}", ">"),
            method=route.method,
            operation_id=route.operation,
            tags=[route.room],
            middlewares=[*guards(route), *behind],
        )
        bind(operation)
    problems.install(app, logger)
    return app


def _behind(permission: Permission) -> Middleware:
    def check(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
        demand_somewhere(caller(app), permission)
        return proceed(app)

    return check
