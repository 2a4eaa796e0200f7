"""Requests that a client may send again without fear: the same key and request get the answer of the first time."""

from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec

LEASE_MS: Final = 30_000
"""How long a request may run before another attempt may take its place; the function itself is ended before."""
KEPT_MS: Final = 24 * 3_600_000
MAX_ANSWER_BYTES: Final = 256 * 1024
"""Of what is kept; an item of DynamoDB holds 400 KB. Answers to what creates something are far smaller."""


class KeyedRequest(msgspec.Struct, frozen=True):
    """A principal's key, and the digest of what he asks with it."""

    principal: str
    key: str
    digest: str


class KeptAnswer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: str


class Standing(StrEnum):
    """What became of a key: `MINE` is claimed by this very attempt, `WITHHELD` was answered and not kept."""

    MINE = "mine"
    RUNNING = "running"
    ANSWERED = "answered"
    WITHHELD = "withheld"
    OTHER_REQUEST = "other request"


class Begun(msgspec.Struct, frozen=True):
    """`answer` only where it is ANSWERED; `wait_ms` until the claim of a RUNNING one is over."""

    standing: Standing
    answer: KeptAnswer | None = None
    wait_ms: int = 0


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key: whose it is and until when, and the answer once there is one."""

    digest: str
    owner: str
    until_ms: int
    done: bool = False
    answer: KeptAnswer | None = None

    def free_for(self, request: KeyedRequest, now: int) -> bool:
        """Whether another attempt may claim it."""
        return now >= self.until_ms and (self.done or self.digest == request.digest)

    def seen_by(self, request: KeyedRequest, owner: str, now: int) -> Begun:
        if self.digest != request.digest:
            return Begun(Standing.OTHER_REQUEST)
        if self.done:
            return Begun(Standing.ANSWERED if self.answer else Standing.WITHHELD, self.answer)
        return Begun(Standing.MINE) if self.owner == owner else Begun(Standing.RUNNING, wait_ms=self.until_ms - now)


def claimed(request: KeyedRequest, owner: str, now: int) -> Claim:
    return Claim(digest=request.digest, owner=owner, until_ms=now + LEASE_MS)


def finished(request: KeyedRequest, owner: str, answer: KeptAnswer | None, now: int) -> Claim:
    return Claim(digest=request.digest, owner=owner, until_ms=now + KEPT_MS, done=True, answer=answer)


def digest_of(*parts: bytes) -> str:
    """Each part with its length, so that nothing moves from one to the next unseen."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
