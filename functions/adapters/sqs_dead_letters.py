"""Dead-letter queues in SQS. Whoever looks at a message hides it for a moment, and loses nothing by dying meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.aws import side_by_side, wrapped
from functions.domain.dead_letters import Depth, Letter
from functions.errors import DeadLettersError, NotFoundError
from functions.ports.dead_letters import Taken

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_AT_ONCE = 10
_BATCH_BYTES = 250_000


class Place(msgspec.Struct, frozen=True):
    """URLs of a queue of dead letters and of the one that they come from."""

    queue: str
    source: str | None = None


class SqsDeadLetters:
    """`places` are asked for with the first call. A queue with few messages is waited for: else SQS overlooks some."""

    def __init__(self, client: "SQSClient", places: Callable[[], Mapping[str, Place]], *, wait_s: int = 1) -> None:
        self._client = client
        self._places = places
        self._wait_s = wait_s

    def names(self) -> Sequence[str]:
        return sorted(self._places())

    def depths(self, names: Sequence[str]) -> list[Depth]:
        return side_by_side(self._depth, names)

    def has_source(self, name: str) -> bool:
        return self._place(name).source is not None

    def take(self, name: str, most: int, hidden_s: int) -> list[Taken]:
        return self._receive(name, most, hidden_s, wait_s=self._wait_s)

    def give_back(self, name: str, taken: Sequence[Taken]) -> None:
        url = self._place(name).queue
        for some in _chunks(taken):
            with wrapped(DeadLettersError, f"giving messages back to the dead letters of {name}"):
                self._client.change_message_visibility_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(at), "ReceiptHandle": one.receipt, "VisibilityTimeout": 0}
                        for at, one in enumerate(some)
                    ],
                )

    def remove(self, name: str, taken: Sequence[Taken]) -> None:
        url = self._place(name).queue
        for some in _chunks(taken):
            with wrapped(DeadLettersError, f"taking messages from the dead letters of {name}"):
                answer = self._client.delete_message_batch(
                    QueueUrl=url,
                    Entries=[{"Id": str(at), "ReceiptHandle": one.receipt} for at, one in enumerate(some)],
                )
            for failed in answer.get("Failed", []):
                raise DeadLettersError(f"taking messages from the dead letters of {name}: {failed.get('Message')}")

    def send(self, name: str, bodies: Mapping[str, str]) -> frozenset[str]:
        place = self._place(name)
        if place.source is None:
            raise DeadLettersError(f"the dead letters of {name} come from no queue")
        failed: set[str] = set()
        for some in _fitting(bodies):
            ids = list(some)
            with wrapped(DeadLettersError, f"sending messages back to {name}"):
                answer = self._client.send_message_batch(
                    QueueUrl=place.source,
                    Entries=[{"Id": str(at), "MessageBody": some[id_]} for at, id_ in enumerate(ids)],
                )
            failed.update(ids[int(one["Id"])] for one in answer.get("Failed", []))
        return frozenset(failed)

    def _depth(self, name: str) -> Depth:
        place = self._place(name)
        with wrapped(DeadLettersError, f"counting the dead letters of {name}"):
            counts = self._client.get_queue_attributes(
                QueueUrl=place.queue,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        waiting = int(counts["ApproximateNumberOfMessages"])
        hidden = int(counts["ApproximateNumberOfMessagesNotVisible"])
        # Looked at without being hidden: of ten or fewer, since SQS does not tell the age of the oldest.
        sample = self._receive(name, _AT_ONCE, 0, wait_s=0) if waiting else []
        oldest = min((one.letter.sent_at for one in sample), default=None)
        return Depth(name, waiting, hidden, oldest, place.source is not None)

    def _receive(self, name: str, most: int, hidden_s: int, *, wait_s: int) -> list[Taken]:
        with wrapped(DeadLettersError, f"looking at the dead letters of {name}"):
            answer = self._client.receive_message(
                QueueUrl=self._place(name).queue,
                MaxNumberOfMessages=min(most, _AT_ONCE),
                VisibilityTimeout=hidden_s,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        return [_taken(dict(one)) for one in answer.get("Messages", [])]

    def _place(self, name: str) -> Place:
        place = self._places().get(name)
        if place is None:
            raise NotFoundError(f"there is no queue of dead letters {name!r}")
        return place


class StoredPlaces:
    """Where the queues are: more than fits into a function's environment, so in a parameter of Systems Manager."""

    def __init__(self, client: Any, parameter: str) -> None:
        self._client = client
        self._parameter = parameter
        self._known: Mapping[str, Place] | None = None

    def __call__(self) -> Mapping[str, Place]:
        if self._known is None:
            with wrapped(DeadLettersError, "reading where the dead letters are"):
                answer = self._client.get_parameter(Name=self._parameter)
            self._known = msgspec.json.decode(answer["Parameter"]["Value"], type=dict[str, Place])
        return self._known


def _taken(message: Mapping[str, Any]) -> Taken:
    attributes = message.get("Attributes", {})
    letter = Letter(
        id=message["MessageId"],
        body=message["Body"],
        sent_at=int(attributes.get("SentTimestamp", 0)),
        receives=int(attributes.get("ApproximateReceiveCount", 0)),
    )
    return Taken(letter, message["ReceiptHandle"])


def _chunks(taken: Sequence[Taken]) -> Iterator[Sequence[Taken]]:
    return (taken[at : at + _AT_ONCE] for at in range(0, len(taken), _AT_ONCE))


def _fitting(bodies: Mapping[str, str]) -> Iterable[dict[str, str]]:
    """As many as one call takes, by number and by size."""
    some: dict[str, str] = {}
    size = 0
    for id_, body in bodies.items():
        length = len(body.encode())
        if some and (len(some) == _AT_ONCE or size + length > _BATCH_BYTES):
            yield some
            some, size = {}, 0
        some[id_] = body
        size += length
    if some:
        yield some
