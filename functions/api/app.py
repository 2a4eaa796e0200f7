# ruff: noqa: A002 - parameters are called what the API calls them
"""The operations of `functions.routes`, each bound to its route and behind its permission."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contract.identity import parse_group, parse_metric, parse_thing
from functions.api import problems, shapes
from functions.api.times import duration_ms, listed, moment, shown
from functions.domain.access import Permission, Principal, demand
from functions.domain.devices import DeviceFilter
from functions.domain.series import MAX_METRICS, Aggregate
from functions.errors import RequestError, UnauthorizedError
from functions.routes import ROUTES
from functions.services.queries import Queries, SeriesRequest

Answer = Response[str]
Cursor = Annotated[str | None, Query(max_length=1024)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Name = Annotated[str | None, Query(max_length=400)]
Thing = Annotated[str, Path(max_length=200)]

_MAX_BIN_MS = 366 * 86_400_000
_principal = msgspec.json.Decoder(Principal)


class SignIn(msgspec.Struct, frozen=True):
    """What a client needs to get a token."""

    region: str
    client_id: str
    issuer: str
    endpoint: str


class Operations:
    """One method for each operation of the route catalogue."""

    def __init__(self, app: APIGatewayRestResolver, queries: Queries, sign_in: SignIn) -> None:
        self._app = app
        self._queries = queries
        self._sign_in = sign_in

    def health(self) -> Answer:
        return _json({"status": "ok", "time": self._queries.clock.now_ms()})

    def sign_in(self) -> Answer:
        return _json(msgspec.structs.asdict(self._sign_in))

    def me(self) -> Answer:
        return _json(shapes.principal(caller(self._app)))

    def list_devices(self, group: Name = None, model: Name = None, limit: Limit = 100, cursor: Cursor = None) -> Answer:
        wanted = DeviceFilter(None if group is None else parse_group(group), None if model is None else _model(model))
        found, more = self._queries.devices(wanted, limit, cursor)
        return _json({"items": [shapes.device_item(one) for one in found], "cursor": more})

    def show_device(self, id: Thing) -> Answer:
        return _json(shapes.device(self._queries.device(parse_thing(id)), self._queries.clock.now_ms()))

    def device_telemetry(
        self,
        id: Thing,
        metric: Annotated[list[str], Query(max_length=100)],
        from_: Annotated[str, Query(alias="from", max_length=64)] = "-1h",
        to: Annotated[str | None, Query(max_length=64)] = None,
        bin: Annotated[str | None, Query(max_length=32)] = None,
        agg: Annotated[list[str] | None, Query(max_length=20)] = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> Answer:
        now = self._queries.clock.now_ms()
        start = moment("from", from_, now)
        end = now if to is None else moment("to", to, now)
        bin_ms = None if bin is None else _bin(bin)
        if agg is not None and bin_ms is None:
            raise RequestError("agg", "`bin` with it", "no bin")
        request = SeriesRequest(
            device=parse_thing(id),
            metrics=_metrics(metric),
            start=start,
            end=end,
            asked=(from_, to or ""),
            bin_ms=bin_ms,
            aggregates=_aggregates(agg),
            cursor=cursor,
            limit=limit,
        )
        return _json(shapes.series(id, bin_ms, self._queries.series(request)))

    def device_quarantine(
        self, id: Thing, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Cursor = None
    ) -> Answer:
        return _json(shapes.quarantine(self._queries.quarantined(parse_thing(id), limit, cursor)))

    def fleet_summary(self, cursor: Cursor = None) -> Answer:
        return _json(shapes.fleet_summary(self._queries.summary(cursor)))


def make(queries: Queries, sign_in: SignIn, logger: Logger) -> APIGatewayRestResolver:
    """The resolver that serves exactly the route catalogue."""
    app = APIGatewayRestResolver(enable_validation=True)
    operations = Operations(app, queries, sign_in)
    for route in ROUTES:
        bind = app.route(
            route.path.replace("{", "<").replace("}", ">"),
            method=route.method,
            operation_id=route.operation,
            middlewares=[] if route.permission is None else [_behind(Permission(route.permission))],
        )
        bind(getattr(operations, route.operation))
    problems.install(app, logger)
    return app


def caller(app: APIGatewayRestResolver) -> Principal:
    """Whom the authorizer admitted; raises UnauthorizedError when it was not asked."""
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    try:
        return _principal.decode(authorizer["principal"])
    except (KeyError, TypeError, msgspec.DecodeError) as exc:
        raise UnauthorizedError("the request came past the authorizer") from exc


def _behind(permission: Permission) -> Callable[[APIGatewayRestResolver, NextMiddleware], Response[Any]]:
    def check(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
        demand(caller(app), permission)
        return proceed(app)

    return check


def _json(document: dict[str, Any]) -> Answer:
    return Response(
        200,
        content_type="application/json",
        body=msgspec.json.encode(document).decode(),
        headers={"Cache-Control": "no-store"},
    )


def _model(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise RequestError("model", "the name of a device model", shown(text))
    return text


def _metrics(texts: list[str]) -> tuple[str, ...]:
    metrics = tuple(parse_metric(text) for text in listed(texts))
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise RequestError("metric", f"1 to {MAX_METRICS} metrics", str(len(metrics)))
    return tuple(sorted(metrics))


def _bin(text: str) -> int:
    bin_ms = duration_ms("bin", text)
    if bin_ms > _MAX_BIN_MS:
        raise RequestError("bin", "at most 366d", shown(text))
    return bin_ms


def _aggregates(texts: list[str] | None) -> tuple[Aggregate, ...]:
    names = listed(texts or ["avg"])
    unknown = [name for name in names if name not in list(Aggregate)]
    if unknown or not names:
        raise RequestError("agg", f"some of {', '.join(Aggregate)}", shown(", ".join(unknown)))
    return tuple(Aggregate(name) for name in names)
