"""Permissions of routes, in general; each room's tests have their own scopes."""

import re

import pytest

from functions.domain.access import MATRIX, Permission, Role
from functions.errors import RegistryError
from functions.routes import ROUTES
from tests.functions.api_harness import person

PROTECTED = [route for route in ROUTES if not route.public]


def concrete(route):
    return re.sub(r"{\w+}", "x-1", route.path)


def test_every_permission_guards_a_route_and_every_guard_is_a_permission():
    assert {route.permission for route in PROTECTED} == set(Permission)


def test_operations_are_named_once():
    names = [route.operation for route in ROUTES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
def test_who_holds_a_permission_nowhere_is_refused_before_anything_is_looked_up(api, route):
    outsiders = [role for role in (*Role, None) if role not in MATRIX[Permission(route.permission)]]
    for role in outsiders:
        who = person() if role is None else person(role)
        status, body = api.call(route.method, concrete(route), who=who, body=None if route.method == "GET" else {})
        assert status == 403, (role, body)
        assert body["detail"].startswith(f"{route.permission} needs ")


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
def test_a_request_that_came_past_the_authorizer_is_refused(api, route):
    assert api.call(route.method, concrete(route), authorizer=False)[0] == 401


def test_people_see_who_they_are(api):
    status, body = api.get("/me", who=person("viewer"))
    assert status == 200
    assert (body["id"], body["kind"], body["name"]) == ("user:ann", "user", "ann")
    assert body["grants"] == [{"role": "viewer", "scope": "*"}]
    assert "devices:read" in body["permissions"]
    assert "commands:send" not in body["permissions"]


def test_anybody_may_ask_how_to_sign_in(api):
    assert api.get("/sign-in", authorizer=False) == (
        200,
        {"region": "eu-west-1", "client_id": "client", "issuer": "https://issuer", "endpoint": "https://cognito"},
    )


def test_a_service_that_does_not_answer_is_a_503_that_tells_no_secrets(api, monkeypatch):
    def fail(things):
        raise RegistryError("reading 1 items of secret-table-name: timeout")

    monkeypatch.setattr(api.registry, "find", fail)
    status, body = api.get("/devices/pump-1")
    assert (status, api.headers["Retry-After"]) == (503, "1")
    assert body["type"] == "urn:fieldline:problem:unavailable"
    assert "secret" not in str(body)


@pytest.mark.parametrize(("path", "expected"), [("/devices", "one of cursor, "), ("/me", "no parameters")])
def test_a_parameter_that_is_none_is_refused_rather_than_passed_over(api, path, expected):
    status, problem = api.get(path, ("grup", "plant-1"))
    assert (status, problem["field"]) == (400, "grup")
    assert problem["expected"].startswith(expected)
    assert api.get(path)[0] == 200
