"""Who the caller is, what he may do, and why: the same answer as the operation itself would give."""

import pytest

import contract
from functions.domain.access import Grant, Kind, Permission, Principal, Role
from tests.functions.api_harness import person


@pytest.fixture
def eva(api):
    api.register("pump-7", "plant-1/line-2")
    api.register("fan-1", "plant-2")
    api.register("far-1", "plant-3")
    return person(("operator", "group:plant-1"), ("viewer", "device:fan-1"), name="eva")


def why(api, who, permission, *target):
    return api.get("/me/why", ("permission", permission), *target, who=who)


def test_me_says_what_each_grant_allows(api, eva):
    status, body = api.get("/me", who=eva)
    allowed = {one["scope"]: one["permissions"] for one in body["allowed"]}
    assert status == 200
    assert "commands:send" in allowed["group:plant-1"]
    assert "commands:send" not in allowed["device:fan-1"]
    assert "telemetry:read" in allowed["device:fan-1"]


def test_what_speaks_of_the_organisation_needs_a_role_over_everything(api):
    _, body = api.get("/me", who=person(("admin", "group:plant-1")))
    assert "grants:write" in body["permissions"]
    assert not {"users:read", "keys:write", "audit:read"} & {*body["permissions"], *body["allowed"][0]["permissions"]}


def test_a_device_is_told_that_it_is_one(api):
    who = Principal("device:pump-7", Kind.DEVICE, "pump-7", (Grant(Role.DEVICE, "device:pump-7"),))
    _, body = api.get("/me", who=who)
    permissions = ["self:read", "telemetry:write", "device-certificates:write"]
    assert (body["kind"], body["permissions"]) == ("device", permissions)


def test_why_names_the_grant_that_allows_it(api, eva):
    assert why(api, eva, "commands:send", ("device", "pump-7")) == (
        200,
        {
            "permission": "commands:send",
            "device": "pump-7",
            "group": "plant-1/line-2",
            "allowed": True,
            "grant": {"role": "operator", "scope": "group:plant-1"},
            "roles": ["admin", "operator"],
            "scopes": ["device:pump-7", "group:plant-1", "group:plant-1/line-2", "*"],
        },
    )


def test_why_not_says_which_roles_over_which_scopes_would_allow_it(api, eva):
    _, body = why(api, eva, "commands:send", ("device", "fan-1"))
    assert (body["allowed"], body["grant"]) == (False, None)
    assert body["roles"] == ["admin", "operator"]
    assert body["scopes"] == ["device:fan-1", "group:plant-2", "*"]


@pytest.mark.parametrize(
    ("permission", "target", "allowed"),
    [
        ("devices:read", ("group", "plant-1/line-9"), True),
        ("devices:read", ("group", "plant-10"), False),
        ("devices:decommission", ("group", "plant-1"), False),
    ],
)
def test_a_group_is_answered_from_one_s_own_grants(api, eva, permission, target, allowed):
    assert why(api, eva, permission, target)[1]["allowed"] is allowed


def test_without_a_target_it_is_about_the_organisation(api, eva):
    _, body = why(api, eva, "users:read")
    assert (body["allowed"], body["roles"], body["scopes"]) == (False, ["admin"], ["*"])
    assert why(api, person("admin"), "users:read")[1]["allowed"] is True


def test_a_role_over_a_group_allows_nothing_of_the_organisation(api):
    who = person(("admin", "group:plant-1"))
    assert why(api, who, "users:read", ("group", "plant-1"))[1]["allowed"] is False
    assert why(api, who, "grants:write", ("group", "plant-1"))[1]["allowed"] is True


def test_of_a_device_that_he_may_not_see_nothing_is_told(api, eva):
    hidden, missing = (why(api, eva, "devices:read", ("device", thing)) for thing in ("far-1", "far-2"))
    assert hidden[0] == missing[0] == 404
    assert hidden[1]["detail"].replace("far-1", "far-2") == missing[1]["detail"]
    assert why(api, person("viewer"), "devices:read", ("device", "far-2"))[1]["group"] is None


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_can_be_asked_for(api, permission):
    assert why(api, person("admin"), permission, ("device", "pump-1"))[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        [("permission", "devices:destroy")],
        [("permission", "devices:read"), ("device", "Pump")],
        [("permission", "devices:read"), ("group", "a//b")],
        [("permission", "devices:read"), ("device", "pump-7"), ("group", "plant-1")],
        [("permission", "")],
        [],
    ],
)
def test_a_question_that_is_none_is_refused(api, eva, query):
    assert api.get("/me/why", *query, who=eva)[0] == 400


@pytest.mark.parametrize("grants", [["admin"], [("viewer", "device:fan-1")]])
def test_whoever_holds_a_role_is_told_what_is_deployed(api, grants):
    assert api.get("/system", who=person(*grants)) == (
        200,
        {
            "version": contract.__version__,
            "api": "v1",
            "stage": "dev",
            "region": "eu-west-1",
            "telemetry_store": "dynamodb",
            "retention_days": 90,
            "time": api.clock.now,
        },
    )


def test_nobody_else_is(api):
    assert api.get("/system", authorizer=False)[0] == 401
