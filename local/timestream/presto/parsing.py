"""Text to sqlglot's tree, and where in the text a part of it stands."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.dialects.presto import Presto
from sqlglot.errors import SqlglotError
from sqlglot.parsers.presto import PrestoParser
from sqlglot.tokenizer_core import Token, TokenType

from local.timestream.liveanalytics_errors import ServiceError, invalid

DURATION = "__duration"
"""The function that a literal like `5m` becomes."""

Node: TypeAlias = exp.Expression
NANOSECONDS: Mapping[str, int] = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_MEASURE_VALUE = "measure_value"
_MAX_DEPTH = 100
_duration = re.compile(r"([0-9]{1,18})(ns|us|ms|s|m|h|d)").fullmatch


class _Timestream(Presto):
    """Presto, with every function kept by the name that it has in the text."""

    class Parser(PrestoParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser
            for name, parser in PrestoParser.FUNCTION_PARSERS.items()
            if name in {"CAST", "TRY_CAST", "EXTRACT"}
        }


_DIALECT = _Timestream()


def parse(sql: str) -> Node:
    """One statement. Raises ServiceError."""
    try:
        trees = _DIALECT.parser(error_level=sqlglot.ErrorLevel.IMMEDIATE).parse(_tokens(sql), sql)
    except SqlglotError as exc:
        raise _not_understood(exc) from exc
    except RecursionError as exc:
        raise invalid("The query is nested too deeply.") from exc
    trees = [tree for tree in trees if tree is not None]
    if len(trees) != 1:
        raise invalid("line 1:1: Expected one statement.")
    tree = trees[0]
    assert isinstance(tree, exp.Expression)  # noqa: S101 - what a parser returns
    if any(node.depth > _MAX_DEPTH for node in tree.find_all(exp.Expression)):
        raise invalid("The query is nested too deeply.")
    return tree


def where(node: Node, sql: str) -> str:
    """`line 1:8: ` of the first part of the node that is known to stand somewhere, or nothing."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    if not starts:
        return ""
    before = sql[: min(starts)]
    return f"line {before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "


def duration(text: str) -> int | None:
    """How many ns a text like `5m` says."""
    found = _duration(text)
    return int(found[1]) * NANOSECONDS[found[2]] if found else None


def _tokens(sql: str) -> list[Token]:
    """With what no Presto parser reads made readable: `5m` a call, `measure_value::double` a name."""
    tokens: list[Token] = []
    left = list(reversed(_DIALECT.tokenize(sql)))
    while left:
        token = left.pop()
        if token.token_type is TokenType.NUMBER and left and _is_unit(token, left[-1]):
            unit = left.pop()
            tokens += [
                Token(kind, text, line=token.line, col=token.col, start=token.start, end=unit.end)
                for kind, text in (
                    (TokenType.VAR, DURATION),
                    (TokenType.L_PAREN, "("),
                    (TokenType.STRING, token.text + unit.text.lower()),
                    (TokenType.R_PAREN, ")"),
                )
            ]
        elif token.text.lower() == _MEASURE_VALUE and len(left) > 1 and left[-1].token_type is TokenType.DCOLON:
            left.pop()
            kind = left.pop()
            name = f"{_MEASURE_VALUE}::{kind.text.lower()}"
            tokens.append(
                Token(TokenType.IDENTIFIER, name, line=token.line, col=token.col, start=token.start, end=kind.end)
            )
        else:
            tokens.append(token)
    return tokens


def _is_unit(number: Token, behind: Token) -> bool:
    return number.end + 1 == behind.start and number.text.isdigit() and behind.text.lower() in NANOSECONDS


def _not_understood(exc: SqlglotError) -> ServiceError:
    for error in getattr(exc, "errors", ()):
        near, line = error.get("highlight"), error.get("line")
        if line is not None:
            return invalid(f"line {line}:{error.get('col')}: mismatched input '{near}'")
    return invalid(f"line 1:1: {str(exc).splitlines()[0]}")
