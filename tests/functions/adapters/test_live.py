"""What the live table promises, over the fake and the real adapter."""

from types import SimpleNamespace

import boto3
import pytest

from functions.adapters.dynamodb_live import DynamoDBLiveConnections, DynamoDBLiveTickets, DynamoDBWatchedTopics
from functions.adapters.live_queue import SqsLiveQueue, _batches
from functions.adapters.memory_live import MemoryLiveConnections, MemoryLiveTickets
from functions.domain.access import Role
from functions.domain.live import Connection, Kind, LiveEvent, Watcher, mark_of
from functions.errors import LiveError
from tests.functions.conftest import NOW, make_table
from tests.functions.live_world import BOB, LiveWorld


@pytest.fixture(scope="module")
def aws_live(module_aws):
    client = boto3.client("dynamodb")
    make_table(client, "live")
    return client


@pytest.fixture(scope="module")
def module_aws():
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield


@pytest.fixture(params=["memory", "dynamodb"])
def table(request):
    if request.param == "memory":
        connections = MemoryLiveConnections()
        return SimpleNamespace(tickets=MemoryLiveTickets(), connections=connections, watched=connections)
    client = request.getfixturevalue("aws_live")
    for item in client.scan(TableName="live")["Items"]:
        client.delete_item(TableName="live", Key={"pk": item["pk"], "sk": item["sk"]})
    return SimpleNamespace(
        tickets=DynamoDBLiveTickets(client, "live"),
        connections=DynamoDBLiveConnections(client, "live"),
        watched=DynamoDBWatchedTopics(client, "live"),
    )


def opened(table, name="c1", principal="user:ann", at=NOW):
    connection = Connection(name, principal, at)
    table.connections.open(connection)
    return connection


def test_a_ticket_is_taken_once(table):
    table.tickets.put("d1", "user:ann", NOW + 5)
    assert table.tickets.take("other", NOW) is None
    assert table.tickets.take("d1", NOW) == "user:ann"
    assert table.tickets.take("d1", NOW) is None


def test_an_expired_ticket_is_nobody_s(table):
    table.tickets.put("d1", "user:ann", NOW + 5)
    table.tickets.put("d2", "user:ann", NOW + 6)
    assert table.tickets.take("d1", NOW + 5) is None
    assert table.tickets.take("d2", NOW + 5) == "user:ann"


def test_a_principal_s_connections_are_listed_oldest_first(table):
    opened(table, "c2", at=NOW + 1)
    opened(table, "c1", at=NOW + 2)
    opened(table, "c3", "user:bob")
    assert table.connections.of("user:ann") == ["c2", "c1"]
    assert table.connections.of("user:bob") == ["c3"]
    assert table.connections.of("user:cat") == []


def test_messages_are_counted_by_the_minute(table):
    opened(table)
    assert [table.connections.heard("c1", NOW + n).messages for n in range(3)] == [1, 2, 3]
    assert table.connections.heard("c1", NOW + 60_000).messages == 1
    assert table.connections.heard("c2", NOW) is None
    known = table.connections.heard("c1", NOW + 60_000)
    assert (known.principal, known.opened_at, known.topics) == ("user:ann", NOW, frozenset())


def test_what_is_watched_is_known_by_its_mark_and_by_who_watches(table):
    first, second = opened(table), opened(table, "c2", "user:bob")
    assert table.watched.marks() == frozenset()
    assert table.connections.watch(first, frozenset({"device:a", "*"}), 100)
    assert table.connections.watch(second, frozenset({"device:a"}), 100)
    assert table.watched.marks() == {mark_of("*"), mark_of("device:a")}
    found = table.connections.watchers(["device:a", "*", "device:b"])
    assert {topic: sorted(some, key=lambda one: one.connection) for topic, some in found.items()} == {
        "device:a": [Watcher("c1", "user:ann"), Watcher("c2", "user:bob")],
        "*": [Watcher("c1", "user:ann")],
    }
    assert table.connections.heard("c1", NOW).topics == {"device:a", "*"}


