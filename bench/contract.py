"""What reading a telemetry message costs: against `json.loads`, and hostile messages against a valid one of their size.

Nearly all valid messages are read at a glance; a hostile one never is, and is compared with a valid one that is read
as carefully.

    .venv/bin/python bench/contract.py [--quick] [--json]

Each pair is timed in turns in one process, so that what slows the machine slows both; the ratio is the median
of the rounds' ratios.
"""

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contract.errors import EnvelopeError
from contract.telemetry import MAX_MEASUREMENTS, MAX_MESSAGE_BYTES, MAX_VALUES_PER_MEASUREMENT, decode, decode_carefully

HOSTILE_GOAL = 5.0
"""A hostile message may cost this many valid ones of its size that are read as carefully, not at a glance."""
PEER_GOAL = 4.0
"""Reading, checking and typing a message may cost this many `json.loads`, which does none of the latter."""
SIZES = {"512 B": 512, "4 KB": 4_096, "128 KB": MAX_MESSAGE_BYTES}
HEAD = b'{"v":1,"boot":"7f3a-01","seq":1842,"sent":1764000000000,"m":['


def valid(size: int) -> bytes:
    """What a climate sensor sends: three metrics a measurement; of exactly this size, spaces at the end."""
    measurements: list[bytes] = []
    left = size - len(HEAD) - 2
    for index in range(size):
        text = b'{"ts":%d,"values":{"temperature":%.1f,"humidity":%.1f,"pressure":%.1f}}' % (
            1_764_000_000_000 + 10_000 * index,
            20 + index % 50 / 10,
            40 + index % 70 / 10,
            1_000 + index % 90 / 10,
        )
        if left < len(text) + 1:
            break
        measurements.append(text)
        left -= len(text) + 1
    return (HEAD + b",".join(measurements) + b"]}").ljust(size)


