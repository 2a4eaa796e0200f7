import inspect

import pytest

from functions.api.app import Operations
from functions.domain.access import MATRIX, Permission, Principal, Role, demand, roles_of
from functions.errors import ForbiddenError, RegistryError
from functions.routes import ROUTES

PROTECTED = [route for route in ROUTES if not route.public]


def test_every_operation_has_a_route_and_every_route_an_operation():
    operations = {name for name, _ in inspect.getmembers(Operations, inspect.isfunction) if not name.startswith("_")}
    assert operations == {route.operation for route in ROUTES}


def test_the_resolver_serves_exactly_the_routes(api):
    for route in ROUTES:
        path = route.path.replace("{id}", "pump-1")
        status, body = api.get(path, ("metric", "temperature"), authorizer=False)
        assert (status == 200) == route.public, (route, body)
        assert status in (200, 401)


def test_no_permission_is_undecided():
    assert set(MATRIX) == set(Permission)
    assert {route.permission for route in PROTECTED} == set(Permission)
    assert all(roles for roles in MATRIX.values())


def test_an_admin_may_do_everything_that_anybody_may():
    assert all(Role.ADMIN in roles for roles in MATRIX.values())


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
@pytest.mark.parametrize("role", [*Role, None])
def test_a_route_admits_exactly_the_roles_of_its_permission(api, route, role):
    api.register("pump-1")
    query = [("metric", "temperature")] if route.operation == "device_telemetry" else []
    roles = () if role is None else (role,)
    status, body = api.get(route.path.replace("{id}", "pump-1"), *query, roles=roles)
    assert status == (200 if role in MATRIX[Permission(route.permission)] else 403), body


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
def test_a_request_that_came_past_the_authorizer_is_refused(api, route):
    assert api.get(route.path.replace("{id}", "pump-1"), ("metric", "t"), authorizer=False)[0] == 401


def test_a_refusal_names_permission_and_roles():
    with pytest.raises(ForbiddenError, match=r"quarantine:read needs one of the roles admin, operator, got viewer"):
        demand(Principal("s", "u", (Role.VIEWER,)), Permission.QUARANTINE_READ)


def test_groups_that_are_no_role_mean_nothing():
    assert roles_of(["viewer", "root", "Admin", "admin"]) == (Role.ADMIN, Role.VIEWER)


def test_people_see_who_they_are(api):
    assert api.get("/me", roles=("viewer",)) == (
        200,
        {
            "sub": "sub-1",
            "username": "ann",
            "roles": ["viewer"],
            "permissions": ["self:read", "devices:read", "telemetry:read"],
        },
    )


def test_anybody_may_ask_how_to_sign_in(api):
    assert api.get("/sign-in", authorizer=False) == (
        200,
        {
            "region": "eu-west-1",
            "client_id": "client",
            "issuer": "https://issuer",
            "endpoint": "https://cognito",
        },
    )


def test_a_service_that_does_not_answer_is_a_503_that_tells_no_secrets(api, monkeypatch):
    def fail(things):
        raise RegistryError("reading 1 items of secret-table-name: timeout")

    monkeypatch.setattr(api.registry, "find", fail)
    status, body = api.get("/devices/pump-1")
    assert (status, api.headers["Retry-After"]) == (503, ["1"])
    assert "secret" not in str(body)
