"""Dead letters looked at and moved back: each once, those that fail again not in circles, and none lost."""

import json
from base64 import b64encode

import pytest

from contract import ingest, topics
from contract.ingest import IngestMessage
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_dead_letters import MemoryDeadLetters
from functions.domain.audit import Actor
from functions.domain.dead_letters import Letter
from functions.errors import DeadLettersError, ForbiddenError, NotFoundError
from functions.services.dead_letters import MAX_PEEKED, REPLAY_MS, ManageDeadLetters
from tests.functions.api_harness import person

ANN = Actor(person("admin"), "request-1", "192.0.2.1")


class Desk:
    def __init__(self, clock):
        self.clock = clock
        self.letters = MemoryDeadLetters(clock, ["ingest", "live", "rule-errors"], no_source=["rule-errors"])
        self.journal = MemoryJournal()
        self.desk = ManageDeadLetters(self.letters, self.journal, clock)

    def put(self, *bodies, name="ingest", ago=1000):
        start = len(self.letters.letters[name])
        for at, body in enumerate(bodies, start):
            self.letters.add(name, Letter(f"{name}-{at}", body, self.clock.now - ago + at, 5))

    def waiting(self, name="ingest"):
        (depth,) = self.letters.depths([name])
        assert depth.hidden == 0, "nothing stays hidden"
        return sorted(one.body for one in self.letters.letters[name])

    def replay(self, named=None, name="ingest"):
        return self.desk.replay(ANN, name, named)


@pytest.fixture
def desk(clock):
    return Desk(clock)


def undelivered(rule=topics.TELEMETRY_RULE_NAME, topic="dt/pump-1/telemetry", payload=b"{}"):
    return json.dumps({"ruleName": rule, "topic": topic, "base64OriginalPayload": b64encode(payload).decode()})


def test_peeking_leaves_everything_where_it_is(desk):
    desk.put(*(f"{at}" for at in range(60)))
    for _ in range(3):
        depth, found = desk.desk.peek(ANN.principal, "ingest", 100)
        assert (depth.waiting, len(found)) == (60, MAX_PEEKED)
    assert [one.letter.sent_at for one in found] == sorted(one.letter.sent_at for one in found)
    assert len(desk.waiting()) == 60


def test_an_empty_queue_has_nothing_to_show_and_nothing_to_move(desk):
    assert desk.desk.peek(ANN.principal, "ingest", 10)[1] == []
    moved = desk.replay()
    assert (moved.moved, moved.left, moved.done) == (0, 0, True)


def test_all_go_back_each_once(desk):
    bodies = [f"body {at}" for at in range(35)]
    desk.put(*bodies)
    moved = desk.replay()
    assert (moved.moved, moved.refused, moved.left, moved.done) == (35, (), 0, True)
    assert sorted(desk.letters.sent["ingest"]) == sorted(bodies)
    assert desk.waiting() == []


def test_named_ones_go_back_and_the_others_stay(desk):
    desk.put(*(f"{at}" for at in range(25)))
    moved = desk.replay(["ingest-3", "ingest-24", "gone"])
    assert (moved.moved, moved.missing, moved.done) == (2, ("gone",), True)
    assert sorted(desk.letters.sent["ingest"]) == ["24", "3"]
    assert len(desk.waiting()) == 23


def test_what_fails_again_meanwhile_is_not_moved_in_circles(desk):
    desk.put("poison", "good")
    send = desk.letters.send

    def fails_again(name, bodies):
        """The function tries, and its queue gives up, faster than in life."""
        for body in bodies.values():
            desk.clock.now += 100
            desk.letters.add(name, Letter(f"again-{desk.clock.now}", body, desk.clock.now, 5))
        return send(name, bodies)

    desk.letters.send = fails_again
    moved = desk.replay()
    assert (moved.moved, moved.left, moved.done) == (2, 2, True)
    assert desk.waiting() == ["good", "poison"]


def test_a_call_ends_after_some_seconds_and_says_that_there_is_more(desk):
    desk.put(*(f"{at}" for at in range(100)))
    take = desk.letters.take

    def slowly(*args):
        desk.clock.now += REPLAY_MS // 4
        return take(*args)

    desk.letters.take = slowly
    moved = desk.replay()
    assert (moved.moved, moved.left, moved.done) == (40, 60, False)
    desk.letters.take = take
    assert desk.replay().done
    assert len(set(desk.letters.sent["ingest"])) == len(desk.letters.sent["ingest"]) == 100


def test_what_a_rule_could_not_deliver_goes_to_the_queue_of_that_rule(desk):
    desk.put(undelivered(payload=b"\x00"), undelivered(rule="other"), "rubbish", name="rule-errors")
    moved = desk.replay(name="rule-errors")
    assert (moved.moved, moved.left, moved.done) == (1, 2, True)
    (body,) = desk.letters.sent["ingest"]
    assert ingest.decode(body) == IngestMessage(data=b"\x00", thing="pump-1", received_at=desk.clock.now - 1000)
    assert {one.id: one.why.split(",")[0] for one in moved.refused} == {
        "rule-errors-1": "it comes of no topic rule of ours",
        "rule-errors-2": "it comes from no queue that it could go back to",
    }
    assert len(desk.waiting("rule-errors")) == 2


def test_what_its_queue_does_not_take_stays(desk):
    desk.put("a", "b", "c")
    send = desk.letters.send
    desk.letters.send = lambda name, bodies: send(name, {k: b for k, b in bodies.items() if b != "b"}) | {"ingest-1"}
    moved = desk.replay()
    assert (moved.moved, [one.id for one in moved.refused]) == (2, ["ingest-1"])
    assert (desk.waiting(), sorted(desk.letters.sent["ingest"])) == (["b"], ["a", "c"])


@pytest.mark.parametrize("call", ["send", "remove"])
def test_whatever_fails_loses_no_message(desk, call):
    desk.put(*"abc")

    def fail(*_):
        raise DeadLettersError("SQS is away")

    working = getattr(desk.letters, call)
    setattr(desk.letters, call, fail)
    with pytest.raises(DeadLettersError):
        desk.replay()
    setattr(desk.letters, call, working)
    assert {*desk.letters.sent["ingest"], *(one.body for one in desk.letters.letters["ingest"])} == {*"abc"}
    desk.clock.now += 10 * REPLAY_MS
    desk.replay()
    assert {*desk.letters.sent["ingest"]} == {*"abc"}
    assert desk.waiting() == []


def test_a_replay_is_in_the_audit_with_what_was_asked_and_what_came_of_it(desk):
    desk.put("a", "b")
    desk.replay(["ingest-0"])
    asked, done = desk.journal.notes
    assert (asked.action, asked.subject_kind, asked.subject_id) == ("dlq.replay", "dlq", "ingest")
    assert asked.after == {"messages": ["ingest-0"]}
    assert (done.action, done.after) == ("dlq.replayed", {"moved": 1, "left": 1})


def test_dead_letters_are_the_organisation_s(desk):
    somewhere = Actor(person(("admin", "group:plant-1")), "r", "s")
    for call in (
        lambda: desk.desk.queues(somewhere.principal),
        lambda: desk.desk.peek(person("operator"), "ingest", 1),
        lambda: desk.desk.replay(somewhere, "ingest", None),
    ):
        with pytest.raises(ForbiddenError):
            call()
    with pytest.raises(NotFoundError):
        desk.desk.peek(ANN.principal, "nothing", 1)
    with pytest.raises(NotFoundError):
        desk.replay(name="nothing")
    assert desk.journal.notes == []
