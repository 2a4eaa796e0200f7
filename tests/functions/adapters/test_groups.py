"""What the tree of groups promises, over the fake and the real adapter."""

import pytest
from msgspec.structs import replace

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_groups import DynamoDBGroups
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.memory_registry import MemoryGroups, MemoryRegistry
from functions.domain.groups import Group
from functions.errors import CursorError, RegistryError
from tests.functions.registering import NOW, device, note


@pytest.fixture(params=["memory", "dynamodb"])
def parts(request):
    """The registry with its groups; DynamoDB with real transactions."""
    if request.param == "memory":
        registry = MemoryRegistry()
        return registry, MemoryGroups(registry)
    client = request.getfixturevalue("dynamodb")
    backoff = Backoff(attempts=3, sleep=lambda _: None)
    audited = AuditedWrites(client, "events", backoff=backoff)
    registry = DynamoDBRegistry(client, "core", "state", audited, backoff=backoff)
    return registry, DynamoDBGroups(client, "core", audited, backoff=backoff)


@pytest.fixture
def groups(parts):
    return parts[1]


def make(groups, path, **more):
    made = Group(path=path, created_at=NOW, updated_at=NOW, **more)
    assert groups.save(None, made, note(path, kind="group"))
    return made


def counts(groups, *paths):
    found = groups.find(paths)
    return {path: (found[path].devices, found[path].children) for path in paths if path in found}


def test_a_group_is_made_with_those_above_it_and_once(groups):
    made = make(groups, "a/b/c", title="C", description="of B")
    assert groups.find(["a/b/c", "nowhere"]) == {"a/b/c": made}
    assert counts(groups, "a", "a/b", "a/b/c") == {"a": (0, 1), "a/b": (0, 1), "a/b/c": (0, 0)}
    make(groups, "a/d")
    assert counts(groups, "a") == {"a": (0, 2)}
    for path in ("a/b/c", "a"):
        assert not groups.save(None, Group(path=path, title="other"), note(path, kind="group"))
    assert groups.find(["a/b/c"])["a/b/c"].title == "C"
    assert counts(groups, "a/b") == {"a/b": (0, 1)}


def test_title_and_description_change_in_the_version_that_was_read_and_counts_do_not(parts):
    registry, groups = parts
    made = make(groups, "a")
    registry.save(None, device("pump-1", "a"), note("pump-1"))
    changed = replace(made, title="A", version=2)
    assert groups.save(made, changed, note("a", kind="group"))
    assert not groups.save(made, replace(made, title="B", version=2), note("a", kind="group"))
    found = groups.find(["a"])["a"]
    assert (found.title, found.version, found.devices) == ("A", 2, 1)


def test_devices_count_where_they_are(parts):
    registry, groups = parts
    one = device("pump-1", "a/b")
    assert registry.save(None, one, note("pump-1"))
    assert registry.save(None, device("pump-2", "a/b"), note("pump-2"))
    assert counts(groups, "a", "a/b") == {"a": (0, 1), "a/b": (2, 0)}
    # To its parent, to a new child of where it is, out of use, and back.
    for version, (group, gone, expected) in enumerate(
        [
            ("a", False, {"a": (1, 1), "a/b": (1, 0)}),
            ("a/b/c", False, {"a": (0, 1), "a/b": (1, 1), "a/b/c": (1, 0)}),
            ("a/b/c", True, {"a": (0, 1), "a/b": (1, 1), "a/b/c": (0, 0)}),
            ("a/b", False, {"a": (0, 1), "a/b": (2, 1), "a/b/c": (0, 0)}),
        ],
        start=2,
    ):
        after = replace(one, group=group, decommissioned=gone, version=version)
        assert registry.save(one, after, note("pump-1"))
        one = after
        assert counts(groups, *expected) == expected


def test_only_what_is_empty_and_as_it_was_read_is_deleted(parts):
    registry, groups = parts
    registry.save(None, device("pump-1", "a/b"), note("pump-1"))
    for path in ("a", "a/b", "nowhere"):
        assert not groups.delete(Group(path=path), note(path, kind="group"))
    empty = make(groups, "a/c")
    assert not groups.delete(replace(empty, version=7), note("a/c", kind="group"))
    assert groups.delete(empty, note("a/c", kind="group"))
    assert counts(groups, "a", "a/c") == {"a": (0, 1)}


def test_children_come_by_name_in_pages(groups):
    for path in ("b", "a", "c/x", "c/y", "c-1"):
        make(groups, path)
    first = groups.children(None, 2, None)
    second = groups.children(None, 2, first.cursor)
    assert [one.path for one in first.groups + second.groups] == ["a", "b", "c", "c-1"]
    assert [one.path for one in groups.children("c", 10, None).groups] == ["c/x", "c/y"]
    assert groups.children("a", 10, None).groups == ()
    with pytest.raises(CursorError):
        groups.children("c", 2, first.cursor)


class Racing:
    """Does something else just before a transaction, once."""

    def __init__(self, client, act):
        self._client = client
        self._act = act

    def __getattr__(self, name):
        return getattr(self._client, name)

    def transact_write_items(self, **request):
        act, self._act = self._act, lambda: None
        act()
        return self._client.transact_write_items(**request)


def racing(dynamodb, act, *, attempts=3):
    client = Racing(dynamodb, act)
    backoff = Backoff(attempts=attempts, sleep=lambda _: None)
    audited = AuditedWrites(client, "events", backoff=backoff)
    return DynamoDBRegistry(client, "core", "state", audited, backoff=backoff)


def real(dynamodb):
    audited = AuditedWrites(dynamodb, "events")
    return DynamoDBRegistry(dynamodb, "core", "state", audited), DynamoDBGroups(dynamodb, "core", audited)


def test_a_group_that_is_deleted_while_a_device_moves_in_is_made_again(dynamodb):
    registry, groups = real(dynamodb)
    made = make(groups, "a/b")
    late = racing(dynamodb, lambda: groups.delete(made, note("a/b", kind="group")))
    assert late.save(None, device("pump-1", "a/b"), note("pump-1"))
    assert counts(groups, "a", "a/b") == {"a": (0, 1), "a/b": (1, 0)}
    assert set(registry.find(["pump-1"])) == {"pump-1"}


def test_two_devices_that_make_a_group_at_the_same_moment_both_count(dynamodb):
    registry, groups = real(dynamodb)
    late = racing(dynamodb, lambda: registry.save(None, device("pump-2", "a/b"), note("pump-2")))
    assert late.save(None, device("pump-1", "a/b"), note("pump-1"))
    assert counts(groups, "a", "a/b") == {"a": (0, 1), "a/b": (2, 0)}


def test_groups_that_change_at_every_attempt_are_an_error_and_nothing_is_changed(dynamodb):
    registry, groups = real(dynamodb)
    late = racing(dynamodb, lambda: registry.save(None, device("pump-2", "a"), note("pump-2")), attempts=1)
    with pytest.raises(RegistryError, match="pump-1"):
        late.save(None, device("pump-1", "a"), note("pump-1"))
    assert registry.find(["pump-1"]) == {}
    assert counts(groups, "a") == {"a": (1, 0)}
