"""Principals and their grants: one suite for the table and for what stands for it in tests."""

import boto3
import msgspec
import pytest

from contract.administrators import administrator_writes, administrators_query
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_keys import DynamoDBKeys
from functions.adapters.dynamodb_principals import DynamoDBPrincipals
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_principals import MemoryKeys, MemoryPrincipals
from functions.domain.access import Grant, Kind, Role
from functions.domain.grants import Holder
from functions.domain.keys import KEEP_ENDED_MS, Key
from functions.errors import ConflictError, CursorError, PreconditionError, PrincipalsError
from tests.functions.registering import NOW, note

ADMIN = Grant(Role.ADMIN, "*")
LINE = Grant(Role.OPERATOR, "group:plant-1/line-2")
PUMP = Grant(Role.VIEWER, "device:pump-7")


@pytest.fixture(params=["memory", "dynamodb"])
def kind(request):
    return request.param


@pytest.fixture
def stores(kind, request):
    if kind == "memory":
        journal = MemoryJournal()
        keys = MemoryKeys(journal)
        return MemoryPrincipals(journal, keys), keys
    client = request.getfixturevalue("dynamodb")
    writes = AuditedWrites(client, "events")
    return DynamoDBPrincipals(client, "core", writes), DynamoDBKeys(client, "core", writes)


@pytest.fixture
def principals(stores):
    return stores[0]


@pytest.fixture
def keys(stores):
    return stores[1]


def somebody(name="ann", *grants, **more):
    return Holder(id=f"user:{name}", kind=Kind.USER, name=f"{name}@example.org", grants=grants, **more)


def save(principals, holder, *grants, relies_on=(), **changes):
    after = msgspec.structs.replace(holder, grants=tuple(sorted(grants, key=lambda one: one.scope)), **changes)
    return principals.save(holder, after, note(holder.id, "grants.replace", "user"), relies_on)


def test_nobody_is_nothing(principals):
    assert principals.find("user:ann") is None


def test_what_is_saved_is_found_and_its_version_moves(principals):
    first = save(principals, somebody(), ADMIN, LINE)
    assert (first.version, principals.find("user:ann")) == (1, first)
    second = save(principals, first, PUMP, LINE)
    assert second.version == 2
    assert principals.find("user:ann").grants == (PUMP, LINE)


def test_a_role_over_the_same_scope_is_replaced(principals):
    first = save(principals, somebody(), LINE)
    viewer = Grant(Role.VIEWER, LINE.scope)
    assert principals.find(save(principals, first, viewer).id).grants == (viewer,)
    assert [held.grant for held in principals.over(LINE.scope, 10, None).items] == [viewer]


def test_a_change_of_what_has_changed_is_refused_and_changes_nothing(principals):
    first = save(principals, somebody(), LINE)
    second = save(principals, first, PUMP)
    for stale in (first, somebody()):
        with pytest.raises(PreconditionError):
            save(principals, stale, ADMIN)
    assert principals.find("user:ann") == second


def test_a_change_that_relies_on_somebody_fails_once_he_has_changed(principals):
    ann, bob = save(principals, somebody(), ADMIN), save(principals, somebody("bob"), ADMIN)
    disabled = save(principals, bob, ADMIN, disabled=True)
    with pytest.raises(ConflictError):
        save(principals, ann, relies_on=[bob])
    assert save(principals, ann, relies_on=[disabled]).version == 2


def test_two_administrators_who_take_each_other_away_do_not_both_succeed(principals):
    ann, bob = save(principals, somebody(), ADMIN), save(principals, somebody("bob"), ADMIN)
    save(principals, ann, relies_on=[bob])
    with pytest.raises(ConflictError):
        save(principals, bob, relies_on=[ann])
    assert principals.find("user:bob").rules


