import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.access import (
    GRANTABLE,
    MATRIX,
    ORGANISATION,
    Grant,
    Kind,
    Permission,
    Principal,
    Role,
    Target,
    demand,
    lineage,
    parse_scope,
    target_of,
)
from functions.errors import ForbiddenError, RequestError

GROUPS = ("plant-1", "plant-1/line-1", "plant-1/line-1/cell", "plant-10", "plant-2")
THINGS = ("pump-1", "pump-2")
SCOPES = ("*", *(f"group:{group}" for group in GROUPS), *(f"device:{thing}" for thing in THINGS))
GRANTS = st.builds(Grant, st.sampled_from(GRANTABLE), st.sampled_from(SCOPES))


def principal(*grants):
    return Principal("user:1", Kind.USER, "ann", tuple(Grant(Role(role), scope) for role, scope in grants))


def test_no_permission_is_undecided():
    assert set(MATRIX) == set(Permission)
    assert all(MATRIX.values())


def test_an_admin_may_do_everything_that_people_may():
    assert all(Role.ADMIN in roles for roles in MATRIX.values())


def test_a_viewer_changes_nothing():
    changing = ("write", "send", "create", "update", "decommission")
    assert not [p for p, roles in MATRIX.items() if Role.VIEWER in roles and p.partition(":")[2] in changing]


@pytest.mark.parametrize(
    ("scope", "group", "covered"),
    [
        ("*", "plant-1", True),
        ("group:plant-1", "plant-1", True),
        ("group:plant-1", "plant-1/line-2", True),
        ("group:plant-1", "plant-10", False),
        ("group:plant-1/line-2", "plant-1", False),
        ("device:pump-7", "plant-1", True),
        ("device:pump-8", "plant-1", False),
    ],
)
def test_a_scope_covers_its_group_and_what_is_below_it_and_nothing_beside_it(scope, group, covered):
    assert principal(("viewer", scope)).may(Permission.DEVICES_READ, Target("pump-7", group)) is covered


@pytest.mark.parametrize("permission", sorted(ORGANISATION))
def test_what_is_the_organisations_takes_a_role_over_everything(permission):
    assert principal(("admin", "*")).may(permission, Target())
    assert not principal(("admin", "group:plant-1")).anywhere(permission)
    assert not principal(("admin", "group:plant-1")).may(permission, Target(group="plant-1"))
    assert principal(("admin", "group:plant-1")).reach(permission).nothing


@given(
    st.lists(GRANTS, max_size=6), st.sampled_from(sorted(Permission)), st.sampled_from(THINGS), st.sampled_from(GROUPS)
)
def test_reach_covers_exactly_what_may_allows(grants, permission, thing, group):
    who = Principal("user:1", Kind.USER, "ann", tuple(grants))
    assert who.reach(permission).covers(thing, group) == who.may(permission, Target(thing, group))
    assert who.anywhere(permission) == (not who.reach(permission).nothing)


@given(st.lists(GRANTS, max_size=8), st.sampled_from(sorted(Permission)))
def test_the_groups_of_a_reach_do_not_overlap(grants, permission):
    groups = Principal("user:1", Kind.USER, "ann", tuple(grants)).reach(permission).groups
    assert not [one for one in groups if set(lineage(one)[:-1]) & set(groups)]


def test_a_refusal_names_permission_and_roles():
    with pytest.raises(
        ForbiddenError, match=r"^quarantine:read needs one of the roles admin, operator; you hold viewer"
    ):
        demand(principal(("viewer", "*")), Permission.QUARANTINE_READ, Target("pump-1", "plant-1"))


@pytest.mark.parametrize(
    ("permission", "target", "words"),
    [
        (
            "groups:write",
            Target(group="plant-2"),
            "groups:write needs the role admin there; you hold admin over group:",
        ),
        ("users:read", Target(), "users:read needs the role admin over everything; you hold admin over group:plant-1"),
    ],
)
def test_a_refusal_tells_a_right_place_from_a_right_role(permission, target, words):
    with pytest.raises(ForbiddenError, match=f"^{words}"):
        demand(principal(("admin", "group:plant-1")), Permission(permission), target)


@pytest.mark.parametrize("text", SCOPES)
def test_a_scope_is_read_as_it_is_written(text):
    assert parse_scope(text) == text
    assert target_of(text).scopes >= {text}


@pytest.mark.parametrize("text", ["", "**", "plant-1", "group:", "group:Plant", "device:a/b", "site:x", "group:a//b"])
def test_what_is_no_scope_is_refused_by_name(text):
    with pytest.raises(RequestError, match="scope: expected"):
        parse_scope(text)
