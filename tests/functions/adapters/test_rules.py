"""What the shelves of rules and models promise, over the fake and the real adapter."""

import pytest
from msgspec.structs import replace

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_rules import DynamoDBRules
from functions.adapters.memory_rules import MemoryRules
from functions.domain import definitions as domain
from functions.domain.access import By
from functions.domain.definitions import Definition, Version
from functions.errors import ConflictError, CursorError, RulesError
from tests.functions.registering import NOW, note

ANN, BOB = By("user:ann", "ann"), By("user:bob", "bob")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    """DynamoDB with real transactions."""
    if request.param == "memory":
        return MemoryRules(max_rules=2)
    client = request.getfixturevalue("dynamodb")
    audited = AuditedWrites(client, "events", backoff=Backoff(attempts=3, sleep=lambda _: None))
    return DynamoDBRules(client, "core", audited, max_rules=2)


def made(name, version=1, text="{}", **more):
    return Definition(id=name, text=text, version=version, created_at=NOW, updated_at=NOW + version, by=ANN, **more)


def said(name, action="rule.create", at=NOW):
    return note(name, action, "rule", at)


def test_what_is_saved_is_found_in_the_version_that_it_was_saved_in(store):
    first = made("too-warm", origin="plant")
    assert store.rules.save(None, first, said("too-warm"))
    assert store.rules.find("too-warm") == first
    assert store.models.find("too-warm") is None
    assert not store.rules.save(None, made("too-warm", 2), said("too-warm"))
    second = replace(first, text='{"a": 1}', version=2, updated_at=NOW + 9, by=BOB, origin=None)
    assert store.rules.save(first, second, said("too-warm"))
    assert not store.rules.save(first, replace(second, version=3), said("too-warm"))
    assert store.rules.find("too-warm") == second
    assert store.everything() == domain.Definitions((second,), ())


def test_versions_go_on_after_a_deletion_and_come_newest_first(store):
    first = made("too-warm", text="1", origin="plant")
    store.rules.save(None, first, said("too-warm"))
    assert not store.rules.delete(replace(first, version=2), said("too-warm", at=NOW + 5))
    assert store.rules.delete(first, said("too-warm", at=NOW + 5))
    assert not store.rules.delete(first, said("too-warm", at=NOW + 6))
    assert store.rules.find("too-warm") is None
    assert store.rules.newest("too-warm") == 2
    assert not store.rules.save(None, made("too-warm", 2), said("too-warm")), "a number stands for one document"
    store.rules.save(None, made("too-warm", 3, "3"), said("too-warm"))
    expected = [
        Version(id="too-warm", version=3, at=NOW + 3, by=ANN, text="3"),
        Version(id="too-warm", version=2, at=NOW + 5, by=ANN, text=None),
        Version(id="too-warm", version=1, at=NOW + 1, by=ANN, text="1", origin="plant"),
    ]
    page = store.rules.versions("too-warm", 2, None)
    rest = store.rules.versions("too-warm", 2, page.cursor)
    assert [*page.versions, *rest.versions] == expected
    assert rest.cursor is None
    with pytest.raises(CursorError):
        store.models.versions("too-warm", 2, page.cursor)
    assert store.rules.newest("never") == 0
    assert store.rules.versions("never", 2, None).versions == ()


def test_every_change_moves_the_revision_and_what_is_refused_does_not(store):
    seen = [store.revision()]
    rule, model = made("too-warm"), made("boiler")
    for change in (
        lambda: store.rules.save(None, rule, said("too-warm")),
        lambda: store.models.save(None, model, said("boiler", "model.create")),
        lambda: store.rules.delete(rule, said("too-warm")),
    ):
        assert change()
        seen.append(store.revision(consistent=True))
    assert seen == sorted(set(seen)), "it only grows"
    assert not store.rules.delete(rule, said("too-warm"))
    assert not store.models.save(None, model, said("boiler"))
    assert store.revision(consistent=True) == seen[-1]
    assert store.everything() == domain.Definitions((), (model,))


def test_there_are_no_more_than_there_may_be(store):
    first, second = made("a"), made("b")
    for one in (first, second):
        assert store.rules.save(None, one, said(one.id))
    with pytest.raises(ConflictError, match="2 rules"):
        store.rules.save(None, made("c"), said("c"))
    assert store.models.save(None, made("c"), said("c")), "models are counted by themselves"
    assert store.rules.save(first, replace(first, version=2), said("a")), "a change is none more"
    assert store.rules.delete(second, said("b"))
    assert store.rules.save(None, made("c"), said("c"))


def test_a_reader_writes_nothing(dynamodb):
    with pytest.raises(RulesError, match="writer"):
        DynamoDBRules(dynamodb, "core").rules.save(None, made("too-warm"), said("too-warm"))


def test_failures_are_those_of_rules(dynamodb):
    store = DynamoDBRules(dynamodb, "elsewhere")
    for call in (
        store.revision,
        store.everything,
        lambda: store.rules.find("x"),
        lambda: store.rules.newest("x"),
        lambda: store.rules.versions("x", 1, None),
    ):
        with pytest.raises(RulesError):
            call()
