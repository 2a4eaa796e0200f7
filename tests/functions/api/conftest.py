import json
from types import SimpleNamespace

import msgspec
import pytest
from aws_lambda_powertools import Logger

from contract.models import shipped
from functions.adapters.memory import (
    MemoryQuarantine,
    MemoryRegistry,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.api.app import SignIn, make
from functions.domain.access import Principal, Role
from functions.domain.devices import Source
from functions.services.queries import Queries

DAY = 86_400_000


@pytest.fixture
def api(clock):
    world = MemoryWorld()
    parts = SimpleNamespace(
        clock=clock,
        world=world,
        registry=MemoryRegistry(),
        store=MemoryTelemetryStore(clock=clock, retention_ms=90 * DAY),
        quarantine=MemoryQuarantine(world),
    )
    queries = Queries(
        registry=parts.registry,
        statuses=world,
        store=parts.store,
        quarantine=parts.quarantine,
        models=shipped(),
        clock=clock,
    )
    sign_in = SignIn("eu-west-1", "client", "https://issuer", "https://cognito")
    app = make(queries, sign_in, Logger(service="test"))

    def get(path, *query, roles=(Role.VIEWER,), authorizer=True):
        several = {}
        for name, value in query:
            several.setdefault(name, []).append(value)
        context = {"requestId": "request-1", "stage": "v1"}
        if authorizer:
            principal = Principal("sub-1", "ann", tuple(roles))
            context["authorizer"] = {"principal": msgspec.json.encode(principal).decode()}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": "GET",
            "headers": {},
            "multiValueHeaders": {},
            "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
            "multiValueQueryStringParameters": several or None,
            "requestContext": context,
            "body": None,
            "isBase64Encoded": False,
        }
        answer = app.resolve(event, SimpleNamespace(aws_request_id="r"))
        parts.headers = answer["multiValueHeaders"]
        return answer["statusCode"], json.loads(answer["body"])

    parts.get = get
    parts.register = lambda thing, group="plant-1", model="climate": parts.registry.register(
        thing, thing.title(), model, group, Source.FLEET, clock.now
    )
    return parts
