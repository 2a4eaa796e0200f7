"""People and their grants through the API: who sees whom, who may give what, and what can never be taken."""

import msgspec
import pytest

from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.domain.grants import Holder
from functions.errors import PreconditionError, PrincipalsError
from tests.functions.api_harness import person


def sub(number):
    return f"00000000-0000-4000-8000-{number:012d}"


class People:
    """Makes people who can sign in, and gives them as callers."""

    def __init__(self, api):
        self._api = api

    def __call__(self, name, *grants):
        invited = self._api.directory.invite(f"{name}@example.org")
        held = tuple(Grant(Role(role), scope) for role, scope in grants)
        holder = Holder(id=f"user:{invited.id}", kind=Kind.USER, name=invited.email, version=1, grants=held)
        self._api.principals.holders[holder.id] = holder
        return holder.principal

    def stored(self, who):
        return self._api.principals.holders[who.id]


@pytest.fixture
def people(api):
    return People(api)


@pytest.fixture
def root(people):
    return people("root", ("admin", "*"))


def path(who, *more):
    return "/".join(["/users", who.id.removeprefix("user:"), *more])


def put_grants(api, who, whom, *grants, version=None, **options):
    if version is None:
        api.get(path(whom, "grants"), who=who)
        version = api.headers.get("ETag", '"0"')
    body = {"grants": [{"role": role, "scope": scope} for role, scope in grants]}
    return api.call("PUT", path(whom, "grants"), body=body, headers={"If-Match": version}, who=who, **options)


def invite(api, who, email="eva@example.org", **more):
    return api.call("POST", "/users", body={"email": email, **more}, who=who)


def down(_):
    raise PrincipalsError("down")


def test_somebody_is_invited_with_grants(api, root, people):
    status, body = invite(api, root, "Eva@Example.org", grants=[{"role": "viewer", "scope": "group:plant-1"}])
    assert status == 201
    assert (body["email"], body["status"], body["enabled"]) == ("eva@example.org", "invited", True)
    assert body["grants"] == [{"role": "viewer", "scope": "group:plant-1"}]
    assert api.headers["ETag"] == '"1"'
    assert api.directory.sent[-1] == ("eva@example.org", "invitation")
    assert api.get(f"/users/{body['id']}", who=root) == (200, body)
    assert [note.action for note in api.journal.notes] == ["user.invite", "user.create"]


def test_an_address_is_invited_once(api, root):
    assert invite(api, root)[0] == 201
    assert invite(api, root, "EVA@example.org")[0] == 409
    assert api.journal.notes[-1].action == "user.invite.failed"


@pytest.mark.parametrize(
    "email",
    [
        "",
        "eva",
        "@example.org",
        "eva@",
        "eva@example",
        "<b>@example.org",
        'e"@example.org',
        "a@b.c\nx",
        "e" * 250 + "@example.org",
    ],
)
def test_what_is_no_address_is_not_invited(api, root, email):
    status, body = invite(api, root, email)
    assert (status, body["field"]) == (400, "email")
    assert [person.email for person in api.directory.people.values()] == ["root@example.org"]


@pytest.mark.parametrize(
    "more",
    [{"status": "active"}, {"id": sub(7)}, {"disabled": False}, {"kind": "key"}, {"version": 9}, {"role": "admin"}],
)
def test_an_invitation_with_more_than_it_may_say_is_refused(api, root, more):
    status, body = invite(api, root, **more)
    assert (status, body["field"]) == (400, *more)
    assert invite(api, root)[0] == 201


@pytest.mark.parametrize(
    "grant",
    [
        {"role": "device", "scope": "device:pump-7"},
        {"role": "root", "scope": "*"},
        {"role": "admin", "scope": "everything"},
        {"role": "admin", "scope": "group:Plant"},
        {"role": "admin"},
        {"role": "admin", "scope": "*", "until": 9},
    ],
)
def test_a_grant_that_cannot_be_is_refused(api, root, grant):
    assert invite(api, root, grants=[grant])[0] == 400
    assert invite(api, root, grants=[{"role": "admin", "scope": "*"}])[0] == 201


def test_a_scope_has_one_role_and_there_are_forty_at_most(api, root):
    twice = [{"role": role, "scope": "group:plant-1"} for role in ("viewer", "admin")]
    assert invite(api, root, grants=twice)[0] == 400
    many = [{"role": "viewer", "scope": f"device:pump-{at}"} for at in range(41)]
    assert invite(api, root, grants=many)[0] == 400
    assert invite(api, root, grants=many[:40])[0] == 201


