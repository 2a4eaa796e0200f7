"""One named shadow of the device: what is desired comes in, what is true goes out.

The shadow is asked for (`get`) whenever it may hold something that is not known here: after each connect, and when a
message about it says something new. Only the answer is acted upon, since it alone holds all that is desired: a delta
leaves out what happens to be reported already, and a request put together of deltas would mix parameters of two wishes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contract import documents, topics
from contract.documents import ShadowDelta, ShadowError, ShadowGet
from contract.errors import DocumentError, TopicError
from contract.topics import Topic
from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.errors import ConnectionLostError, PublishRefusedError
from device_agent.shadow.documents import Contents, read
from device_agent.shadow.patch import EVERYTHING, merge_patch, newest_stamp, says_nothing_new, shortened, without_nulls
from device_agent.shadow.requests import ANSWER_S, Answer, Request, refusal, removal, update
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.link import Link
    from device_agent.transport import Incoming

OnDesired = Callable[[Mapping[str, Any], int], Awaitable[None]]

BEAT_S: Final = 5.0
"""`run` beats at least this often while nothing takes longer than ANSWER_S."""
LEAST_INTERVAL_S: Final = 1.0
"""Between two requests: what changes faster is reported as it then is."""
LONGEST_RETRY_S: Final = 300.0
MOST_STALE_ANSWERS: Final = 3
"""After so many answers older than what was seen, the shadow was started anew, and they are right."""
_NOT_FOUND: Final = 404
_TEMPORARY: Final = frozenset({409, 429, 500, 503})


class NamedShadow:
    """Made before the link runs; `run` works until it is cancelled.

    `on_desired(values, version)` is called once for each new desired state, one call at a time; what was replaced by a
    newer one before its turn is passed over. `malformed` counts messages that could not be read.
    """

    def __init__(
        self,
        link: "Link",
        thing: str,
        name: str,
        on_desired: OnDesired,
        clock: Clock,
        random: Random,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._link = link
        self._thing = thing
        self._name = name
        self._on_desired = on_desired
        self._clock = clock
        self._log = log
        self._desired: Mapping[str, Any] | None = None
        self._stamps: Mapping[str, Any] = {}
        self._undelivered: tuple[Mapping[str, Any], int] | None = None
        self._to_deliver = asyncio.Event()
        self._wanted: Mapping[str, Any] | None = None
        self._rejected: Mapping[str, str] = {}
        self._unreadable: str | None = None
        self._reported: dict[str, Any] | None = {}  # as the shadow has it; None: in a form that is not ours
        self._refused_patch: dict[str, Any] | None = None
        self._version = -1  # the highest that was seen since the connect
        self._must_ask = True
        self._wake = asyncio.Event()
        self._pending: Request | None = None
        self._requests = 0
        self._stale_answers = 0
        self._backoff = Backoff(random, first_s=2 * LEAST_INTERVAL_S, most_s=LONGEST_RETRY_S, least_s=LEAST_INTERVAL_S)
        self._not_before = 0.0
        self._born = clock.boot_ms()
        self.malformed = 0
        link.subscribe(topics.filter_shadow(thing, name), self._receive)
        link.on_connect(self._connected)

    @property
    def stamps(self) -> Mapping[str, int | None]:
        """When each key of the desired state was last set, in the cloud's seconds; None where it does not say."""
        return {key: newest_stamp(self._stamps.get(key)) for key in self._desired or {}}

    def report(self, values: Mapping[str, Any], rejected: Mapping[str, str] | None = None) -> None:
        """Make this all that is reported: what is true, and why something desired was rejected, by its key.

        Never waits. Sent when there is a connection, unless the shadow says so already; a None is left out.
        """
        self._wanted = values
        self._rejected = shortened(rejected or {})
        self._wake.set()

    def contents(self) -> dict[str, Any]:
        """For people: what is `desired`, as last read (None: nothing, or not read yet), `reported` and `rejected`."""
        told = self._all_that_is_reported()
        return {"desired": self._desired, "reported": told["values"], "rejected": told["rejected"]}

    async def run(self, beat: Callable[[], None]) -> None:
        """Deliver and report for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver())
            tasks.create_task(self._exchange(beat))

    async def _deliver(self) -> None:
        while True:
            await self._to_deliver.wait()
            self._to_deliver.clear()
            if (news := self._undelivered) is not None:
                self._undelivered = None
                await self._on_desired(*news)

    async def _exchange(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            wait = self._not_before - self._clock.monotonic()
            if wait > 0:
                await first_of(self._wake.wait(), self._clock.sleep(min(wait, BEAT_S)))
                continue
            try:
                if self._link.is_connected and self._must_ask:
                    await self._ask()
                elif self._link.is_connected and (patch := self._patch()):
                    await self._tell(patch)
                else:
                    await first_of(self._wake.wait(), self._clock.sleep(BEAT_S))
            except (ConnectionLostError, PublishRefusedError) as error:
                self._must_ask = True
                self._back_off(str(error))

    async def _ask(self) -> None:
        self._must_ask = False
        answer = await self._request("get", lambda token: documents.encode(ShadowGet(client_token=token)))
        if isinstance(answer, Contents):
            self._rest()
            self._look_at(answer)
        elif isinstance(answer, DocumentError):
            # It was answered, and asking again would bring the same. What was reported before is not known.
            self._rest()
            self._unreadable, self._reported = str(answer), {}
        elif answer is not None and answer.code == _NOT_FOUND:
            self._rest()
            self._forget()
        else:
            self._must_ask = True
            self._back_off(refusal("get", answer))

    async def _tell(self, patch: dict[str, Any]) -> None:
        foreign = self._reported is None
        afterwards = {} if foreign else without_nulls(self._all_that_is_reported())
        answer = await self._request("update", removal if foreign else lambda token: update(patch, token))
        if isinstance(answer, (Contents, DocumentError)):  # accepted in either case
            self._rest()
            self._reported = afterwards
        elif answer is not None and answer.code not in _TEMPORARY:
            self._refused_patch = patch
            self._back_off(refusal("update", answer))
        else:
            self._must_ask = True  # it may have been taken all the same
            self._back_off(refusal("update", answer))

    async def _request(self, operation: str, payload: Callable[[str], bytes]) -> Answer:
        """The answer, or None if none came in time."""
        self._requests += 1
        request = self._pending = Request(operation, f"{self._born:x}-{self._requests:x}")
        try:
            await self._link.publish(topics.shadow(self._thing, self._name, operation), payload(request.token))
            await first_of(request.answered.wait(), self._clock.sleep(ANSWER_S))
            return request.answer
        finally:
            self._pending = None

    def _look_at(self, contents: Contents) -> None:
        if contents.version < self._version and self._stale_answers < MOST_STALE_ANSWERS:
            self._stale_answers += 1
            self._must_ask = True
            return
        self._stale_answers = 0
        self._version = contents.version
        self._reported = contents.reported
        self._unreadable = contents.unreadable
        if contents.unreadable is not None:
            self._log.warning("shadow %s: what is desired cannot be read: %s", self._name, contents.unreadable)
            return
        before, now = (self._desired, self._stamps), (contents.desired, contents.stamps)
        self._desired, self._stamps = now
        if _canonical(before) != _canonical(now):
            self._undelivered = (contents.desired or {}, contents.version)
            self._to_deliver.set()

    def _forget(self) -> None:
        """There is no shadow (any more): the next one starts anew, also in its versions."""
        self._desired, self._stamps = None, {}
        self._reported, self._unreadable, self._refused_patch = {}, None, None
        self._version = -1
        self._wake.set()

    def _all_that_is_reported(self) -> dict[str, Any]:
        values = (self._reported or {}).get("values", {}) if self._wanted is None else self._wanted
        everything = {} if self._unreadable is None else shortened({EVERYTHING: self._unreadable})
        return {"values": values, "rejected": {**self._rejected, **everything}}

    def _patch(self) -> dict[str, Any]:
        """What the shadow has yet to be told; empty if nothing, or if that very thing was refused."""
        if self._wanted is None and self._unreadable is None:
            return {}
        patch = merge_patch(self._reported or {}, self._all_that_is_reported())
        return {} if patch == self._refused_patch else patch

    def _rest(self) -> None:
        self._backoff.reset()
        self._not_before = self._clock.monotonic() + LEAST_INTERVAL_S

    def _back_off(self, reason: str) -> None:
        self._log.warning("shadow %s: %s", self._name, reason)
        self._not_before = self._clock.monotonic() + self._backoff.next_s()

    async def _connected(self) -> None:
        self._version = -1
        self._must_ask = True
        self._refused_patch = None
        self._not_before = 0.0
        self._wake.set()

    def _receive(self, message: "Incoming") -> None:
        """Sort a message; what cannot be read changes nothing and is counted."""
        try:
            self._sort(topics.parse(message.topic), message.payload)
        except (TopicError, DocumentError) as error:
            self.malformed += 1
            self._log.warning("shadow %s: a message on %s is ignored: %s", self._name, message.topic, error)

    def _sort(self, topic: Topic, payload: bytes) -> None:
        operation = topic.operation
        if (topic.thing, topic.name) != (self._thing, self._name):
            raise TopicError("shadow", f"{self._name} of {self._thing}", f"{topic.name} of {topic.thing}")
        if operation in ("get/accepted", "update/accepted"):
            self._accepted(operation, payload)
        elif operation in ("get/rejected", "update/rejected"):
            error = documents.decode(ShadowError, payload)
            if self._pending is not None and self._pending.is_answered_by(operation, error.client_token):
                self._pending.settle(error)
        elif operation == "update/delta":
            self._differs(payload)
        elif operation == "delete/accepted":
            self._forget()

    def _accepted(self, operation: str, payload: bytes) -> None:
        try:
            contents = read(payload)
        except DocumentError as error:
            if self._pending is not None and self._pending.is_answered_by(operation, None):
                self._pending.settle(error)
            raise
        if self._pending is not None and self._pending.is_answered_by(operation, contents.token):
            self._pending.settle(contents)
        elif contents.desired is not None or contents.unreadable is not None:
            self._learn_of(contents.version)

    def _differs(self, payload: bytes) -> None:
        try:
            delta = documents.decode(ShadowDelta, payload)
        except DocumentError:
            self._must_ask = True  # the whole shadow tells what cannot be read in it
            self._wake.set()
            raise
        known = {"values": self._desired or {}}
        stamps = delta.metadata.get("values", {})
        if says_nothing_new({"values": delta.state.values}, known) and says_nothing_new(stamps, self._stamps):
            return
        self._learn_of(delta.version)

    def _learn_of(self, version: int) -> None:
        if version > self._version:
            self._version = version
            self._must_ask = True
            self._wake.set()


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
