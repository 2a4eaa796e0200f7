"""The resolver: each route of the catalogue bound to its operation, behind its permission."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware

from functions.api import problems
from functions.api.bodies import check_body
from functions.api.request import Request, caller
from functions.domain.access import Permission, demand_somewhere
from functions.errors import RequestError
from functions.routes import ROUTES, Route

Middleware = Callable[[APIGatewayRestResolver, NextMiddleware], Response[Any]]
Guards = Callable[[Route], Iterable[Middleware]]

_SHOWN_NAME = 100


def unguarded(_: Route) -> tuple[Middleware, ...]:
    return ()


def resolver() -> APIGatewayRestResolver:
    return APIGatewayRestResolver(enable_validation=True)


def serve(
    app: APIGatewayRestResolver,
    rooms: Mapping[str, object],
    logger: Logger,
    *,
    routes: Iterable[Route] = ROUTES,
    admission: Guards = unguarded,
    once: Guards = unguarded,
) -> APIGatewayRestResolver:
    """Have `app` answer the routes of these `rooms`; raises AttributeError where one lacks an operation.

    A request goes through a route's `admission`, its permission, the look at its body, the validation of its parameters
    and `once`, in this order: what costs little and says little comes first, so that somebody without a right learns
    nothing of what a request must look like.
    """
    validation = _JsonValidation()  # type: ignore[no-untyped-call] # it says nothing of itself
    sound = _sound(Request(app))
    for route in routes:
        if route.room not in rooms:
            continue
        operation = getattr(rooms[route.room], route.operation)
        behind = [] if route.permission is None else [_behind(Permission(route.permission))]
        bind = app.route(
            route.path.replace("{", "<").replace("}", ">"),
            method=route.method,
            operation_id=route.operation,
            tags=[route.room],
            # Of its own accord the resolver validates before everything else.
            enable_validation=False,
            middlewares=[*admission(route), *behind, sound, validation, *once(route)],
        )
        bind(operation)
    problems.install(app, logger)
    return app


class _JsonValidation(OpenAPIRequestValidationMiddleware):
    """Of its own accord it reads forms too, and answers a kind of body that it does not know in words of its own.

    Nor does it see a parameter that is none: a filter that is misspelled would list everything.
    """

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        known = {parameter.alias for parameter in app.context["_route"].dependant.query_params}
        for name in app.current_event.raw_event.get("queryStringParameters") or {}:
            if name not in known:
                expected = f"one of {', '.join(sorted(known))}" if known else "no parameters"
                raise RequestError(name[:_SHOWN_NAME], expected, "a parameter of another name")
        return super().handler(app, next_middleware)

    def _get_body(self, app: Any) -> dict[str, Any]:
        return self._parse_json_data(app)


def _sound(request: Request) -> Middleware:
    def check(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
        check_body(request)
        return proceed(app)

    return check


def _behind(permission: Permission) -> Middleware:
    def check(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
        demand_somewhere(caller(app), permission)
        return proceed(app)

    return check