def test_the_most_grants_are_exchanged_for_as_many_others(principals):
    many = [Grant(Role.VIEWER, f"device:pump-{at:02d}") for at in range(40)]
    others = [Grant(Role.VIEWER, f"device:fan-{at:02d}") for at in range(40)]
    bob = save(principals, somebody("bob"), ADMIN)
    first = save(principals, somebody(), *many)
    save(principals, first, *others, relies_on=[bob])
    assert principals.find("user:ann").grants == tuple(others)


def test_a_deleted_one_is_found_until_he_is_forgotten(principals):
    first = save(principals, somebody(), ADMIN)
    save(principals, first, disabled=True, forget_at=NOW + 86_400_000)
    found = principals.find("user:ann")
    assert (found.disabled, found.grants, found.forget_at) == (True, (), NOW + 86_400_000)
    assert principals.over("*", 10, None).items == ()


def test_a_scope_lists_who_holds_a_role_over_exactly_it(principals, keys):
    save(principals, somebody(), ADMIN, LINE)
    save(principals, somebody("bob"), Grant(Role.VIEWER, "group:plant-1"))
    add(keys, "a" * 16, grants=(Grant(Role.VIEWER, LINE.scope),))
    held = principals.over(LINE.scope, 10, None).items
    assert [(one.principal, one.kind, one.name, one.grant.role) for one in held] == [
        (f"key:{'a' * 16}", "key", "a key", "viewer"),
        ("user:ann", "user", "ann@example.org", "operator"),
    ]


def test_the_list_of_a_scope_goes_on_where_it_ended(principals):
    for name in ("ann", "bob", "cid"):
        save(principals, somebody(name), LINE)
    first = principals.over(LINE.scope, 2, None)
    rest = principals.over(LINE.scope, 2, first.cursor)
    assert [one.principal for one in (*first.items, *rest.items)] == ["user:ann", "user:bob", "user:cid"]
    assert rest.cursor is None
    with pytest.raises(CursorError):
        principals.over("*", 2, first.cursor)


def add(keys, name, *, at=NOW, kind=Kind.KEY, thing="", grants=(), expires_at=NOW + 1000):
    key = Key(
        id=name,
        kind=kind,
        name="a key",
        digest="d" * 64,
        created_at=at,
        created_by="user:ann",
        expires_at=expires_at,
        thing=thing,
        grants=grants,
    )
    keys.add(key, note(name, "key.create", "key"))
    return key


def test_a_key_is_found_as_it_was_added(keys):
    assert keys.find("a" * 16) is None
    key = add(keys, "a" * 16, grants=(ADMIN, LINE))
    device = add(keys, "b" * 16, kind=Kind.DEVICE, thing="pump-7", expires_at=None)
    assert (keys.find("a" * 16), keys.find("b" * 16)) == (key, device)


def test_a_key_is_no_user(principals, keys):
    add(keys, "a" * 16, grants=(ADMIN,))
    assert principals.find(f"key:{'a' * 16}") is None


def test_an_id_is_given_once(keys):
    add(keys, "a" * 16)
    with pytest.raises(ConflictError):
        add(keys, "a" * 16, grants=(ADMIN,))
    assert keys.find("a" * 16).grants == ()


def test_a_key_is_revoked_once_and_leaves_the_lists_of_scopes(principals, keys):
    key = add(keys, "a" * 16, grants=(LINE,))
    assert keys.revoke(key, NOW + 5, note(key.id, "key.revoke", "key"))
    assert not keys.revoke(key, NOW + 9, note(key.id, "key.revoke", "key"))
    assert keys.find(key.id) == msgspec.structs.replace(key, revoked_at=NOW + 5)
    assert principals.over(LINE.scope, 10, None).items == ()


def test_a_key_that_never_was_cannot_be_revoked(keys):
    key = add(keys, "a" * 16)
    other = msgspec.structs.replace(key, id="b" * 16)
    assert not keys.revoke(other, NOW, note(other.id, "key.revoke", "key"))
    assert keys.find(other.id) is None


