"""Code that is made for metrics that often come together, of which each line takes the place of a turn of a loop.

There is nothing in its text that anybody wrote: names are made here; limits and names of metrics are what it is called
with.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from contract.glance import Glance, Reading
from contract.telemetry import Value
from functions.domain.state import Latest

Check: TypeAlias = Callable[[Mapping[str, Value]], bool]
Read: TypeAlias = Callable[[bytes], Glance[Any]]
Renew: TypeAlias = Callable[[Mapping[str, Latest], msgspec.Struct, int], Mapping[str, Latest] | None]


class Limits(NamedTuple):
    """Between which numbers nothing comes of one, and whether it may be as low or as high as they are."""

    low: float
    high: float
    from_low: bool
    to_high: bool


def check_of(metrics: tuple[str, ...], limits: Mapping[str, Limits]) -> Check:
    """Whether of the values of these metrics all that have limits are within; they are then numbers."""
    known = [limits.get(metric) for metric in metrics]
    bounds = [bound for one in known if one is not None for bound in (one.low, one.high)]
    made: Check = _check(tuple(None if one is None else (one.from_low, one.to_high) for one in known))(*bounds)
    return made


def reader_of(limits: Mapping[str, Limits], readings: int) -> Read:
    """Reads messages of so many readings of which each has these numbers, within their limits; raises for any other.

    Members that such a message need not have are passed over.
    """
    names = {f"v{index}": metric for index, metric in enumerate(limits)}
    fields = [(name, Annotated[float, _meta(limits[metric])]) for name, metric in names.items()]
    values: Any = msgspec.defstruct("Values", fields, frozen=True, gc=False, rename=names)
    return msgspec.json.Decoder(Glance[tuple[(Reading[values],) * readings]]).decode  # type: ignore[misc]


def renewer_of(metrics: tuple[str, ...], unmodeled: frozenset[str]) -> Renew:
    """The last values of a device after a reading of such a reader and its time.

    None where a metric had no number before; raises KeyError where it had no value at all.
    """
    made: Renew = _renew(tuple(metric in unmodeled for metric in metrics))(Latest, *metrics)
    return made


def _meta(limits: Limits) -> Meta:
    low, high, from_low, to_high = limits
    if from_low:
        return Meta(ge=low, le=high) if to_high else Meta(ge=low, lt=high)
    return Meta(gt=low, le=high) if to_high else Meta(gt=low, lt=high)


@lru_cache(maxsize=500)
def _check(met: tuple[tuple[bool, bool] | None, ...]) -> Callable[..., Any]:
    """`met` says of each metric whether its limits may be met; None: it has none."""
    names, parts = list[str](), list[str]()
    for index, each in enumerate(met):
        if each is not None:
            names += [f"low{index}", f"high{index}"]
            parts.append(f"low{index} {'<=' if each[0] else '<'} v{index} {'<=' if each[1] else '<'} high{index}")
    taken = "".join(f"v{index}, " for index in range(len(met)))
    return _made(
        f"def make({', '.join(names)}):\n"
        f"    def check(values):\n"
        f"        {taken}= values.values()\n"
        f"        return {' and '.join(parts) or True}\n"
        f"    return check"
    )


@lru_cache(maxsize=500)
def _renew(unmodeled: tuple[bool, ...]) -> Callable[..., Any]:
    names = [f"m{index}" for index in range(len(unmodeled))]
    others = " or ".join(f"type(latest[{name}].value) is not float" for name in names)
    made = (f"m{index}: Latest(ts, values.v{index}, 'good', {each})" for index, each in enumerate(unmodeled))
    return _made(
        f"def make(Latest, {', '.join(names)}):\n"
        f"    def renew(latest, values, ts):\n"
        f"        if {others}:\n"
        f"            return None\n"
        f"        return {{**latest, {', '.join(made)}}}\n"
        f"    return renew"
    )


def _made(text: str) -> Callable[..., Any]:
    space: dict[str, Callable[..., Any]] = {}
    exec(text, space)  # noqa: S102 - see above
    return space["make"]