def test_everybody_is_listed_page_by_page_and_by_the_beginning_of_his_address(api, root, people):
    for name in ("eva", "eve", "bob"):
        people(name)
    _, first = api.get("/users", ("limit", "3"), who=root)
    _, rest = api.get("/users", ("limit", "3"), ("cursor", first["cursor"]), who=root)
    assert [one["email"].split("@")[0] for one in (*first["items"], *rest["items"])] == ["root", "eva", "eve", "bob"]
    assert rest["cursor"] is None
    _, found = api.get("/users", ("email", "EV"), who=root)
    assert [one["email"] for one in found["items"]] == ["eva@example.org", "eve@example.org"]


@pytest.mark.parametrize("beginning", ['eva" or email ^= "', "\\", "a b", "ä", '"'])
def test_a_filter_cannot_leave_its_quotes(api, root, beginning):
    assert api.get("/users", ("email", beginning), who=root)[0] == 400


def test_a_cursor_of_somebody_else_or_of_another_list_is_refused(api, root, people):
    other = people("other", ("admin", "*"))
    _, page = api.get("/users", ("limit", "1"), who=root)
    cursor = page["cursor"]
    assert api.get("/users", ("limit", "1"), ("cursor", cursor), who=root)[0] == 200
    assert api.get("/users", ("limit", "1"), ("cursor", cursor), who=other)[0] == 400
    assert api.get("/users", ("limit", "1"), ("cursor", cursor), ("email", "o"), who=root)[0] == 400
    assert api.get("/grants", ("scope", "*"), ("cursor", cursor), who=root)[0] == 400


def test_somebody_is_disabled_and_enabled_again(api, root, people):
    eva = people("eva", ("viewer", "*"))
    status, body = api.call("PATCH", path(eva), body={"enabled": False}, who=root)
    assert (status, body["enabled"]) == (200, False)
    assert people.stored(eva).disabled
    assert not api.directory.find(eva.id.removeprefix("user:")).enabled
    assert people.stored(eva).grants == eva.grants
    status, body = api.call("PATCH", path(eva), body={"enabled": True}, who=root)
    assert (status, body["enabled"]) == (200, True)
    assert not people.stored(eva).disabled
    assert [note.action for note in api.journal.notes] == ["user.disable", "user.enable"]


def test_whoever_is_disabled_is_refused_even_where_the_directory_fails(api, root, people, monkeypatch):
    eva = people("eva", ("viewer", "*"))
    monkeypatch.setattr(api.directory, "disable", down)
    assert api.call("PATCH", path(eva), body={"enabled": False}, who=root)[0] == 503
    assert people.stored(eva).disabled
    assert [note.action for note in api.journal.notes] == ["user.disable", "user.disable.failed"]
    monkeypatch.undo()
    assert api.call("PATCH", path(eva), body={"enabled": False}, who=root)[0] == 200
    assert [note.action for note in api.journal.notes[2:]] == ["user.disable"]
    assert api.call("PATCH", path(eva), body={"enabled": False}, who=root)[0] == 200
    assert len(api.journal.notes) == 3


def test_whoever_was_disabled_in_the_directory_itself_is_enabled_and_that_is_audited(api, root, people, monkeypatch):
    eva = people("eva", ("viewer", "*"))
    api.directory.disable(eva.id.removeprefix("user:"))
    assert api.get(path(eva), who=root)[1]["enabled"] is False
    monkeypatch.setattr(api.directory, "enable", down)
    assert api.call("PATCH", path(eva), body={"enabled": True}, who=root)[0] == 503
    monkeypatch.undo()
    assert api.call("PATCH", path(eva), body={"enabled": True}, who=root)[1]["enabled"] is True
    assert [note.action for note in api.journal.notes] == ["user.enable", "user.enable.failed", "user.enable"]


@pytest.mark.parametrize("body", [{}, {"enabled": "no"}, {"enabled": False, "grants": []}, {"email": "x@example.org"}])
def test_nothing_else_of_a_user_can_be_changed(api, root, people, body):
    eva = people("eva")
    assert api.call("PATCH", path(eva), body=body, who=root)[0] == 400
    assert api.call("PATCH", path(eva), body={"enabled": False}, who=root)[0] == 200


def test_a_change_that_was_meant_for_another_version_is_refused(api, root, people):
    eva = people("eva")
    assert api.call("PATCH", path(eva), body={"enabled": False}, headers={"If-Match": '"7"'}, who=root)[0] == 412
    assert api.call("PATCH", path(eva), body={"enabled": False}, headers={"If-Match": '"1"'}, who=root)[0] == 200


