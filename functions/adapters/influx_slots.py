"""Where in its millisecond a version of a point stands: the nanosecond that tells its `received_at`.

InfluxDB overwrites in the order of writing, a telemetry store by `received_at`. So each version of a point has a slot
of its own:

- A good one, on time and received less than `PLAIN_LAG_MS` after its `ts` has a *plain* slot, which tells its lag.
- Any other one has a *noted* slot, `PLAIN_LAG_MS + received_at % _NOTED_SLOTS`, and a note beside its value. Two of
  them share a slot where what lies between them is a multiple of 99.991 s to the millisecond; of those the one that was
  written last stands.

A third kind of slot, the same in each millisecond, is for the mark that says that a point has two versions there.

InfluxDB keeps timestamps for each field, less the power of ten that divides all differences in a block; so much shorter
they are packed two into the room of one. Hence the shorter a lag is, the more zeros its slot ends with.
"""

MS = 1_000_000
"""Nanoseconds in one."""
PLAIN_LAG_MS = 900_000
_NOTED_SLOTS = 99_991
"""A prime, so that what happens at regular intervals hardly meets itself."""
MARK_SLOT = 999_998
"""Not the last nanosecond: whether that belongs to a range that ends behind it, servers do not agree."""

# Lags from `first` on stand at multiples of `step` that are none of the step before, where the shorter ones are.
_SHORTEST_STEP, _BEHIND_SHORTEST = 1000, 900
_TIERS = ((100, 900, 9000), (10, 9000, 90_000), (1, 90_000, PLAIN_LAG_MS))


def plain_slot(lag: int) -> int:
    """Another one for each lag from 0 to below PLAIN_LAG_MS, and below that too."""
    if lag < _BEHIND_SHORTEST:
        return lag * _SHORTEST_STEP
    for step, first, behind in _TIERS:
        if lag < behind:
            tens, unit = divmod(lag - first, 9)
            return (tens * 10 + unit + 1) * step
    raise ValueError(f"lag: expected less than {PLAIN_LAG_MS} ms, got {lag}")


def lag_of(slot: int) -> int:
    """The lag whose plain slot it is."""
    if not slot % _SHORTEST_STEP:
        return slot // _SHORTEST_STEP
    step, first = next((step, first) for step, first, _ in _TIERS if not slot % step)
    tens, unit = divmod(slot // step, 10)
    return first + tens * 9 + unit - 1


def noted_slot(received_at: int) -> int:
    return PLAIN_LAG_MS + received_at % _NOTED_SLOTS
