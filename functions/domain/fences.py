"""What keeps the late from undoing what came after it, and the same from being done twice.

Work on one thing may be done by several functions, more than once and in any order. Where only the newest counts, each
piece of it passes a *fence*: it does so only if its order is beyond all that passed before, in the transaction that
does the work.
"""

import msgspec


class Fence(msgspec.Struct, frozen=True):
    """`name` is one of the device's; orders of one name compare as texts."""

    name: str
    order: str


class Passed(msgspec.Struct, frozen=True):
    """The answer that nothing was done: something of this `order`, the same or a greater one, had passed it before."""

    name: str
    order: str