@pytest.mark.parametrize(("headers", "status"), [({}, 409), ({"If-Match": '"1"'}, 412)])
@pytest.mark.parametrize(("method", "body"), [("PATCH", {"enabled": False}), ("DELETE", None)])
def test_whoever_is_changed_at_the_same_moment_is_a_conflict(
    api, root, people, monkeypatch, method, body, headers, status
):
    eva = people("eva")

    def faster(*_):
        raise PreconditionError("changed")

    monkeypatch.setattr(api.principals, "save", faster)
    assert api.call(method, path(eva), body=body, headers=headers, who=root)[0] == status
    monkeypatch.undo()
    assert api.call(method, path(eva), body=body, headers=headers, who=root)[0] < 300


def test_somebody_is_deleted_with_his_grants_and_his_tokens_are_refused_for_a_day(api, root, people):
    eva = people("eva", ("admin", "group:plant-1"))
    assert api.call("DELETE", path(eva), who=root) == (204, None)
    assert api.get(path(eva), who=root)[0] == 404
    assert api.call("DELETE", path(eva), who=root)[0] == 404
    mark = people.stored(eva)
    assert (mark.disabled, mark.grants, mark.forget_at) == (True, (), api.clock.now + 86_400_000)
    assert api.get("/grants", ("scope", "group:plant-1"), who=root)[1]["items"] == [
        {"principal": root.id, "kind": "user", "name": root.name, "role": "admin", "scope": "*"}
    ]
    assert put_grants(api, root, eva, ("viewer", "*"), version='"2"')[0] == 404


def test_a_deletion_that_failed_half_way_can_be_asked_for_again(api, root, people, monkeypatch):
    eva = people("eva")
    monkeypatch.setattr(api.directory, "delete", down)
    assert api.call("DELETE", path(eva), who=root)[0] == 503
    monkeypatch.undo()
    assert api.call("DELETE", path(eva), who=root)[0] == 204
    assert api.directory.find(eva.id.removeprefix("user:")) is None
    assert [note.action for note in api.journal.notes] == ["user.delete", "user.delete.failed", "user.delete"]


def test_a_deletion_that_was_meant_for_another_version_is_refused(api, root, people):
    eva = people("eva")
    assert api.call("DELETE", path(eva), headers={"If-Match": '"7"'}, who=root)[0] == 412
    assert api.call("DELETE", path(eva), headers={"If-Match": '"1"'}, who=root) == (204, None)


def test_a_reset_sends_a_code_or_the_invitation_again(api, root, people):
    eva = people("eva")
    assert api.call("POST", path(eva, "reset"), who=root) == (204, None)
    assert api.directory.sent[-1] == ("eva@example.org", "invitation")
    known = api.directory.people[eva.id.removeprefix("user:")]
    api.directory.people[known.id] = msgspec.structs.replace(known, status="active")
    assert api.call("POST", path(eva, "reset"), who=root) == (204, None)
    assert api.directory.sent[-1] == ("eva@example.org", "code")


@pytest.mark.parametrize(
    ("method", "more", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/reset", None),
        ("GET", "/grants", None),
        ("PUT", "/grants", {"grants": []}),
    ],
)
def test_a_user_who_does_not_exist_is_not_found_and_another_id_is_none(api, root, method, more, body):
    headers = {"If-Match": '"0"'}
    assert api.call(method, f"/users/{sub(99)}{more}", body=body, headers=headers, who=root)[0] == 404
    assert api.call(method, f"/users/eva@example.org{more}", body=body, headers=headers, who=root)[0] == 400


@pytest.mark.parametrize(
    ("method", "more", "body"),
    [
        ("POST", None, {"email": "x@example.org"}),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/reset", None),
    ],
)
def test_no_key_changes_who_can_sign_in(api, root, people, method, more, body):
    eva = people("eva")
    key = Principal("key:" + "a" * 16, Kind.KEY, "a key", (Grant(Role.ADMIN, EVERYTHING),))
    where = "/users" if more is None else f"{path(eva)}{more}"
    status, problem = api.call(method, where, body=body, who=key)
    assert (status, problem["detail"]) == (403, "only a person may change who can sign in, no key")
    assert api.call(method, where, body=body, who=root)[0] < 300


def test_an_administrator_who_was_taken_away_does_nothing_with_what_the_gateway_remembers(api, root, people):
    mallory = people("mallory", ("admin", "*"))
    assert put_grants(api, root, mallory)[0] == 200
    # The authorizer's answer is half a minute old: `mallory` still comes with the grant.
    assert put_grants(api, mallory, mallory, ("admin", "*"), version='"2"')[0] == 403
    assert invite(api, mallory)[0] == 403
    assert api.call("PATCH", path(root), body={"enabled": False}, who=mallory)[0] == 403
    assert people.stored(root).rules
    api.call("PATCH", path(mallory), body={"enabled": False}, who=root)
    assert invite(api, mallory)[0] == 401


