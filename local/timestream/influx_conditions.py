"""What is left of a WHERE clause without its times: which series it takes, and SQL for their rows."""

from dataclasses import dataclass
from typing import Final

from local.timestream.errors import EngineError
from local.timestream.influx_ast import Binary, Expression, Parens, Ref, Regex
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_sources import Source, Sql
from local.timestream.influx_times import written
from local.timestream.model import Kind

_MIRRORED: Final = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NUMBERS: Final = frozenset({Kind.DOUBLE, Kind.BIGINT})
NOTHING: Final = Sql("")
_NEVER: Final = Sql("FALSE")


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows of `series` for which `rows` holds; None is every series, no SQL is every row."""

    series: frozenset[int] | None = None
    rows: Sql = NOTHING

    def sql(self) -> Sql:
        """The same as one condition on rows."""
        if self.series is None:
            return self.rows or Sql("TRUE")
        among = Sql("sid IN (SELECT unnest(?::INTEGER[]))", [sorted(self.series)])
        return _joined("AND", among, self.rows) if self.rows else among


def compiled(condition: Expression | None, source: Source) -> Filter:
    """Raises StatementError, also for what this server cannot answer."""
    match condition:
        case None | True:
            return Filter()
        case False:
            return Filter(frozenset())
        case Parens(inner):
            return compiled(inner, source)
        case Binary("AND", left, right):
            return _both(compiled(left, source), compiled(right, source))
        case Binary("OR", left, right):
            return _either(compiled(left, source), compiled(right, source))
        case Binary(operator, left, right):
            return _comparison(condition, operator, left, right, source)
    raise UnsupportedError(f"the condition {written(condition)}")


def _joined(word: str, *conditions: Sql) -> Sql:
    text = "(" + f" {word} ".join(condition.text for condition in conditions) + ")"
    return Sql(text, [parameter for condition in conditions for parameter in condition.parameters])


def _both(one: Filter, other: Filter) -> Filter:
    series = one.series
    if series is None:
        series = other.series
    elif other.series is not None:
        series &= other.series
    rows = _joined("AND", one.rows, other.rows) if one.rows and other.rows else one.rows or other.rows
    return Filter(series, rows)


def _either(one: Filter, other: Filter) -> Filter:
    if not one.rows and not other.rows:
        if one.series is None or other.series is None:
            return Filter()
        return Filter(one.series | other.series)
    return Filter(rows=_joined("OR", one.sql(), other.sql()))


def _plain(expression: Expression) -> Expression:
    while isinstance(expression, Parens):
        expression = expression.inner
    return expression


def _comparison(whole: Expression, operator: str, left: Expression, right: Expression, source: Source) -> Filter:
    left, right = _plain(left), _plain(right)
    if isinstance(right, Ref) and not isinstance(left, Ref) and operator in _MIRRORED:
        operator, left, right = _MIRRORED[operator], right, left
    if not isinstance(left, Ref):
        return _constant(whole, operator, left, right)
    if isinstance(right, Binary):
        raise UnsupportedError(f"the condition {written(whole)}")
    field = None if left.kind == "tag" else source.columns.get(left.name)
    if isinstance(right, Ref):
        return _two_refs(whole, operator, field, left, right, source)
    if field is not None:
        return Filter(rows=_field(operator, field, right))
    if left.kind not in {None, "tag"}:
        return Filter(frozenset())
    return _tag(operator, left.name, right, source)


def _constant(whole: Expression, operator: str, left: Expression, right: Expression) -> Filter:
    match left, operator, right:
        case ((int() | float()), ("=" | "!="), (int() | float())):
            holds = (left == right) == (operator == "=")
            return Filter() if holds else Filter(frozenset())
    raise UnsupportedError(f"the condition {written(whole)}")


def _two_refs(
    whole: Expression, operator: str, field: tuple[Kind, str] | None, left: Ref, right: Ref, source: Source
) -> Filter:
    other = None if right.kind == "tag" else source.columns.get(right.name)
    if field is None and other is None and operator in {"=", "!="}:
        # Of two tags InfluxDB compares whether a series has them, not their values.
        having = {sid for sid, pairs in source.series.items() if left.name in dict(pairs)}
        both = {sid for sid in having if right.name in dict(source.series[sid])}
        return Filter(frozenset(both if operator == "=" else having - both))
    if field is None or other is None:
        known = source.tags & {left.name, right.name}
        if known:
            raise UnsupportedError(f"the condition {written(whole)}")
        return Filter(frozenset())
    kinds = {field[0], other[0]}
    if kinds <= _NUMBERS or (len(kinds) == 1 and operator in {"=", "!="}):
        return Filter(rows=Sql(f"({field[1]} {operator} {other[1]})"))
    if len(kinds) > 1:
        return Filter(frozenset())
    raise UnsupportedError(f"the condition {written(whole)}")


def _field(operator: str, field: tuple[Kind, str], literal: Expression) -> Sql:
    """Where the types do not go together InfluxDB finds no row, whatever the operator."""
    kind, sql = field
    match kind, literal:
        case Kind.BOOLEAN, bool() if operator in {"=", "!="}:
            return Sql(f"({sql} {operator} ?)", [literal])
        case Kind.VARCHAR, str() if operator in {"=", "!="}:
            return Sql(f"({sql} {operator} ?)", [literal])
        case Kind.VARCHAR, Regex(pattern):
            return Sql(f"({'NOT ' if operator == '!~' else ''}regexp_matches({sql}, ?))", [pattern])
        case ((Kind.DOUBLE | Kind.BIGINT), bool()):
            return _NEVER
        case ((Kind.DOUBLE | Kind.BIGINT), (int() | float())) if operator in _MIRRORED:
            exact = kind is Kind.BIGINT and isinstance(literal, int)
            return Sql(f"({sql} {operator} ?)", [literal if exact else float(literal)])
    return _NEVER


def _tag(operator: str, tag: str, literal: Expression, source: Source) -> Filter:
    """A series without the tag has it with an empty value."""
    chosen: list[int] | None = None
    match operator, literal:
        case (("=" | "!="), str()):
            chosen = list(source.having(tag, literal))
        case (("=~" | "!~"), Regex(pattern)):
            try:
                chosen = list(source.matching(tag, pattern))
            except EngineError as exc:
                raise StatementError(f"error parsing regexp: {exc}") from exc
        case (("<" | "<=" | ">" | ">="), str()):
            # InfluxDB's two indexes do not agree on this.
            raise UnsupportedError(f"the order of a tag's values: {tag} {operator} {written(literal)}")
    if chosen is None:
        return Filter(frozenset())
    if operator in {"!=", "!~"}:
        return Filter(frozenset(source.series.keys() - set(chosen)))
    return Filter(frozenset(chosen))
