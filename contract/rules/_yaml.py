"""YAML as far as rules need it, read from the parser's events with the line of everything in it.

Plain words mean what YAML 1.2 says: only `true` and `false` are booleans, so that `on:` is a key and `22:00` a text.
Aliases, tags and keys that occur twice are refused: the first can make a small text huge, the others mislead.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from contract.errors import RuleError, shown

__all__ = ["Document", "read"]

_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 200_000
_MAX_DIGITS: Final = 40
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_IS_TEXT: Final = re.compile(r"[^\ud800-\udfff]*").fullmatch
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document(NamedTuple):
    """One YAML document. `lines` says where everything in it begins, by paths such as `when.all[0].above`."""

    value: Any
    lines: dict[str, int]


def read(text: str, source: str) -> Iterator[Document]:
    """The documents of a text, empty ones left out; raises RuleError."""
    try:
        yield from _Builder(source).documents(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        line = None if mark is None else mark.line + 1
        raise RuleError((("", "YAML", str(problem)),), source, (line,)) from error


class _Container:
    """An object or a list that is being filled; `key` is that of the next value."""

    def __init__(self, value: dict[str, Any] | list[Any], path: str) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None


class _Builder:
    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = 0
        self._line = 1

    def documents(self, text: str) -> Iterator[Document]:
        stack: list[_Container] = []
        lines: dict[str, int] = {}
        root: Any = None
        for event in yaml.parse(text, Loader=_Loader):
            self._line = 1 if event.start_mark is None else event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                root, lines = None, {}
            elif isinstance(event, yaml.DocumentEndEvent):
                if root is not None:
                    yield Document(root, lines)
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event)
                container = stack[-1] if stack else None
                if container is not None and isinstance(container.value, dict) and container.key is None:
                    container.key = self._key(value, container.value)
                    continue
                path = self._path(container)
                lines[path] = self._line
                self._put(container, value)
                root = root if stack else value
                if isinstance(event, yaml.CollectionStartEvent):
                    stack.append(_Container(value, path))
                    if len(stack) > _MAX_DEPTH:
                        raise self._fault(path, f"nested at most {_MAX_DEPTH} deep", "deeper nesting")

    def _value(self, event: Any) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise self._fault("", f"of at most {_MAX_NODES} values", "more")
        if isinstance(event, yaml.AliasEvent):
            raise self._fault("", "free of aliases: write it out", f"*{event.anchor}")
        if event.tag is not None:
            raise self._fault("", "free of tags", shown(event.tag))
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        if not _IS_TEXT(event.value):
            raise self._fault("", "free of half characters", shown(event.value))
        return self._plain(event.value) if event.implicit[0] else event.value

    def _plain(self, word: str) -> Any:
        if word in _WORDS:
            return _WORDS[word]
        if _INTEGER.fullmatch(word):
            if len(word) > _MAX_DIGITS:
                raise self._fault("", f"free of numbers with more than {_MAX_DIGITS} digits", shown(word))
            return int(word)
        if _OCTAL_OR_HEX.fullmatch(word):
            return int(word, 0)
        if _FLOAT.fullmatch(word):
            return float(word)
        if infinite := _INFINITE.fullmatch(word):
            return float("nan" if infinite[1] is None else f"{infinite[1]}inf")
        return word

    def _key(self, key: Any, members: dict[str, Any]) -> str:
        if not isinstance(key, str):
            raise self._fault("", "keyed by texts", shown(key))
        if key in members:
            raise self._fault(key, "used once in its object", "a second use")
        return key

    def _path(self, container: _Container | None) -> str:
        if container is None:
            return ""
        if isinstance(container.value, list):
            return f"{container.path}[{len(container.value)}]"
        return f"{container.path}.{container.key}" if container.path else f"{container.key}"

    def _put(self, container: _Container | None, value: Any) -> None:
        if container is None:
            return
        if isinstance(container.value, list):
            container.value.append(value)
        elif container.key is not None:
            container.value[container.key] = value
            container.key = None

    def _fault(self, field: str, expected: str, got: str) -> RuleError:
        return RuleError(((field, expected, got),), self._source, (self._line,))
