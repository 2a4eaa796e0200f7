"""Ids of deliveries: made of what each is about, so that whoever plans one, however often, gives it the same id."""

from hashlib import blake2b
from typing import Final

import msgspec

from functions.errors import RequestError

_DIGEST_BYTES: Final = 12
_ID_PARTS: Final = 4
_OWN_PARTS: Final = 3


def delivery_id(thing: str, number: int, step: int, *what: str) -> str:
    """Of what is done about a step of an alarm: the id says where it is kept, and its end what it is.

    >>> delivery_id("pump-7", 42, 0, "notice", "on-call")
    'pump-7.42.0.48721317d7dfd892dcb1b4d3'
    """
    digest = blake2b("\0".join((thing, str(number), str(step), *what)).encode(), digest_size=_DIGEST_BYTES)
    return f"{thing}.{number}.{step}.{digest.hexdigest()}"


def own_id(recipient: str, kind: str, number: int) -> str:
    """Of what is sent to a recipient and is about no alarm, or many.

    >>> own_id("on-call", "digest", 7)
    'on-call.digest.7'
    """
    return f"{recipient}.{kind}.{number}"


class Place(msgspec.Struct, frozen=True):
    """What an id says: the device and its alarm and step, or else a recipient; and what tells it from others there."""

    what: str
    thing: str = ""
    number: int = 0
    step: int = 0
    recipient: str = ""


def place_of(id: str) -> Place:  # noqa: A002 - its name everywhere
    """Raises RequestError for what is no id of a delivery."""
    parts = id.split(".")
    if len(parts) == _ID_PARTS and all(part.isascii() and part.isdigit() for part in parts[1:3]):
        thing, number, step, what = parts
        if len(number) <= 8 and len(step) <= 4:  # noqa: PLR2004 - as keys spell them
            return Place(what, thing=thing, number=int(number), step=int(step))
    if len(parts) == _OWN_PARTS and parts[1] in {"digest", "test"} and parts[2].isascii() and parts[2].isdigit():
        return Place(f"{parts[1]}.{parts[2]}", recipient=parts[0])
    raise RequestError("delivery", "the id of a delivery", repr(id[:100]))
