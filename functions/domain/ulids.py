"""ULIDs: 48 bits of time in ms, then 80 bits of chance, as 26 characters that sort as the numbers do.

>>> new(1_764_000_000_000, bytes(10))
'01KAV9FT000000000000000000'
"""

from typing import Final

CHANCE_BYTES: Final = 10

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARS: Final = 26
_CHANCE_BITS: Final = 80
_END: Final = 1 << 128


def new(now_ms: int, chance: bytes, *, after: str | None = None) -> str:
    """A ULID of now, or, where that were not greater than `after`, the next one behind it."""
    number = (now_ms << _CHANCE_BITS) | int.from_bytes(chance[:CHANCE_BYTES], "big")
    if after is not None:
        number = max(number, _number(after) + 1)
    if not 0 <= number < _END:
        raise ValueError(f"expected a time within 48 bits, got {now_ms}")
    return "".join(_DIGITS[number >> shift & 31] for shift in range(5 * (_CHARS - 1), -1, -5))


def time_of(ulid: str) -> int:
    """Its time in ms; raises ValueError for what is no ULID."""
    return _number(ulid) >> _CHANCE_BITS


def _number(ulid: str) -> int:
    number = 0
    for character in ulid:
        number = number << 5 | _DIGITS.index(character)
    if len(ulid) != _CHARS or number >= _END:
        raise ValueError(f"expected a ULID, got {ulid!r}")
    return number
