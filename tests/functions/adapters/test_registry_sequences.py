"""Whatever is done to devices, in any order: every list, for everybody, is what a plain model of it says."""

from contextlib import ExitStack

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from moto import mock_aws
from msgspec.structs import replace

from functions.adapters import dynamodb_listing, shards
from functions.adapters.dynamodb_groups import DynamoDBGroups
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.dynamodb_state import DynamoDBPresenceStore
from functions.adapters.memory import MemoryPresenceStore, MemoryWorld
from functions.adapters.memory_registry import MemoryGroups, MemoryRegistry
from functions.domain.access import Reach, lineage
from functions.domain.devices import Sort
from functions.domain.groups import Group
from functions.domain.presence import Status
from functions.domain.search import parse_words
from tests.functions.conftest import make_table
from tests.functions.registering import NOW, OneByOne, device, note, pages, wanted

THINGS = ["a", "b", "pump-1", "pump-2", "press-4", "z"]
GROUPS = ["p1", "p1/x", "p1/x/deep", "p1/y", "p10", "p2", "p2/x"]
NAMES = ["Pump", "pump house", "Press 4", "a", "Zoë pumping", "ﬁne press"]
things, groups = st.sampled_from(THINGS), st.sampled_from(GROUPS)
tags = st.dictionaries(st.sampled_from(["line", "site"]), st.sampled_from(["1", "2", "a=b#c"]), max_size=2)
described = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "group": groups,
        "model": st.sampled_from(["climate", "machine"]),
        "tags": tags,
    }
)


def outermost(some):
    return tuple(sorted(one for one in some if not set(lineage(one)[:-1]) & some))


reaches = st.one_of(
    st.just(Reach(everything=True)),
    st.builds(Reach, groups=st.sets(groups, max_size=6).map(outermost), things=st.sets(things).map(sorted).map(tuple)),
)
questions = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "group": groups,
            "model": st.sampled_from(["climate", "machine"]),
            "tags": tags.map(lambda some: tuple(sorted(some.items()))),
            "sort": st.sampled_from(Sort),
        },
    ),
    st.fixed_dictionaries(
        {"status": st.sampled_from(Status)},
        optional={
            "group": groups,
            "model": st.just("climate"),
            "tags": tags.map(lambda some: tuple(sorted(some.items()))),
            "sort": st.sampled_from([Sort.GROUP, Sort.GROUP_DOWN]),
        },
    ),
    st.fixed_dictionaries(
        {
            "words": st.sampled_from(["pu", "pump", "pump h", "pr 4", "zoe", "zoë", "fine", "pump-2", "a pu"]).map(
                parse_words
            )
        },
        optional={"group": groups, "model": st.just("machine")},
    ),
)


class Registries(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.context = ExitStack()
        self.context.enter_context(mock_aws())
        client = boto3.client("dynamodb", region_name="eu-west-1")
        make_table(client, "core", ("listing", "lpk", "lsk"), ("by_model", "mpk", "msk"))
        make_table(client, "state", ("by_status", "spk", "ssk"))
        world = MemoryWorld()
        self.model = MemoryRegistry(world)
        self.real = DynamoDBRegistry(client, "core", "state", OneByOne(client))
        self.trees = [MemoryGroups(self.model), DynamoDBGroups(client, "core", OneByOne(client))]
        self.presences = [MemoryPresenceStore(world), DynamoDBPresenceStore(client, "state")]
        self.now = NOW

    def teardown(self):
        self.context.close()

    @initialize(some=st.lists(st.tuples(things, described), max_size=4))
    def begin(self, some):
        for thing, fields in some:
            self.put(thing, fields)

    @rule(thing=things, fields=described)
    def put(self, thing, fields):
        """Creates, changes or brings back."""
        before = self.model.devices.get(thing)
        self.now += 1
        after = device(
            thing,
            **fields,
            now=self.now,
            version=1 if before is None else before.version + 1,
        )
        if before is not None:
            after = replace(after, created_at=before.created_at)
        self.save(before, after)

    @rule(thing=things, group=groups)
    def move(self, thing, group):
        self.change(thing, group=group)

    @rule(thing=things, some=tags)
    def tag(self, thing, some):
        self.change(thing, tags=some)

    @rule(thing=things)
    def decommission(self, thing):
        self.change(thing, decommissioned=True)

    @rule(thing=things, fields=described)
    def put_what_is_no_longer_so(self, thing, fields):
        stale = device(thing, **fields, version=99)
        assert not self.model.save(stale, replace(stale, version=100), note(thing))
        assert not self.real.save(stale, replace(stale, version=100), note(thing))

    @rule(thing=things, status=st.sampled_from([Status.ONLINE, Status.OFFLINE]))
    def settle(self, thing, status):
        for presences in self.presences:
            assert presences.save(thing, replace(presences.read(thing), status=status))

    @rule(path=groups)
    def delete_group(self, path):
        self.both(lambda tree: tree.delete(Group(path=path), note(path, kind="group")))

    @rule(path=groups)
    def make_group(self, path):
        self.both(lambda tree: tree.save(None, Group(path=path), note(path, kind="group")))

    @rule(question=questions, reach=reaches, limit=st.integers(1, 4))
    def ask(self, question, reach, limit):
        asked = wanted(reach, **question)
        assert pages(self.real, asked, limit) == pages(self.model, asked, 100)

    @rule(reach=reaches, question=questions)
    def ask_once(self, reach, question):
        page = self.real.page(wanted(reach, **question), 100, None)
        assert all(reach.covers(one.thing, one.group) and one == self.model.devices[one.thing] for one in page.devices)

    @invariant()
    def groups_count_what_is_in_them(self):
        model, real = (
            {path: (one.devices, one.children) for path, one in tree.find(GROUPS).items()} for tree in self.trees
        )
        assert real == model

    def change(self, thing, **changes):
        before = self.model.devices.get(thing)
        if before is not None and not before.decommissioned:
            self.now += 1
            self.save(before, replace(before, version=before.version + 1, updated_at=self.now, **changes))

    def save(self, before, after):
        for registry in (self.model, self.real):
            assert registry.save(before, after, note(after.thing))

    def both(self, act):
        model, real = map(act, self.trees)
        assert model == real


@pytest.fixture
def few_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARDS", 2)
    monkeypatch.setattr(dynamodb_listing, "SHARDS", 2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_every_list_is_what_a_plain_model_says(few_shards):
    searching = settings().max_examples > 100
    bounded = {} if searching else {"max_examples": 6, "stateful_step_count": 25}
    run_state_machine_as_test(
        Registries, settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **bounded)
    )
