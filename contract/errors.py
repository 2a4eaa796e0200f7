"""The errors of the contract, so that a caller sees what to catch.

ContractError
├── IdentityError    a thing name, group path, metric key or command id is not well-formed
├── TopicError       a topic is none of ours
├── EnvelopeError    a telemetry message cannot be read or sent
├── ModelError       a device model is not usable
├── DocumentError    a command, shadow, event or queue document is not usable
├── ConditionError   a rule's condition or an expression is not usable; `problems` holds every error found
├── RuleError        a rule or a file of rules is not usable; `problems` holds every error found
└── FleetError       a fleet file is not usable; `problems` holds every error found
"""

from collections.abc import Callable
from typing import Any, ClassVar

__all__ = [
    "ConditionError",
    "ContractError",
    "DocumentError",
    "EnvelopeError",
    "FleetError",
    "IdentityError",
    "ModelError",
    "RuleError",
    "TopicError",
    "shown",
]

_SHOWN_CHARS = 60
_SHOWN_BITS = 128


class ContractError(Exception):
    """Names the field, what was expected and what came. `reason` is a slug that programs may branch on."""

    subject: ClassVar[str] = "value"

    def __init__(
        self,
        field: str | None,
        expected: str,
        got: str,
        reason: str = "invalid_field",
        *,
        source: str | None = None,
    ) -> None:
        """`source` says where the document came from, such as a file name."""
        super().__init__(field, expected, got, reason)
        self.field = field
        self.expected = expected
        self.got = got
        self.reason = reason
        self.source = source

    def __str__(self) -> str:
        where = f" {self.source}" if self.source else ""
        what = f"`{self.field}`" if self.field else "it"
        return f"Invalid {self.subject}{where}: {what} must be {self.expected}, got {self.got}."


class IdentityError(ContractError):
    """A thing name, group path, metric key or command id is not well-formed."""

    subject = "identity"


class TopicError(ContractError):
    """A topic is none of ours."""

    subject = "topic"


class EnvelopeError(ContractError):
    """A telemetry message cannot be read or sent.

    `reason` is one of not_json, bad_encoding, too_large, too_deep, too_many, number_too_large, duplicate_key,
    unsupported_version and invalid_field; from `encode` also a RejectedReason.
    """

    subject = "envelope"


class ModelError(ContractError):
    """A device model is not usable; `source` names its file."""

    subject = "device model"


class DocumentError(ContractError):
    """A command, shadow, event or queue document is not usable."""

    subject = "document"


class ConditionError(ContractError):
    """A rule's condition or an expression is not usable; `problems` holds field, expected and got of every error found.

    `field` is a path within the document, empty for the whole of it.
    """

    subject = "condition"

    def __init__(self, problems: tuple[tuple[str, str, str], ...]) -> None:
        field, expected, got = problems[0]
        super().__init__(field or None, expected, got, "invalid_condition")
        self.problems = problems

    def __reduce__(self) -> tuple[type["ConditionError"], tuple[tuple[tuple[str, str, str], ...]]]:
        return type(self), (self.problems,)


class RuleError(ContractError):
    """A rule or a file of rules is not usable; `problems` holds field, expected and got of every error found.

    `field` is a path that begins with the rule's id where there are several: `too-warm.when.all[0].above`. `lines` has
    for each problem the line of `source` that it is in, where that is known.
    """

    subject = "rule"

    def __init__(
        self,
        problems: tuple[tuple[str, str, str], ...],
        source: str | None = None,
        lines: tuple[int | None, ...] = (),
    ) -> None:
        field, expected, got = problems[0]
        super().__init__(field or None, expected, got, "invalid_rule", source=source)
        self.problems = problems
        self.lines = lines or (None,) * len(problems)

    def sentences(self) -> tuple[str, ...]:
        """One for each problem, with its line."""
        sentences = []
        for (field, expected, got), line in zip(self.problems, self.lines, strict=True):
            where = "" if line is None else f"line {line}: "
            what = f"`{field}`" if field else "it"
            sentences.append(f"{where}{what} must be {expected}, got {got}.")
        return tuple(sentences)

    def __str__(self) -> str:
        where = f" {self.source}" if self.source else ""
        sentences = self.sentences()
        if len(sentences) == 1:
            return f"Invalid {self.subject}{where}: {sentences[0]}"
        return "\n".join((f"Invalid {self.subject}{where}:", *(f"- {each}" for each in sentences)))

    def __reduce__(self) -> tuple[type["RuleError"], tuple[Any, ...]]:
        return type(self), (self.problems, self.source, self.lines)


class FleetError(ContractError):
    """A fleet file is not usable; `problems` holds a sentence for every error found."""

    subject = "fleet file"

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__(None, "free of errors", f"{len(problems)} of them", "invalid_fleet", source=source)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join((f"Invalid {self.subject} {self.source}:", *(f"- {problem}" for problem in self.problems)))

    def __reduce__(self) -> tuple[type["FleetError"], tuple[str | None, tuple[str, ...]]]:
        return type(self), (self.source, self.problems)


def shown(value: Any) -> str:
    """What came, as short text for an error message: JSON's words for JSON's values, never more than a line."""
    return _SHOW.get(type(value), repr)(value)


def _shown_text(text: str) -> str:
    # A repr escapes what a terminal or a log would not show as it is.
    return repr(text) if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]!r}… ({len(text)} characters)"


def _shown_integer(number: int) -> str:
    return str(number) if number.bit_length() <= _SHOWN_BITS else f"an integer of {number.bit_length()} bits"


_SHOW: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    str: _shown_text,
    int: _shown_integer,
    dict: lambda value: f"an object with {len(value)} key{'' if len(value) == 1 else 's'}",
    list: lambda value: f"a list of {len(value)}",
}