def test_the_alarms_of_all_devices_are_watched_as_any_topic(table):
    table.connections.watch(opened(table), frozenset({"alarms", "device:alarms"}), 100)
    assert table.watched.marks() == {mark_of("alarms"), mark_of("device:alarms")}
    assert table.connections.watchers(["alarms", "*"]) == {"alarms": [Watcher("c1", "user:ann")]}
    table.connections.unwatch("c1", frozenset({"alarms"}))
    assert table.watched.marks() == {mark_of("device:alarms")}
    assert table.connections.watchers(["alarms"]) == {}


def test_a_topic_leaves_the_set_with_its_last_watcher(table):
    first, second = opened(table), opened(table, "c2", "user:bob")
    table.connections.watch(first, frozenset({"device:a", "device:b"}), 100)
    table.connections.watch(second, frozenset({"device:a"}), 100)
    table.connections.unwatch("c1", frozenset({"device:a", "device:b"}))
    assert table.watched.marks() == {mark_of("device:a")}
    assert table.connections.forget("c2")
    assert table.watched.marks() == frozenset()
    assert table.connections.watchers(["device:a"]) == {}


def test_a_connection_is_forgotten_once(table):
    opened(table)
    assert table.connections.forget("c1")
    assert not table.connections.forget("c1")
    assert table.connections.of("user:ann") == []
    assert table.connections.heard("c1", NOW) is None


def test_a_connection_that_is_not_open_watches_nothing(table):
    connection = Connection("c9", "user:ann", NOW)
    assert not table.connections.watch(connection, frozenset({"*"}), 100)
    assert table.watched.marks() == frozenset()


def test_subscriptions_are_bounded_and_the_same_one_again_takes_no_room(table):
    opened(table)
    three = frozenset({"device:a", "device:b", "device:c"})
    assert table.connections.watch(table.connections.heard("c1", NOW), three, 3)
    known = table.connections.heard("c1", NOW)
    assert table.connections.watch(known, frozenset({"device:a"}), 3)
    assert not table.connections.watch(known, frozenset({"device:d"}), 3)
    assert table.connections.heard("c1", NOW).topics == three
    # Two at once, of which each sees room: the table counts.
    table.connections.unwatch("c1", frozenset({"device:a"}))
    stale = table.connections.heard("c1", NOW)
    assert table.connections.watch(stale, frozenset({"device:e"}), 3)
    assert not table.connections.watch(stale, frozenset({"device:f"}), 3)


def test_a_lost_mark_comes_back_when_its_connection_asserts_it(table):
    connection = opened(table)
    table.connections.watch(connection, frozenset({"device:a"}), 100)
    if isinstance(table.connections, MemoryLiveConnections):
        table.connections._marks.clear()
    else:
        table.connections._mark("DELETE", ["device:a"])
    table.connections.reassert(table.connections.heard("c1", NOW), NOW + 9)
    assert table.watched.marks() == {mark_of("device:a")}
    assert table.connections.heard("c1", NOW).asserted_at == NOW + 9


def test_releasing_takes_out_only_what_nobody_watches(table):
    table.connections.watch(opened(table), frozenset({"device:a"}), 100)
    table.connections.release(["device:a", "device:never"])
    assert table.watched.marks() == {mark_of("device:a")}


def test_whoever_comes_while_a_topic_is_released_stays_watched(aws_live):
    """The one who releases finds nobody, then takes the mark out; between the two somebody subscribes."""
    connections = DynamoDBLiveConnections(aws_live, "live")
    first, second = Connection("r1", "user:ann", NOW), Connection("r2", "user:bob", NOW)
    connections.open(first)
    connections.open(second)
    connections.watch(first, frozenset({"device:race"}), 100)
    mark, raced = connections._mark, []

    def meanwhile(action, topics):
        if action == "DELETE" and not raced:
            raced.append(True)
            connections._mark = mark
            DynamoDBLiveConnections(aws_live, "live").watch(second, frozenset({"device:race"}), 100)
            connections._mark = meanwhile
        mark(action, topics)

    connections._mark = meanwhile
    connections.unwatch("r1", frozenset({"device:race"}))
    assert raced
    assert mark_of("device:race") in connections.marks()