def test_grants_are_replaced_whole(api, root, people):
    eva = people("eva", ("viewer", "*"))
    status, body = put_grants(api, root, eva, ("operator", "group:plant-1/line-2"), ("viewer", "device:pump-7"))
    expected = [{"role": "viewer", "scope": "device:pump-7"}, {"role": "operator", "scope": "group:plant-1/line-2"}]
    assert (status, body["grants"], api.headers["ETag"]) == (200, expected, '"2"')
    assert api.get(path(eva, "grants"), who=root) == (200, {"grants": expected})
    (note,) = api.journal.notes
    assert (note.action, note.before, note.after) == (
        "grants.replace",
        {"grants": [{"role": "viewer", "scope": "*"}]},
        {"grants": expected},
    )


def test_the_same_grants_again_change_nothing(api, root, people):
    eva = people("eva", ("viewer", "*"))
    assert put_grants(api, root, eva, ("viewer", "*"))[0] == 200
    assert (people.stored(eva).version, api.journal.notes) == (1, [])


def test_grants_are_replaced_only_where_it_is_said_which_and_nobody_was_faster(api, root, people):
    eva = people("eva")
    assert api.call("PUT", path(eva, "grants"), body={"grants": []}, who=root)[0] == 428
    assert put_grants(api, root, eva, ("viewer", "*"), version='"1"')[0] == 200
    assert put_grants(api, root, eva, ("admin", "*"), version='"1"')[0] == 412
    assert people.stored(eva).grants == (Grant(Role.VIEWER, "*"),)


@pytest.mark.parametrize("more", [{"version": 3}, {"disabled": False}, {"name": "x"}])
def test_grants_with_more_than_grants_are_refused(api, root, people, more):
    eva = people("eva")
    headers = {"If-Match": '"1"'}
    assert api.call("PUT", path(eva, "grants"), body={"grants": [], **more}, headers=headers, who=root)[0] == 400
    assert api.call("PUT", path(eva, "grants"), body={"grants": []}, headers=headers, who=root)[0] == 200


def test_somebody_from_the_directory_without_grants_gets_his_first(api, root):
    made = api.directory.invite("eva@example.org")
    eva = Principal(f"user:{made.id}", Kind.USER, made.email)
    assert api.get(path(eva, "grants"), who=root) == (200, {"grants": []})
    assert api.headers["ETag"] == '"0"'
    assert put_grants(api, root, eva, ("viewer", "*"))[0] == 200
    assert api.principals.holders[eva.id].name == "eva@example.org"


@pytest.fixture
def lead(api, people, root):
    """An administrator of one group, in which pump-7 is."""
    api.register("pump-7", "plant-1/line-2")
    api.register("fan-1", "plant-2")
    return people("lead", ("admin", "group:plant-1"), ("viewer", "group:plant-2"))


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("group:plant-1", 200),
        ("group:plant-1/line-2", 200),
        ("device:pump-7", 200),
        ("*", 403),
        ("group:plant-2", 403),
        ("group:plant-10", 403),
        ("device:fan-1", 403),
        ("device:unknown", 403),
    ],
)
@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_the_administrator_of_a_group_gives_grants_within_it_only(api, lead, people, scope, status, role):
    eva = people("eva")
    assert put_grants(api, lead, eva, (role, scope))[0] == status
    assert people.stored(eva).grants == ((Grant(Role(role), scope),) if status == 200 else ())


def test_he_sees_and_replaces_only_what_is_within_his_scope(api, lead, people):
    eva = people("eva", ("admin", "group:plant-2"), ("viewer", "device:fan-1"), ("viewer", "group:plant-1/line-2"))
    own = [{"role": "viewer", "scope": "group:plant-1/line-2"}]
    assert api.get(path(eva, "grants"), who=lead) == (200, {"grants": own})
    assert put_grants(api, lead, eva, ("operator", "device:pump-7"))[1]["grants"] == [
        {"role": "operator", "scope": "device:pump-7"}
    ]
    assert people.stored(eva).grants == (
        Grant(Role.VIEWER, "device:fan-1"),
        Grant(Role.OPERATOR, "device:pump-7"),
        Grant(Role.ADMIN, "group:plant-2"),
    )


