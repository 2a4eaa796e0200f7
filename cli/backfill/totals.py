"""What a move has done so far: sums over all slices, and the same for each device and day."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cli.csv_output import Cell
from contract.backfill import Copied, Damage, DeviceDay

MAX_BAD_LINES = 100
_MODULUS = 1 << 64

REPORT_HEADER = (
    "device",
    "day",
    "verified",
    "points",
    "superseded",
    "refused",
    "expected",
    "found",
    "missing",
    "different",
    "extra",
    "expected_checksum",
    "found_checksum",
    "refused_reasons",
)


class DaySums(msgspec.Struct):
    """Of one device and day over all slices. Checksums are sums themselves, so those of slices add up.

    `extra` is None where one of the slices cannot tell.
    """

    points: int = 0
    superseded: int = 0
    missing: int = 0
    different: int = 0
    extra: int | None = 0
    expected: int = 0
    found: int = 0
    checksum: int = 0
    found_checksum: int = 0
    unverified: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, day: DeviceDay) -> None:
        self.points += day.points
        self.superseded += day.superseded
        self.missing += day.missing
        self.different += day.different
        self.extra = None if self.extra is None or day.extra is None else self.extra + day.extra
        self.expected += day.expected
        self.found += day.found
        self.checksum = (self.checksum + int(day.checksum, 16)) % _MODULUS
        self.found_checksum = (self.found_checksum + int(day.found_checksum, 16)) % _MODULUS
        self.unverified += not day.verified
        self.refused.update(day.refused)


class Totals(msgspec.Struct):
    """`comparisons` are of a device's day in a slice; `unverified` holds those days of which one failed.

    `extra` is of those comparisons that could tell, which `whole` counts. `bad` names the first of the bad lines,
    `unreadable` every object that could not be read to its end.
    """

    slices: int = 0
    points: int = 0
    lines: int = 0
    outside: int = 0
    bad_lines: int = 0
    messages: int = 0
    duplicates: int = 0
    repeats: int = 0
    comparisons: int = 0
    whole: int = 0
    extra: int = 0
    superseded: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    unverified: dict[tuple[str, str], DaySums] = {}
    bad: list[Damage] = []
    unreadable: list[Damage] = []

    def add(self, copied: Copied) -> None:
        self.slices += 1
        self.points += copied.points
        self.lines += copied.lines
        self.outside += copied.outside
        self.bad_lines += copied.bad_lines
        self.messages += copied.messages
        self.duplicates += copied.duplicates
        self.repeats += copied.repeats
        self.comparisons += len(copied.days)
        self.faults.update(copied.faults)
        self.unreadable += (one for one in copied.damage if one.line is None)
        self.bad += [one for one in copied.damage if one.line is not None][: MAX_BAD_LINES - len(self.bad)]
        for day in copied.days:
            self.superseded += day.superseded
            self.whole += day.extra is not None
            self.extra += day.extra or 0
            self.refused.update(day.refused)
            if not day.verified:
                self.unverified.setdefault((day.device, day.day), DaySums()).add(day)

    @property
    def verified(self) -> bool:
        """Every point that should stand in the target does, none was refused but for its age, and all could be read."""
        return not self.unverified and not self.unreadable

    def document(self) -> dict[str, Any]:
        return {
            "points": self.points,
            "messages": self.messages,
            "lines": self.lines,
            "outside": self.outside,
            "duplicates": self.duplicates,
            "repeats": self.repeats,
            "faults": dict(self.faults),
            "superseded": self.superseded,
            "refused": dict(self.refused),
            "comparisons": self.comparisons,
            "whole": self.whole,
            "extra": self.extra if self.whole else None,
            "bad_lines": self.bad_lines,
            "bad": [msgspec.to_builtins(one) for one in self.bad],
            "unreadable": [msgspec.to_builtins(one) for one in self.unreadable],
            "verified": self.verified,
            "unverified": [
                {
                    "device": device,
                    "day": day,
                    "expected": sums.expected,
                    "found": sums.found,
                    "missing": sums.missing,
                    "different": sums.different,
                    "refused": dict(sums.refused),
                }
                for (device, day), sums in sorted(self.unverified.items())
            ],
        }


def report(slices: Iterable[Copied]) -> Iterator[tuple[Cell, ...]]:
    """A row for each device and day, in order, under REPORT_HEADER."""
    days: dict[tuple[str, str], DaySums] = {}
    for copied in slices:
        for day in copied.days:
            days.setdefault((day.device, day.day), DaySums()).add(day)
    for (device, name), sums in sorted(days.items()):
        yield (
            device,
            name,
            not sums.unverified,
            sums.points,
            sums.superseded,
            sums.refused.total(),
            sums.expected,
            sums.found,
            sums.missing,
            sums.different,
            sums.extra,
            f"{sums.checksum:016x}",
            f"{sums.found_checksum:016x}",
            " ".join(f"{reason}={count}" for reason, count in sorted(sums.refused.items())),
        )