def test_ten_thousand_watched_topics_are_read_in_one_small_query(aws_live):
    connections = DynamoDBLiveConnections(aws_live, "live")
    connections._mark("ADD", [f"device:many-{n}" for n in range(10_000)])
    answer = aws_live.query(
        TableName="live", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "WATCHED"}}
    )
    assert "LastEvaluatedKey" not in answer
    assert len(answer["Items"]) == 16
    assert sum(len(mark) for item in answer["Items"] for mark in item["marks"]["BS"]) < 64 * 1024
    assert len(connections.marks()) >= 10_000


def test_a_whole_session_goes_over_the_real_table(aws_live, clock):
    world = LiveWorld(clock, DynamoDBLiveTickets(aws_live, "live"), DynamoDBLiveConnections(aws_live, "live"))
    world.connect("s1", BOB)
    world.say("s1", type="subscribe", groups=["plant-1"])
    event = LiveEvent(Kind.LATEST, "pump-1", "plant-1", 1, {"t": {"ts": 1, "value": 1, "q": "good"}})
    world.change(event)
    assert world.told("s1")[0]["events"][0]["device"] == "pump-1"
    world.grant(BOB, Role.VIEWER, "group:plant-2")
    clock.now += 31_000
    world.change(event)
    assert world.told("s1") == [{"type": "revoked", "topics": ["group:plant-1"]}]
    world.live.disconnect("s1")
    assert "s1" not in world.connections.of(BOB)


def test_a_table_that_does_not_answer_is_a_live_error(aws_live):
    connections, tickets = DynamoDBLiveConnections(aws_live, "nowhere"), DynamoDBLiveTickets(aws_live, "nowhere")
    connection = Connection("c", "user:ann", NOW)
    for call in (
        lambda: connections.open(connection),
        lambda: connections.of("user:ann"),
        lambda: connections.heard("c", NOW),
        lambda: connections.watch(connection, frozenset({"*"}), 5),
        lambda: connections.unwatch("c", frozenset({"*"})),
        lambda: connections.forget("c"),
        lambda: connections.reassert(Connection("c", "user:ann", NOW, frozenset({"*"})), NOW),
        lambda: connections.watchers(["*"]),
        lambda: connections.release(["*"]),
        connections.marks,
        lambda: tickets.put("d", "user:ann", NOW),
        lambda: tickets.take("d", NOW),
    ):
        with pytest.raises(LiveError):
            call()


class Sqs:
    def __init__(self, failed=()):
        self.batches = []
        self.failed = failed

    def send_message_batch(self, *, QueueUrl, Entries):  # noqa: N803 - boto3's names
        assert QueueUrl == "queue"
        self.batches.append(Entries)
        return {"Failed": [{"Id": one, "Code": "Internal"} for one in self.failed]}


def test_messages_travel_ten_at_once_and_within_the_bytes_of_a_batch():
    sqs = Sqs()
    SqsLiveQueue(sqs, "queue").send([b"x"] * 25)
    assert [len(batch) for batch in sqs.batches] == [10, 10, 5]
    assert [len(batch) for batch in _batches([b"x" * 100_000] * 5)] == [2, 2, 1]
    assert [len(batch) for batch in _batches([b"x" * 250_000, b"y"])] == [1, 1]


def test_a_message_that_the_queue_did_not_take_is_an_error():
    with pytest.raises(LiveError, match="1 messages"):
        SqsLiveQueue(Sqs(["0"]), "queue").send([b"x"])
