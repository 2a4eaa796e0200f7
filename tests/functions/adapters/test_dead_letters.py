"""What is promised of queues of dead letters, over the fake and over SQS (moto)."""

import json
from types import SimpleNamespace

import boto3
import pytest

from functions.adapters.memory_dead_letters import MemoryDeadLetters
from functions.adapters.sqs_dead_letters import Place, SqsDeadLetters, StoredPlaces
from functions.domain.dead_letters import Letter
from functions.errors import DeadLettersError, NotFoundError

HIDDEN_S = 30


@pytest.fixture
def sqs(aws):
    return boto3.client("sqs")


@pytest.fixture(params=["memory", "sqs"])
def parts(request, clock):
    """`put` places bodies among the dead letters of `ingest`, `sent` is what went back to its queue."""
    if request.param == "memory":
        fake = MemoryDeadLetters(clock, ["ingest", "rule-errors"], no_source=["rule-errors"])

        def put(*bodies):
            for at, body in enumerate(bodies):
                fake.add("ingest", Letter(f"id-{len(fake.letters['ingest'])}", body, clock.now + at, 0))

        return SimpleNamespace(letters=fake, put=put, sent=lambda: fake.sent["ingest"])
    client = request.getfixturevalue("sqs")
    urls = {name: client.create_queue(QueueName=name)["QueueUrl"] for name in ("dlq", "source", "errors")}

    def put(*bodies):
        for body in bodies:
            client.send_message(QueueUrl=urls["dlq"], MessageBody=body)

    def sent():
        found = []
        while some := client.receive_message(QueueUrl=urls["source"], MaxNumberOfMessages=10).get("Messages"):
            found += [one["Body"] for one in some]
        return found

    places = {"ingest": Place(urls["dlq"], urls["source"]), "rule-errors": Place(urls["errors"])}
    return SimpleNamespace(letters=SqsDeadLetters(client, lambda: places, wait_s=0), put=put, sent=sent)


def bodies(taken):
    return sorted(one.letter.body for one in taken)


def everything(letters, hidden_s=HIDDEN_S):
    taken = []
    while some := letters.take("ingest", 10, hidden_s):
        taken += some
    return taken


def depth(parts):
    (found,) = parts.letters.depths(["ingest"])
    return found.waiting, found.hidden


def test_the_queues_are_told_by_name_with_how_much_waits(parts):
    parts.put("a", "b")
    assert list(parts.letters.names()) == ["ingest", "rule-errors"]
    ingest, errors = parts.letters.depths(["ingest", "rule-errors"])
    assert (ingest.name, ingest.waiting, ingest.hidden, ingest.source) == ("ingest", 2, 0, True)
    assert (errors.waiting, errors.oldest, errors.source) == (0, None, False)
    assert ingest.oldest == min(one.letter.sent_at for one in everything(parts.letters))


def test_looking_how_old_they_are_hides_none(parts):
    parts.put(*"abc")
    for _ in range(3):
        assert depth(parts) == (3, 0)


def test_what_is_taken_is_hidden_until_it_is_given_back(parts):
    parts.put(*map(str, range(12)))
    taken = everything(parts.letters)
    assert len({one.letter.id for one in taken}) == 12
    assert depth(parts) == (0, 12)
    parts.letters.give_back("ingest", taken[:11])
    assert depth(parts) == (11, 1)
    assert bodies(everything(parts.letters)) == bodies(taken[:11])


def test_no_more_are_taken_than_asked_for(parts):
    parts.put(*"abcde")
    assert len(parts.letters.take("ingest", 2, HIDDEN_S)) <= 2


def test_what_is_removed_is_gone(parts):
    parts.put(*map(str, range(12)))
    taken = everything(parts.letters)
    parts.letters.remove("ingest", taken[:11])
    parts.letters.give_back("ingest", taken)
    assert [one.letter.id for one in everything(parts.letters)] == [taken[11].letter.id]


def test_a_letter_tells_how_often_it_was_handed_out(parts):
    parts.put("a")
    counts = []
    for _ in range(3):
        taken = everything(parts.letters)
        counts += [one.letter.receives for one in taken]
        parts.letters.give_back("ingest", taken)
    assert counts == [1, 2, 3]


def test_what_is_sent_goes_into_the_queue_that_they_come_from(parts):
    large = {f"large-{at}": f"{at}" * 90_000 for at in range(4)}
    small = {f"id-{at}": str(at) for at in range(12)}
    assert parts.letters.send("ingest", {**large, **small}) == frozenset()
    assert sorted(parts.sent()) == sorted([*large.values(), *small.values()])
    assert depth(parts) == (0, 0)


def test_where_there_is_no_such_queue_nothing_is_sent(parts):
    with pytest.raises(DeadLettersError, match="come from no queue"):
        parts.letters.send("rule-errors", {"a": "b"})


@pytest.mark.parametrize("call", ["depths", "has_source", "take"])
def test_an_unknown_queue_is_named(parts, call):
    arguments = {"depths": (["nothing"],), "has_source": ("nothing",), "take": ("nothing", 1, 1)}[call]
    with pytest.raises(NotFoundError, match="'nothing'"):
        getattr(parts.letters, call)(*arguments)


def test_what_nobody_gives_back_comes_back_by_itself(clock):
    letters = MemoryDeadLetters(clock, ["ingest"])
    letters.add("ingest", Letter("a", "b", clock.now, 0))
    assert len(letters.take("ingest", 1, HIDDEN_S)) == 1
    clock.now += HIDDEN_S * 1000
    assert letters.depths(["ingest"])[0].waiting == 1


class Refusing:
    """A client that fails for some messages of a batch."""

    def __init__(self):
        self.batches = []

    def send_message_batch(self, QueueUrl, Entries):  # noqa: N803 - boto3's names
        self.batches.append([entry["MessageBody"] for entry in Entries])
        return {"Failed": [{"Id": entry["Id"]} for entry in Entries if entry["MessageBody"] == "bad"]}

    def delete_message_batch(self, QueueUrl, Entries):  # noqa: N803
        return {"Failed": [{"Id": "0", "Message": "no such receipt"}]}


def test_exactly_those_that_were_not_sent_are_named():
    client = Refusing()
    letters = SqsDeadLetters(client, lambda: {"ingest": Place("dlq", "source")})
    wanted = {f"id-{at}": "bad" if at in (3, 11) else "good" for at in range(13)}
    assert letters.send("ingest", wanted) == {"id-3", "id-11"}
    assert [len(batch) for batch in client.batches] == [10, 3]


def test_one_that_cannot_be_removed_is_no_silent_copy(aws, sqs):
    taken = MemoryDeadLetters(SimpleNamespace(now_ms=lambda: 0), ["ingest"])
    taken.add("ingest", Letter("a", "b", 0, 0))
    with pytest.raises(DeadLettersError, match="no such receipt"):
        SqsDeadLetters(Refusing(), lambda: {"ingest": Place("dlq")}).remove("ingest", taken.take("ingest", 1, 9))


def test_where_the_queues_are_is_read_once(aws):
    client = boto3.client("ssm")
    value = {"ingest": {"queue": "dlq", "source": "source"}, "rule-errors": {"queue": "errors"}}
    client.put_parameter(Name="places", Value=json.dumps(value), Type="String")
    places = StoredPlaces(client, "places")
    assert places() == {"ingest": Place("dlq", "source"), "rule-errors": Place("errors")}
    client.delete_parameter(Name="places")
    assert set(places()) == {"ingest", "rule-errors"}
    with pytest.raises(DeadLettersError, match="where the dead letters are"):
        StoredPlaces(client, "places")()