def test_he_cannot_overwrite_what_he_does_not_see(api, lead, people):
    eva = people("eva", ("viewer", "group:plant-2"))
    for role in ("viewer", "admin"):
        assert put_grants(api, lead, eva, (role, "group:plant-2"))[0] == 403
    assert people.stored(eva).grants == eva.grants


def test_a_device_that_moved_away_is_no_longer_his(api, lead, people):
    eva = people("eva")
    assert put_grants(api, lead, eva, ("viewer", "device:pump-7"))[0] == 200
    api.register("pump-7", "plant-2")
    assert put_grants(api, lead, eva, version='"2"')[1]["grants"] == []
    assert people.stored(eva).grants == (Grant(Role.VIEWER, "device:pump-7"),)


@pytest.mark.parametrize("grants", [[("admin", "*")], [("admin", "group:plant-1"), ("admin", "group:plant-2")]])
def test_nobody_raises_himself(api, lead, people, grants):
    assert put_grants(api, lead, lead, *grants)[0] == 403
    assert put_grants(api, lead, lead, ("operator", "group:plant-1"))[0] == 200
    assert people.stored(lead).grants == (Grant(Role.OPERATOR, "group:plant-1"), Grant(Role.VIEWER, "group:plant-2"))


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_operators_and_viewers_neither_see_nor_give_grants(api, people, root, role):
    eva = people("eva", (role, "*"))
    assert api.get(path(root, "grants"), who=eva)[0] == 403
    assert put_grants(api, eva, eva, ("admin", "*"), version='"1"')[0] == 403
    assert api.get("/grants", ("scope", "*"), who=eva)[0] == 403


def test_the_last_administrator_cannot_be_taken_away(api, root, people):
    people("lead", ("admin", "group:plant-1"))
    people("eva", ("viewer", "*"))
    disabled = people("old", ("admin", "*"))
    api.principals.holders[disabled.id] = msgspec.structs.replace(people.stored(disabled), disabled=True)
    attempts = [
        lambda: put_grants(api, root, root, ("viewer", "*")),
        lambda: api.call("PATCH", path(root), body={"enabled": False}, who=root),
        lambda: api.call("DELETE", path(root), who=root),
    ]
    for attempt in attempts:
        assert attempt()[0] == 409
    assert people.stored(root).rules
    people("second", ("admin", "*"))
    assert attempts[0]()[0] == 200


def test_a_key_gives_grants_within_its_own(api, people, root):
    eva = people("eva")
    body = {
        "name": "shop",
        "grants": [{"role": "admin", "scope": "group:plant-1"}],
        "expires_at": api.clock.now + 10**9,
    }
    _, made = api.call("POST", "/keys", body=body, who=root)
    key = Principal(f"key:{made['id']}", Kind.KEY, "shop", (Grant(Role.ADMIN, "group:plant-1"),))
    assert put_grants(api, key, eva, ("operator", "group:plant-1/line-2"))[0] == 200
    assert put_grants(api, key, eva, ("operator", "*"))[0] == 403
    api.call("DELETE", f"/keys/{made['id']}", who=root)
    assert put_grants(api, key, eva, version='"2"')[0] == 401


def test_who_may_do_something_is_listed_the_closest_scope_first(api, lead, people, root):
    eva = people("eva", ("operator", "device:pump-7"))
    bob = people("bob", ("viewer", "group:plant-1/line-2"))
    people("cid", ("viewer", "group:plant-2"))

    def listed(who, scope, limit="100"):
        found, cursor = [], None
        while True:
            more = [("cursor", cursor)] if cursor else []
            status, body = api.get("/grants", ("scope", scope), ("limit", limit), *more, who=who)
            assert status == 200
            found += [(one["principal"], one["scope"]) for one in body["items"]]
            cursor = body["cursor"]
            if cursor is None:
                return found

    inside = [(eva.id, "device:pump-7"), (bob.id, "group:plant-1/line-2"), (lead.id, "group:plant-1")]
    assert listed(root, "device:pump-7") == [*inside, (root.id, "*")]
    assert listed(root, "device:pump-7", "1") == [*inside, (root.id, "*")]
    assert listed(lead, "device:pump-7") == inside
    assert listed(lead, "group:plant-1/line-2") == inside[1:]
    for scope in ("*", "group:plant-2", "device:fan-1", "device:unknown"):
        assert api.get("/grants", ("scope", scope), who=lead)[0] == 403
    assert api.get("/grants", ("scope", "everything"), who=lead)[0] == 400


def test_somebody_who_is_not_stored_holds_nothing(api):
    assert invite(api, person("admin"))[0] == 403
