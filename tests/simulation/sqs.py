"""SQS in memory as its developer guide has it (standard queues: at least once, in any order), and the event source
mapping that hands batches of it to a function.
"""

import random
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple

from tests.simulation.kernel import Kernel
from tests.simulation.wires import Wire

MAX_BODY_BYTES = 1024 * 1024
MAX_DELAY_S = 900


class Message:
    __slots__ = ("body", "id", "receives", "sent_at", "visible_at")

    def __init__(self, identifier: str, body: str, sent_at: float, visible_at: float) -> None:
        self.id = identifier
        self.body = body
        self.sent_at = sent_at
        self.visible_at = visible_at
        self.receives = 0


class Queue:
    """`receives` is how often a message is handed out before it goes to the queue `dead`, which has none of its own."""

    def __init__(
        self, name: str, kernel: Kernel, *, visibility_ms: float, receives: int = 0, dead: "Queue | None" = None
    ) -> None:
        self.name = name
        self.messages: dict[str, Message] = {}
        self.heard: Callable[[float], None] = lambda _at: None
        """Called with the time at which a message will be there."""
        self._kernel = kernel
        self._visibility_ms = visibility_ms
        self._receives = receives
        self._dead = dead
        self._ids = count()

    @property
    def url(self) -> str:
        return f"https://sqs/{self.name}"

    def send(self, body: str, delay_s: float = 0) -> str:
        now = self._kernel.now
        message = Message(f"{self.name}-{next(self._ids)}", body, now, now + delay_s * 1000)
        self._put(message)
        return message.id

    def receive(self, most: int, chance: random.Random) -> list[Message]:
        """Of what is there some, in any order; hidden from now on."""
        now = self._kernel.now
        ready = [message for message in self.messages.values() if message.visible_at <= now]
        chance.shuffle(ready)
        batch = []
        for message in ready[:most]:
            if self._dead is not None and message.receives >= self._receives:
                del self.messages[message.id]
                self._dead.messages[message.id] = message
                continue
            message.receives += 1
            self.hide(message, self._visibility_ms)
            batch.append(message)
        return batch

    def hide(self, message: Message, ms: float) -> None:
        message.visible_at = self._kernel.now + ms
        self.heard(message.visible_at)

    def delete(self, message: Message) -> None:
        self.messages.pop(message.id, None)

    def _put(self, message: Message) -> None:
        self.messages[message.id] = message
        self.heard(message.visible_at)


class SqsClient:
    """Of boto3's shape, for what our adapters send."""

    def __init__(self, queues: Mapping[str, Queue], wire: Wire) -> None:
        self.queues = queues
        self._wire = wire

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:  # noqa: N803 - boto3's
        request = {"QueueUrl": QueueUrl, "MessageBody": MessageBody, "DelaySeconds": DelaySeconds}
        queue = self.queues[QueueUrl]
        return self._wire.call("sqs", "send_message", request, lambda: {"MessageId": _sent(queue, request)})

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's
        assert 1 <= len(Entries) <= 10, len(Entries)
        assert len({entry["Id"] for entry in Entries}) == len(Entries), Entries
        queue = self.queues[QueueUrl]

        def effect() -> Any:
            return {"Successful": [{"Id": one["Id"], "MessageId": _sent(queue, one)} for one in Entries], "Failed": []}

        return self._wire.call("sqs", "send_message_batch", {"QueueUrl": QueueUrl, "Entries": Entries}, effect)


def _sent(queue: Queue, request: Mapping[str, Any]) -> str:
    body, delay_s = request["MessageBody"], request.get("DelaySeconds", 0)
    assert 0 < len(body.encode()) <= MAX_BODY_BYTES, len(body)
    assert isinstance(delay_s, int), delay_s
    assert 0 <= delay_s <= MAX_DELAY_S, delay_s
    return queue.send(body, delay_s)


class Delivery(NamedTuple):
    """How roughly a queue is treated: chances of a message to be handed out twice at once, or again although it was
    done with; and of a batch to be a small one.
    """

    twice: float = 0.0
    undeleted: float = 0.0
    split: float = 0.0


class EventSource:
    """Lambda's poller: batches of up to `batch_size` that gathered for `window_ms`, `concurrency` of them at a time.

    `invoke` runs the function with the records, and calls back with what it answered; None where it failed.
    """

    def __init__(
        self,
        queue: Queue,
        kernel: Kernel,
        chance: random.Random,
        invoke: Callable[[list[dict[str, Any]], Callable[[Any], None]], None],
        *,
        batch_size: int,
        window_ms: float,
        concurrency: int,
        delivery: Delivery,
    ) -> None:
        self.delivery = delivery
        self.queue = queue
        self._kernel = kernel
        self._chance = chance
        self._invoke = invoke
        self._batch_size = batch_size
        self._window_ms = window_ms
        self._free = concurrency
        self._polls: set[float] = set()
        queue.heard = self._poll_at

    def _poll_at(self, time: float) -> None:
        then = max(time, self._kernel.now) + self._window_ms
        # Whoever polls a little later takes this one along.
        then = -(-then // 250) * 250
        if then not in self._polls:
            self._polls.add(then)
            self._kernel.at(then, lambda: self._poll(then))

    def _poll(self, then: float) -> None:
        self._polls.discard(then)
        if not self._free:
            return
        most = self._batch_size
        if self._chance.random() < self.delivery.split:
            most = self._chance.randint(1, 4)
        batch = self.queue.receive(most, self._chance)
        if len(batch) == most:
            self._poll_at(self._kernel.now)
        if not batch:
            return
        for message in batch:
            if self._chance.random() < self.delivery.twice:
                self.queue.hide(message, self._chance.choice((0.0, 400.0, 5_000.0)))
        self._free -= 1
        records = [{"messageId": message.id, "body": message.body} for message in batch]
        self._invoke(records, lambda answer: self._over(batch, answer))

    def _over(self, batch: list[Message], answer: Any) -> None:
        self._free += 1
        left = {message.id for message in (batch if answer is None else _left(batch, answer))}
        for message in batch:
            if message.id not in left and self._chance.random() >= self.delivery.undeleted:
                self.queue.delete(message)
        if any(message.visible_at <= self._kernel.now for message in self.queue.messages.values()):
            self._poll_at(self._kernel.now)


def _left(batch: list[Message], answer: Any) -> list[Message]:
    """What stays in the queue: all, where the answer names what is not in the batch."""
    named = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    if not named <= {message.id for message in batch}:
        return batch
    return [message for message in batch if message.id in named]
