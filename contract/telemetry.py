"""The telemetry envelope: the bytes that a device sends, read and written.

    >>> decode(b'{"v":1,"boot":"b1","seq":7,"sent":9,"m":[{"ts":8,"values":{"temperature":21}}]}').m[0].values
    {'temperature': 21.0}

`decode` costs time in proportion to the message's length, whatever the bytes are.
"""

import re
from math import inf
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from contract._strict_json import MAX_CONTAINERS, MAX_DEPTH, parse, refuse_repeated_keys
from contract.errors import EnvelopeError, shown
from contract.glance import are_metrics, glance, is_boot
from contract.identity import METRIC_PATTERN

__all__ = [
    "MAX_CONTAINERS",
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MAX_MEASUREMENTS",
    "MAX_MESSAGE_BYTES",
    "MAX_METRIC_CHARS",
    "MAX_TEXT_CHARS",
    "MAX_TIMESTAMP_MS",
    "MAX_VALUES",
    "MAX_VALUES_PER_MEASUREMENT",
    "QUALITIES",
    "VERSION",
    "Envelope",
    "Measurement",
    "Quality",
    "RejectedReason",
    "RejectedValue",
    "Value",
    "decode",
    "decode_carefully",
    "encode",
]

VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 131_072  # what AWS IoT Core takes
MAX_MEASUREMENTS: Final = 5_000
MAX_VALUES_PER_MEASUREMENT: Final = 100
MAX_VALUES: Final = 10_000
MAX_TEXT_CHARS: Final = 256
MAX_INTEGER: Final = 2**53  # beyond it a float skips integers
MAX_METRIC_CHARS: Final = 64
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999  # the end of the year 9999

Value: TypeAlias = float | bool | str
Quality: TypeAlias = Literal["good", "estimated", "stale", "bad"]
RejectedReason: TypeAlias = Literal["bad_metric", "wrong_type", "too_long", "not_finite", "unsafe_integer"]
QUALITIES: Final[tuple[Quality, ...]] = get_args(Quality)

_BOOT = re.compile(r"[0-9a-zA-Z-]{1,64}")
_is_metric = re.compile(METRIC_PATTERN).fullmatch


class Measurement(msgspec.Struct, frozen=True, gc=False):
    """Values of one instant. `ts` is in ms since the Unix epoch; `q` is `estimated` while time is not synced."""

    ts: int
    values: dict[str, Value]
    q: Quality = "good"


class RejectedValue(msgspec.Struct, frozen=True, gc=False):
    """One entry of `values` that cannot be kept; the rest of its message is."""

    ts: int
    metric: str
    reason: RejectedReason
    expected: str
    got: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A telemetry message. `(thing, boot, seq)` identifies it: `boot` is new at each agent start, `seq` counts up."""

    boot: str
    seq: int
    sent: int
    m: tuple[Measurement, ...]
    v: int = VERSION
    rejected: tuple[RejectedValue, ...] = ()
    """What `decode` could not keep; `encode` does not write it."""


_METRIC_EXPECTED = "a metric key: 1 to 64 of a-z, 0-9 and '_', starting with a letter"
_WRONG_TYPE: tuple[RejectedReason, str] = ("wrong_type", "a number, boolean or string")
_FAULTS: dict[type, tuple[RejectedReason, str]] = {
    str: ("too_long", f"at most {MAX_TEXT_CHARS} characters"),
    float: ("not_finite", "a finite number"),
    int: ("unsafe_integer", f"an integer from -{MAX_INTEGER} to {MAX_INTEGER}"),
}
# Said without looking closer: a message may be full of them.
_GOT: dict[type, str] = {type(None): "null", list: "a list", dict: "an object"}

_encoder = msgspec.json.Encoder()


def decode(raw: bytes) -> Envelope:
    """Read a message; raises only EnvelopeError, whatever the bytes are. A bad value is `rejected`, the rest kept."""
    found = glance(raw)
    if found is not None and is_boot(found.boot):
        for reading in found.m:
            if not are_metrics(reading.values):
                break
        else:
            m = tuple([Measurement(reading.ts, reading.values, reading.q or "good") for reading in found.m])
            return Envelope(boot=found.boot, seq=found.seq, sent=found.sent, m=m)
    return decode_carefully(raw)


def decode_carefully(raw: bytes) -> Envelope:
    """The same without a glance first: what says why a message is refused, and what `decode` is tested against."""
    document, members = parse(raw, MAX_MESSAGE_BYTES, EnvelopeError, overflow=True)
    envelope, known = _read(document)
    if known != members:  # fields that we do not know, or a key that occurs twice
        refuse_repeated_keys(raw, document, members, EnvelopeError)
    return envelope


def encode(envelope: Envelope) -> bytes:
    """Write a message that `decode` reads back equal; raises EnvelopeError for one that it would not."""
    measurements = [
        {"ts": measurement.ts, "values": measurement.values}
        if measurement.q == "good"
        else {"ts": measurement.ts, "q": measurement.q, "values": measurement.values}
        for measurement in envelope.m
    ]
    document = {
        "v": envelope.v,
        "boot": envelope.boot,
        "seq": envelope.seq,
        "sent": envelope.sent,
        "m": measurements,
    }
    for bad in _read(document)[0].rejected:
        raise EnvelopeError(f"values.{bad.metric}", bad.expected, bad.got, bad.reason)
    try:
        raw = _encoder.encode(document)
    except UnicodeEncodeError as error:
        raise EnvelopeError(None, "text that UTF-8 can carry", str(error), "bad_encoding") from error
    if len(raw) > MAX_MESSAGE_BYTES:
        raise EnvelopeError(None, f"at most {MAX_MESSAGE_BYTES} bytes", f"{len(raw)} bytes", "too_large")
    return raw


def _read(document: Any) -> tuple[Envelope, int]:
    """The envelope in a parsed document, and how many object members the envelope's own objects have."""
    if type(document) is not dict:
        raise EnvelopeError(None, "an object", shown(document))
    version = document.get("v")
    if type(version) is not int:
        raise _fault(document, "v", str(VERSION))
    if version != VERSION:
        raise EnvelopeError("v", str(VERSION), shown(version), "unsupported_version")
    boot = document.get("boot")
    if type(boot) is not str or not _BOOT.fullmatch(boot):
        raise _fault(document, "boot", "1 to 64 of 0-9, a-z, A-Z and '-'")
    seq = _integer(document, "seq", MAX_INTEGER - 1)
    sent = _integer(document, "sent", MAX_TIMESTAMP_MS)
    items = document.get("m")
    if type(items) is not list or len(items) > MAX_MEASUREMENTS:
        raise _fault(document, "m", f"a list of at most {MAX_MEASUREMENTS} measurements")
    reader = _Reader()
    measurements = tuple([reader.measurement(item) for item in items])
    envelope = Envelope(boot=boot, seq=seq, sent=sent, m=measurements, rejected=tuple(reader.rejected))
    return envelope, reader.members + len(document)


