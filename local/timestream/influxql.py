"""Text of InfluxQL to statements, and the errors that InfluxDB gives for what it cannot read."""

from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Final

from lark import Lark
from lark.exceptions import UnexpectedToken, VisitError

from local.timestream.influx_ast import Statement
from local.timestream.influx_builder import Builder, located
from local.timestream.influx_errors import ParseError
from local.timestream.influx_scanner import Scanner, tokens

_OPERAND: Final = "identifier, string, number, bool"
_EXPECTED_AFTER: Final = {
    "SHOW": "CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENT, MEASUREMENTS, QUERIES, RETENTION, SERIES, "
    "SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS",
    "CREATE": "CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION",
    "DROP": "CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER",
    "TAG": "KEY, KEYS, VALUES",
    "FIELD": "KEY, KEYS",
    "RETENTION": "POLICIES",
    "DELETE": "FROM, WHERE",
    "DURATION_WORD": "duration",
}
"""What stands in the error where one word must be followed by one of some others."""
_EXPECTED: Final = (
    ({"SELECT", "SHOW"}, "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL"),
    ({"IDENT", "STRING"}, _OPERAND),
    ({"SEMICOLON"}, ";"),
    ({"IDENT", "ASC"}, "identifier, ASC, DESC"),
    ({"IDENT", "NUMBER"}, "identifier, number, duration, ("),
    ({"IDENT", "FIELD"}, "float, integer, string, boolean, field, tag"),
    ({"TAG", "FIELD"}, "field, tag"),
    ({"IN", "EQ"}, "IN, =, =~"),
    ({"REPLICATION"}, "DURATION, NAME, REPLICATION, SHARD"),
    ({"MEASUREMENT"}, "MEASUREMENT"),
    ({"WITH"}, "WITH"),
    ({"FROM"}, "FROM"),
    ({"RPAREN"}, ")"),
    ({"BY"}, "BY"),
    ({"KEY"}, "KEY"),
    ({"INTEGER"}, "integer"),
    ({"REGEX"}, "regex"),
    ({"SELECT"}, "SELECT"),
    ({"IDENT"}, "identifier"),
    ({"LPAREN"}, "("),
    ({"EQ"}, "=, =~"),
)
"""What InfluxDB calls missing, by what could come next: the first line that fits. What may be left out is no line."""


def parse(text: str) -> tuple[Statement, ...]:
    """Raises ParseError."""
    try:
        tree = _parser().parse(text)
        statements: tuple[Statement, ...] = Builder().transform(tree)
    except UnexpectedToken as exc:
        raise _unexpected(exc, text) from None
    except RecursionError:
        raise ParseError("the query is nested too deeply for this server") from None
    except VisitError as exc:
        if isinstance(exc.orig_exc, ParseError):
            raise exc.orig_exc from None
        raise
    return statements


@cache
def _parser() -> Lark:
    grammar = files("local.timestream").joinpath("influxql.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=Scanner, maybe_placeholders=True)


def _unexpected(exc: UnexpectedToken, text: str) -> ParseError:
    token = exc.token
    if token.type == "PARAMETER":
        name = token.value[1:]
        return ParseError(f"missing parameter: {name}" if name else "empty bound parameter")
    if token.type == "BADREGEX":
        return located(f"bad regex: {token.value}", token)
    accepted: set[str] = exc.interactive_parser.accepts()  # type: ignore[no-untyped-call] # lark gives it no types
    if "FILL" in accepted and token.type == "IDENT" and token.value.lower() == "fill":
        return ParseError("fill must be a function call")
    before = [each.type for each in takewhile(lambda each: each.start_pos != token.start_pos, tokens(text))]
    expected = _EXPECTED_AFTER.get(before[-1]) if before else None
    if expected is None or "STRING" in accepted or "SEMICOLON" in accepted:
        expected = next(text for some, text in _EXPECTED if some <= accepted)
    return located(f"found {token.value or token.type}, expected {expected}", token)
