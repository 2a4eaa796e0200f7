"""users and keys against the real API's code over its in-memory adapters; the second factor as Cognito has it."""

import json
import re

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.access import Grant, Role
from functions.domain.grants import Holder
from tests.functions.api_harness import api_harness, person

ROOT = person("admin", name="ada")


@pytest.fixture
def platform(signed_in, says):
    """An administrator is signed in; press-4 is registered."""
    api = api_harness(SystemClock(), who=ROOT)
    api.principals.holders[ROOT.id] = Holder(id=ROOT.id, kind=ROOT.kind, name="ada", version=1, grants=ROOT.grants)
    api.register("press-4", "plant-1/line-2")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        sent = asked.body.decode() or None
        status, document = api.call(asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=sent)
        headers = {name.lower(): value for name, value in api.headers.items() if name in {"ETag", "Content-Type"}}
        body = "" if document is None else json.dumps(document)
        return says(status, body.encode(), headers)

    signed_in.authorized = authorized
    return api


@pytest.fixture
def eva(platform, run):
    run("users", "invite", "eva@example.org", "--grant", "viewer@*")
    (invited,) = platform.directory.people.values()
    return f"user:{invited.id}"


def held(platform, principal):
    return platform.principals.holders[principal].grants


def test_somebody_is_invited_with_grants(run, platform):
    said = run(
        "users", "invite", "Eva@Example.org", "-g", "operator@group:plant-1", "-g", "viewer@device:press-4"
    ).stdout
    (invited,) = platform.directory.people.values()
    assert said == f"Invited eva@example.org (id {invited.id}).\n"
    assert held(platform, f"user:{invited.id}") == (
        Grant(Role.VIEWER, "device:press-4"),
        Grant(Role.OPERATOR, "group:plant-1"),
    )
    assert run("users", "invite", "eva@example.org", fails=9).stdout == ""


@pytest.mark.parametrize("grant", ["operator", "@*", "boss@*", "operator@"])
def test_a_grant_that_is_none_is_refused_before_anything_is_asked(run, signed_in, grant):
    before = len(signed_in.asked)
    run("users", "invite", "eva@example.org", "--grant", grant, fails=2)
    assert len(signed_in.asked) == before


def test_people_are_listed_and_shown_by_address_or_id(run, platform, eva):
    assert "eva@example.org" in run("users", "list").stdout
    assert json.loads(run("users", "list", "--json", "--email", "ev").stdout)["items"][0]["status"] == "invited"
    assert "nobody" not in run("users", "list", "--email", "no").stdout
    shown = run("users", "show", "EVA@example.org").stdout
    assert re.search(r"viewer\s+\*", shown)
    by_id = json.loads(run("users", "show", eva.removeprefix("user:"), "--json").stdout)
    assert by_id["email"] == "eva@example.org"
    assert "Nobody" in run("users", "show", "bob@example.org", fails=4).stderr
    run("users", "show", "eva", fails=2)


def test_roles_are_given_and_taken_one_by_one(run, platform, eva):
    assert "group:plant-1" in run("users", "grant", "eva@example.org", "operator", "group:plant-1").stdout
    run("users", "grant", "eva@example.org", "admin", "group:plant-1")
    assert held(platform, eva) == (Grant(Role.VIEWER, "*"), Grant(Role.ADMIN, "group:plant-1"))
    assert "plant-1" in run("users", "grants", "eva@example.org").stdout
    run("users", "ungrant", "eva@example.org", "*")
    assert held(platform, eva) == (Grant(Role.ADMIN, "group:plant-1"),)
    assert "no role over exactly *" in run("users", "ungrant", "eva@example.org", "*", fails=4).stderr
    run("users", "grant", "eva@example.org", "boss", "*", fails=2)
    run("users", "grant", "eva@example.org", "viewer", "everything", fails=1)


def test_a_change_of_grants_begins_anew_where_somebody_was_faster(run, platform, eva, signed_in, says):
    path = f"/v1/users/{eva.removeprefix('user:')}/grants"
    document = {"grants": [{"role": "viewer", "scope": "*"}]}
    signed_in.script(path, says(200, document, {"etag": '"0"'}))
    run("users", "grant", "eva@example.org", "operator", "group:plant-1")
    assert len(held(platform, eva)) == 2
    assert [one.method for one in signed_in.calls(path)] == ["GET", "PUT", "GET", "PUT"]


