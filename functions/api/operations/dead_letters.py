"""What no function could handle, queue by queue, and how it is moved back."""

from base64 import b64encode
from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.answer import Answer, answer, answers
from functions.api.request import Request
from functions.domain.dead_letters import Depth, Described
from functions.services.dead_letters import MAX_NAMED, MAX_PEEKED, ManageDeadLetters

_Queue = Annotated[str, Path(max_length=64)]
_MessageId = Annotated[str, Field(min_length=1, max_length=100)]


class ToMove(BaseModel):
    """The ids of `messages`, or nothing for all that are there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    messages: list[_MessageId] | None = Field(default=None, min_length=1, max_length=MAX_NAMED)


class DeadLetterQueueView(msgspec.Struct, frozen=True):
    """`waiting` and `hidden` (somebody looks at them) are approximate.

    `oldest_at`: when the oldest of some that were looked at was first queued. `source`: they come from a queue.
    """

    name: str
    waiting: int
    hidden: int
    oldest_at: int | None
    source: bool


class DeadLetterQueuesView(msgspec.Struct, frozen=True):
    items: tuple[DeadLetterQueueView, ...]
    cursor: str | None


class DeadLetterView(msgspec.Struct, frozen=True):
    """`payload` is base64 of what the device sent, or of the work, or of its beginning: `bytes` is the size of all.

    `why`, where it is known, is what AWS IoT says of it. A queue does not tell; the function's log does.
    """

    id: str
    sent_at: int
    receives: int
    device: str | None
    topic: str | None
    received_at: int | None
    payload: str
    bytes: int
    why: str | None


class DeadLettersView(msgspec.Struct, frozen=True):
    """Some of the queue's messages, oldest first. They stay in it."""

    queue: DeadLetterQueueView
    items: tuple[DeadLetterView, ...]
    cursor: str | None


class RefusedView(msgspec.Struct, frozen=True):
    id: str
    why: str


class MovedView(msgspec.Struct, frozen=True):
    """`done`: all that was there when it began was looked at. Else ask again: a call takes some seconds at most.

    `refused` cannot go back, and stay; `missing` were named and are not there; `left` is how many the queue holds now.
    """

    moved: int
    refused: tuple[RefusedView, ...]
    missing: tuple[str, ...]
    left: int
    done: bool


class DeadLetterOperations:
    def __init__(self, request: Request, letters: ManageDeadLetters) -> None:
        self._request = request
        self._letters = letters

    @answers(DeadLetterQueuesView)
    def list_dead_letter_queues(self) -> Answer:
        """The queues of dead letters and of messages that topic rules could not deliver, on one page."""
        return answer(DeadLetterQueuesView(tuple(map(_queue, self._letters.queues(self._request.who))), None))

    @answers(DeadLettersView)
    def peek_dead_letters(self, queue: _Queue, limit: Annotated[int, Query(ge=1, le=MAX_PEEKED)] = 10) -> Answer:
        """Look at messages without taking them away. There are no pages: SQS hands out whichever it likes."""
        depth, found = self._letters.peek(self._request.who, queue, limit)
        return answer(DeadLettersView(_queue(depth), tuple(map(_letter, found)), None))

    @answers(MovedView)
    def replay_dead_letters(self, queue: _Queue, wanted: Annotated[ToMove, Body()]) -> Answer:
        """Move messages back to where they came from, each once; those that fail again come back here."""
        moved = self._letters.replay(self._request.actor, queue, wanted.messages)
        refused = tuple(RefusedView(one.id, one.why) for one in moved.refused)
        return answer(MovedView(moved.moved, refused, moved.missing, moved.left, moved.done))


def _queue(depth: Depth) -> DeadLetterQueueView:
    return DeadLetterQueueView(depth.name, depth.waiting, depth.hidden, depth.oldest, depth.source)


def _letter(found: Described) -> DeadLetterView:
    return DeadLetterView(
        id=found.letter.id,
        sent_at=found.letter.sent_at,
        receives=found.letter.receives,
        device=found.thing,
        topic=found.topic,
        received_at=found.received_at,
        payload=b64encode(found.payload).decode(),
        bytes=found.size,
        why=found.why,
    )