def unknown_field(unit: bytes, size: int) -> bytes:
    """A message that is all one field that nobody knows, a list of as many `unit` as fit."""
    head, tail = HEAD + b'],"x":[', b"1]}"
    return head + (unit + b",") * ((size - len(head) - len(tail)) // (len(unit) + 1)) + tail


def values(entry: Callable[[int], bytes], size: int) -> bytes:
    """As many of these entries of `values` as fit, in measurements as full as they may be."""
    measurements: list[bytes] = []
    left = size - len(HEAD) - 2
    for start in range(0, 100 * MAX_VALUES_PER_MEASUREMENT, MAX_VALUES_PER_MEASUREMENT):
        count = MAX_VALUES_PER_MEASUREMENT
        text = _measurement(entry, start, count)
        while len(text) + 1 > left and count:
            count //= 2
            text = _measurement(entry, start, count)
        if not count:
            break
        measurements.append(text)
        left -= len(text) + 1
    return HEAD + b",".join(measurements) + b"]}"


def _measurement(entry: Callable[[int], bytes], start: int, count: int) -> bytes:
    return b'{"ts":5,"values":{' + b",".join(entry(index) for index in range(start, start + count)) + b"}}"


def many_empty(size: int) -> bytes:
    unit = b'{"ts":5,"values":{}},'
    count = min((size - len(HEAD) - len(unit) - 2) // len(unit), MAX_MEASUREMENTS - 1)
    return HEAD + unit * count + unit[:-1] + b"]}"


def one_key(size: int) -> bytes:
    head, entry, tail = HEAD + b'{"ts":5,"values":{', b'"a":1', b"}}]}"
    return head + (entry + b",") * ((size - len(head) - len(tail)) // (len(entry) + 1) - 1) + entry + tail


def damaged(size: int) -> bytes:
    """A valid message whose very last brace is missing: all of the work, and then an error."""
    return valid(size).rstrip()[:-1].ljust(size)


class Hostile(NamedTuple):
    name: str
    build: Callable[[int], bytes]
    outcomes: frozenset[str]
    """The reasons with which it may be refused; `read` if it is read, with what is bad in it rejected."""


def _case(name: str, build: Callable[[int], bytes], *outcomes: str) -> Hostile:
    return Hostile(name, build, frozenset(outcomes))


HOSTILE = (
    _case("opening brackets", lambda size: b"[" * size, "too_deep"),
    _case("opening objects", lambda size: b'{"a":' * (size // 5), "too_deep"),
    _case("brackets nested and closed", lambda size: b"[" * (size // 2) + b"]" * (size // 2), "too_deep"),
    _case("lists 15 deep", lambda size: unknown_field(b"[" * 14 + b"]" * 14, size), "read", "too_many"),
    _case("empty lists", lambda size: unknown_field(b"[]", size), "read", "too_many"),
    _case("empty objects", lambda size: unknown_field(b"{}", size), "read", "too_many"),
    _case("objects of one key", lambda size: unknown_field(b'{"k":0}', size), "read", "too_many"),
    _case("one key repeated in an object", lambda size: unknown_field(b'{"a":1,"a":1}', size), "duplicate_key"),
    _case("one key repeated in values", one_key, "duplicate_key"),
    _case("the last key repeats the first", lambda size: values(_repeat_at_the_end, size), "duplicate_key", "read"),
    _case("many different metrics", lambda size: values(lambda i: b'"m%d":0' % i, size), "read"),
    _case("many bad metrics", lambda size: values(lambda i: b'"%d":0' % i, size), "read"),
    _case("many nulls", lambda size: values(lambda i: b'"m%d":null' % (i % 100), size), "read"),
    _case("many lists as values", lambda size: values(lambda i: b'"m%d":[0]' % (i % 100), size), "read"),
    _case("many overflowing numbers", lambda size: values(lambda i: b'"m%d":1e999' % (i % 100), size), "read"),
    _case("many huge integers", lambda size: values(lambda i: b'"m%d":%s' % (i % 100, b"9" * 300), size), "read"),
    _case("integers of 4,300 digits", lambda size: unknown_field(b"9" * min(4_300, size // 2), size), "read"),
    _case("one endless integer", lambda size: unknown_field(b"9" * (size - 80), size), "number_too_large", "read"),
    _case("floats of 4,000 digits", lambda size: unknown_field(b"0." + b"9" * min(4_000, size // 2), size), "read"),
    _case("many empty measurements", many_empty, "read"),
    _case("many short unknown strings", lambda size: unknown_field(b'""', size), "read"),
    _case("strings of brackets", lambda size: unknown_field(b'"[{"', size), "read"),
    _case("strings of colons", lambda size: unknown_field(b'":"', size), "read"),
    _case("strings of escapes", lambda size: unknown_field(rb'"\\\"\u00e9"', size), "read"),
    _case("long strings as values", lambda size: values(lambda i: b'"m%d":"%s"' % (i % 100, b"x" * 300), size), "read"),
    _case("one long string", lambda size: unknown_field(b'"' + b"x" * (size - 90) + b'"', size), "read"),
    _case("quotes", lambda size: b'"' * size, "not_json"),
    _case("quotes and colons", lambda size: b'":' * (size // 2), "not_json"),
    _case("backslashes", lambda size: b"\\" * size, "not_json"),
    _case("spaces", lambda size: b" " * size, "not_json"),
    _case("a missing last brace", damaged, "not_json"),
    _case("random bytes", lambda size: random.Random(1).randbytes(size), "not_json", "too_deep", "bad_encoding"),
    _case(
        "random printable bytes",
        lambda size: bytes(random.Random(1).choices(range(32, 127), k=size)),
        "not_json",
        "too_deep",
    ),
)


def _repeat_at_the_end(index: int) -> bytes:
    return b'"m%d":0' % (index % 99)


def outcome(raw: bytes) -> str:
    try:
        decode(raw)
    except EnvelopeError as error:
        return error.reason
    return "read"


def measure(rounds: int, seconds: float) -> Iterator[dict[str, Any]]:
    for label, size in SIZES.items():
        message = valid(size)
        timed = _timed(lambda raw=message: decode(raw), lambda raw=message: json.loads(raw), rounds, seconds)
        yield _figure(f"decode a valid message, {label}", timed, "json.loads", PEER_GOAL)
        for case in HOSTILE:
            raw = case.build(size)
            like = valid(len(raw))
            timed = _timed(lambda raw=raw: outcome(raw), lambda raw=like: decode_carefully(raw), rounds, seconds)
            yield _figure(f"{case.name}, {label}", timed, "a valid message of its size, read carefully", HOSTILE_GOAL)


class Timed(NamedTuple):
    seconds: float
    against: float
    ratio: float


def _timed(one: Callable[[], Any], other: Callable[[], Any], rounds: int, seconds: float) -> Timed:
    """The best time of a call of each, and the median of the rounds' ratios: what slows one round slows both sides."""
    repeats = [max(1, round(seconds / max(_once(call, 1), 1e-7))) for call in (one, other)]
    pairs = [(_once(one, repeats[0]), _once(other, repeats[1])) for _ in range(rounds)]
    return Timed(min(a for a, _ in pairs), min(b for _, b in pairs), median(a / b for a, b in pairs))


def _once(call: Callable[[], Any], repeats: int) -> float:
    """In seconds of this process: those that others have of a busy machine do not count."""
    gc.collect()
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def _figure(name: str, timed: Timed, against: str, goal: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(timed.seconds * 1e6, 1),
        "unit": "µs",
        "against": f"{against}: {timed.against * 1e6:.1f} µs",
        "ratio": round(timed.ratio, 2),
        "goal": goal,
        "ok": timed.ratio <= goal,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    arguments = parser.parse_args()
    gc.collect()
    gc.freeze()  # what is imported stays: to look through it before each of some thousand rounds took half of the time
    figures = list(measure(*((15, 0.001) if arguments.quick else (25, 0.005))))
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    for figure in figures:
        mark = "ok  " if figure["ok"] else "OVER"
        print(f"{mark} {figure['ratio']:5.2f} ≤ {figure['goal']:g}  {figure['value']:9.1f} µs  {figure['name']}")


if __name__ == "__main__":
    main()
