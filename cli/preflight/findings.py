"""What a check found, as a person reads it and as a script sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Figure = str | int | float | bool


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`says` is one or two sentences, `todo` what mends it; `figures` are the numbers behind the sentence.

    Only `FAILED` stops a deployment. `UNKNOWN` means that the question got no answer.
    """

    name: str
    status: Status
    says: str
    todo: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
