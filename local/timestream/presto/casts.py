"""CAST and TRY_CAST, as far as Presto and DuckDB can be made to agree."""

from collections.abc import Callable, Mapping

from sqlglot import exp

from local.timestream.presto import literals
from local.timestream.presto.expressions import Expressions, Piece, as_type, cast_to_date, date_literal
from local.timestream.presto.parsing import Node
from local.timestream.presto.types import Type

_WHOLE, _REAL = "[+-]?[0-9]+", r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_NAMES: Mapping[str, Type] = {
    "BOOLEAN": Type.BOOLEAN,
    "INTEGER": Type.INTEGER,
    "INT": Type.INTEGER,
    "BIGINT": Type.BIGINT,
    "DOUBLE": Type.DOUBLE,
    "VARCHAR": Type.VARCHAR,
    "TIMESTAMP": Type.TIMESTAMP,
    "DATE": Type.DATE,
}


def cast(scope: Expressions, node: Node) -> Piece:
    piece = scope.compile(node.this)
    wanted = str(node.args["to"].sql(dialect="presto"))
    result = _cast(piece, wanted.upper(), safe=isinstance(node, exp.TryCast))
    if result is None:
        raise scope.error(node, f"Cannot cast {piece.type.shown} to {wanted.lower()}")
    return result


def _cast(piece: Piece, wanted: str, *, safe: bool) -> Piece | None:
    """None where there is no such cast. `safe`: NULL instead of an error while it runs."""
    kind = _NAMES.get(wanted)
    if kind is None:
        return None
    if piece.type in {kind, Type.UNKNOWN}:
        return as_type(piece, kind)
    if isinstance(piece.constant, str) and kind in {Type.TIMESTAMP, Type.DATE}:
        return _moment(piece.constant, kind)
    rule = _RULES.get((piece.type, kind))
    if rule is None:
        return None
    return Piece(rule(piece.sql, kind.sql, "TRY_CAST" if safe else "CAST"), kind)


def _moment(text: str, kind: Type) -> Piece | None:
    if kind is Type.TIMESTAMP:
        ns = literals.timestamp_ns(text)
        return None if ns is None else Piece(f"{ns}::BIGINT", kind, ns)
    day = literals.day(text)
    return None if day is None else date_literal(day)


def _from_text(form: str) -> Callable[[str, str, str], str]:
    """DuckDB reads more than Presto does; what Presto would not read is an error or NULL."""

    def rule(sql: str, kind: str, how: str) -> str:
        otherwise = "NULL" if how == "TRY_CAST" else f"error('Cannot cast ''' || {sql} || ''' to {kind}')"
        return (
            f"(CASE WHEN {sql} IS NULL THEN NULL WHEN regexp_full_match({sql}, '{form}') "
            f"THEN {how}({sql} AS {kind}) ELSE {otherwise} END)"
        )

    return rule


def _plain(sql: str, kind: str, how: str) -> str:
    return f"{how}({sql} AS {kind})"


def _rounded(sql: str, kind: str, how: str) -> str:
    """Presto rounds halves away from zero, a cast of DuckDB to even."""
    return f"{how}(round({sql}) AS {kind})"


_RULES: Mapping[tuple[Type, Type], Callable[[str, str, str], str]] = {
    **{
        (one, other): _plain
        for one in (Type.INTEGER, Type.BIGINT)
        for other in (Type.INTEGER, Type.BIGINT, Type.DOUBLE)
    },
    **{(one, Type.VARCHAR): _plain for one in (Type.INTEGER, Type.BIGINT, Type.BOOLEAN)},
    **{(Type.BOOLEAN, number): _plain for number in (Type.INTEGER, Type.BIGINT, Type.DOUBLE)},
    **{(Type.DOUBLE, number): _rounded for number in (Type.INTEGER, Type.BIGINT)},
    **{(Type.VARCHAR, number): _from_text(_WHOLE) for number in (Type.INTEGER, Type.BIGINT)},
    (Type.VARCHAR, Type.DOUBLE): _from_text(_REAL),
    (Type.VARCHAR, Type.BOOLEAN): lambda sql, _, how: (
        f"(CASE lower({sql}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE "
        + ("ELSE NULL END)" if how == "TRY_CAST" else f"ELSE error('Cannot cast ''' || {sql} || ''' to BOOLEAN') END)")
    ),
    (Type.TIMESTAMP, Type.DATE): lambda sql, _, __: cast_to_date(Piece(sql, Type.TIMESTAMP)).sql,
    (Type.DATE, Type.TIMESTAMP): lambda sql, _, __: as_type(Piece(sql, Type.DATE), Type.TIMESTAMP).sql,
}