def test_who_may_do_something_is_listed(run, platform, eva):
    rows = run("users", "who", "device:press-4").stdout
    assert "eva@example.org" in rows
    assert "ada" in rows
    assert len(json.loads(run("users", "who", "*", "--json").stdout)["items"]) == 2
    assert "There are more than 1 grants" in run("users", "who", "*", "--limit", "1").stderr


def test_somebody_is_disabled_enabled_reset_and_deleted(run, platform, eva):
    assert run("users", "disable", "eva@example.org").stdout == "eva@example.org is disabled.\n"
    assert platform.principals.holders[eva].disabled
    assert run("users", "enable", "eva@example.org").stdout == "eva@example.org is enabled.\n"
    assert not platform.principals.holders[eva].disabled
    run("users", "reset", "eva@example.org")
    assert platform.directory.sent[-1] == ("eva@example.org", "invitation")
    run("users", "delete", "eva@example.org", stdin="n\n", fails=1)
    assert platform.directory.people
    run("users", "delete", "eva@example.org", "--yes")
    assert not platform.directory.people


def test_the_last_administrator_stays(run, platform):
    made = platform.directory.invite("ada@example.org")
    holder = Holder(id=f"user:{made.id}", kind=ROOT.kind, name=made.email, version=1, grants=ROOT.grants)
    platform.principals.holders = {ROOT.id: platform.principals.holders[ROOT.id], holder.id: holder}
    run("users", "ungrant", "ada@example.org", "*")
    assert held(platform, holder.id) == ()


def test_a_key_is_shown_once_listed_and_revoked(run, platform):
    made = run("keys", "create", "parts shop", "--grant", "viewer@group:plant-1", "--for", "30d")
    (key,) = platform.keys.keys.values()
    assert re.fullmatch(r"flk_[a-z2-7]{16}_[\w-]{43}\n", made.stdout)
    assert "not shown again" in made.stderr
    assert key.expires_at - key.created_at == pytest.approx(30 * 86_400_000, abs=60_000)
    listed = run("keys", "list").stdout
    assert "parts shop" in listed
    assert "viewer@group:plant-1" in listed
    assert made.stdout.strip() not in listed
    assert re.search(r"expires_at\s+in (29|30) d", run("keys", "show", key.id).stdout)
    assert run("keys", "revoke", key.id).stdout == f"Revoked {key.id}.\n"
    assert json.loads(run("keys", "show", key.id, "--json").stdout)["status"] == "revoked"


def test_a_device_s_key_is_made_listed_and_revoked(run, platform):
    made = json.loads(run("keys", "create", "modem", "--device", "press-4", "--json").stdout)
    assert made["key"].startswith("fld_")
    assert made["expires_at"] is None
    assert "modem" in run("keys", "list", "--device", "press-4").stdout
    assert "modem" not in run("keys", "list").stdout
    run("keys", "revoke", made["id"], "--device", "press-4")
    assert platform.keys.keys[made["id"]].revoked_at


@pytest.mark.parametrize(
    "args",
    [
        ["x"],
        ["x", "--grant", "viewer@*", "--device", "press-4"],
        ["x", "--grant", "viewer@*", "--for", "soon"],
        ["x", "--device", "Press 4"],
    ],
)
def test_a_key_that_is_not_said_well_is_refused_before_anything_is_asked(run, signed_in, args):
    before = len(signed_in.asked)
    run("keys", "create", *args, fails=2)
    assert len(signed_in.asked) == before


def test_a_second_factor_is_set_up_and_then_asked_for(run, signed_in):
    result = run("users", "mfa", stdin="000000\n123456\n")
    assert "otpauth://totp/Fieldline:ada?secret=SECRET&issuer=Fieldline" in result.stdout
    assert "asks for a code from now on" in result.stdout
    arguments = ("login", signed_in.api, "--user", "ada", "--password-stdin")
    run(*arguments, stdin="correct horse\n", fails=3)
    run(*arguments, "--code", "123456", stdin="correct horse\n")
    assert "password alone" in run("users", "mfa", "--off").stdout
    run(*arguments, stdin="correct horse\n")