def test_keys_are_listed_newest_first_a_device_s_apart(keys):
    for at, name in enumerate("abc"):
        add(keys, name * 16, at=NOW + at)
    add(keys, "d" * 16, kind=Kind.DEVICE, thing="pump-7")
    first = keys.page("", 2, None)
    rest = keys.page("", 2, first.cursor)
    assert [one.id[0] for one in (*first.items, *rest.items)] == ["c", "b", "a"]
    assert rest.cursor is None
    assert [one.id[0] for one in keys.page("pump-7", 10, None).items] == ["d"]
    assert keys.page("pump-8", 10, None).items == ()
    with pytest.raises(CursorError):
        keys.page("pump-7", 2, first.cursor)


def test_the_newest_day_of_use_is_kept(keys):
    add(keys, "a" * 16)
    for day in (20_000, 19_999, 20_001):
        keys.used("a" * 16, day)
    assert keys.find("a" * 16).used_day == 20_001
    keys.used("b" * 16, 20_000)
    assert keys.find("b" * 16) is None


def test_ended_keys_and_deleted_people_leave_by_themselves(dynamodb):
    writes = AuditedWrites(dynamodb, "events")
    keys, principals = DynamoDBKeys(dynamodb, "core", writes), DynamoDBPrincipals(dynamodb, "core", writes)
    key = add(keys, "a" * 16, grants=(LINE,))
    save(principals, save(principals, somebody(), LINE), disabled=True, forget_at=NOW + 5000)
    expires = {
        (item["pk"]["S"], item["sk"]["S"]): int(item["expires"]["N"])
        for item in dynamodb.scan(TableName="core")["Items"]
    }
    ended = (key.expires_at + KEEP_ENDED_MS) // 1000
    assert expires == {
        (f"PRINCIPAL#key:{key.id}", "META"): ended,
        (f"PRINCIPAL#key:{key.id}", f"GRANT#{LINE.scope}"): ended,
        ("PRINCIPAL#user:ann", "META"): NOW // 1000 + 5,
    }


def test_a_table_that_is_not_there_is_an_error_of_ours(dynamodb):
    principals, keys = DynamoDBPrincipals(dynamodb, "gone"), DynamoDBKeys(dynamodb, "gone")
    for call in (lambda: principals.find("user:ann"), lambda: principals.over("*", 1, None), lambda: keys.find("a")):
        with pytest.raises(PrincipalsError):
            call()
    keys.used("a", 1)


def test_the_first_administrator_is_one_to_the_functions(dynamodb):
    principals = DynamoDBPrincipals(dynamodb, "core", AuditedWrites(dynamodb, "events"))
    assert dynamodb.query(**administrators_query("core"))["Items"] == []
    dynamodb.transact_write_items(TransactItems=administrator_writes("core", "ann", "ann@example.org"))
    assert principals.find("user:ann") == somebody("ann", ADMIN, version=1)
    assert [one.principal for one in principals.over("*", 10, None).items] == ["user:ann"]
    assert [item["lsk"]["S"] for item in dynamodb.query(**administrators_query("core"))["Items"]] == ["user:ann"]


def test_an_administrator_is_made_of_somebody_who_is_known(dynamodb):
    principals = DynamoDBPrincipals(dynamodb, "core", AuditedWrites(dynamodb, "events"))
    save(principals, somebody(), LINE, disabled=True)
    dynamodb.transact_write_items(TransactItems=administrator_writes("core", "ann", "ann@example.org"))
    assert principals.find("user:ann") == somebody("ann", ADMIN, LINE, version=2)


def test_viewers_and_keys_of_everything_are_no_administrators(dynamodb):
    writes = AuditedWrites(dynamodb, "events")
    save(DynamoDBPrincipals(dynamodb, "core", writes), somebody(), Grant(Role.VIEWER, "*"))
    add(DynamoDBKeys(dynamodb, "core", writes), "a" * 16, grants=(ADMIN,))
    assert boto3.client("dynamodb").query(**administrators_query("core"))["Items"] == []