class _Reader:
    """Reads the measurements of one message in order, and keeps what they have in common."""

    def __init__(self) -> None:
        self.rejected: list[RejectedValue] = []
        self.members = 0
        self._index = 0
        self._values = 0
        self._metrics: set[str] = set()  # well-formed ones: most messages repeat a few

    def measurement(self, item: Any) -> Measurement:
        if type(item) is not dict:
            raise EnvelopeError(f"m[{self._index}]", "an object", shown(item))
        ts = item.get("ts")
        if type(ts) is not int or not 0 <= ts <= MAX_TIMESTAMP_MS:
            raise _fault(item, "ts", f"an integer from 0 to {MAX_TIMESTAMP_MS}", self._index)
        quality = item.get("q", "good")
        if quality not in QUALITIES:
            raise _fault(item, "q", f"one of {', '.join(QUALITIES)}", self._index)
        values = item.get("values")
        if type(values) is not dict or len(values) > MAX_VALUES_PER_MEASUREMENT:
            raise _fault(item, "values", f"an object with at most {MAX_VALUES_PER_MEASUREMENT} keys", self._index)
        self._values += len(values)
        if self._values > MAX_VALUES:
            raise EnvelopeError("m", f"at most {MAX_VALUES} values in all", "more", "too_many")
        self.members += len(item) + len(values)
        self._index += 1
        return Measurement(ts, self._kept(ts, values), quality)

    def _kept(self, ts: int, values: dict[str, Any]) -> dict[str, Value]:
        kept: dict[str, Value] = {}
        metrics = self._metrics
        for metric, value in values.items():
            kind = type(value)
            if metric not in metrics:
                if not _is_metric(metric):
                    clipped = metric[:MAX_METRIC_CHARS]
                    self.rejected.append(RejectedValue(ts, clipped, "bad_metric", _METRIC_EXPECTED, repr(clipped)))
                    continue
                metrics.add(metric)
            if kind is float:
                if -inf < value < inf:
                    kept[metric] = value
                    continue
            elif kind is int:
                if -MAX_INTEGER <= value <= MAX_INTEGER:
                    kept[metric] = float(value)
                    continue
            elif kind is bool or (kind is str and len(value) <= MAX_TEXT_CHARS):
                kept[metric] = value
                continue
            reason, expected = _FAULTS.get(kind, _WRONG_TYPE)
            self.rejected.append(RejectedValue(ts, metric, reason, expected, _GOT.get(kind) or shown(value)))
        return kept


def _integer(document: dict[str, Any], key: str, maximum: int) -> int:
    value = document.get(key)
    if type(value) is not int or not 0 <= value <= maximum:
        raise _fault(document, key, f"an integer from 0 to {maximum}")
    return value


def _fault(document: dict[str, Any], key: str, expected: str, index: int | None = None) -> EnvelopeError:
    field = key if index is None else f"m[{index}].{key}"
    return EnvelopeError(field, expected, shown(document[key]) if key in document else "nothing")
