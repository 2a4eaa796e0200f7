"""Text to statements; what is no statement is in test_influx_recorded.py, with InfluxDB's errors."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.timestream.influx_ast import (
    Binary,
    Call,
    CreateDatabase,
    Delete,
    Duration,
    Field,
    Fill,
    Measurement,
    Parens,
    Ref,
    Regex,
    Select,
    Show,
    Wildcard,
    Window,
)
from local.timestream.influx_errors import ParseError
from local.timestream.influxql import parse


def only(text):
    (statement,) = parse(text)
    return statement


def condition(text):
    return only(f"SELECT f FROM m WHERE {text}").condition


def test_a_select_with_everything():
    assert only(
        'SELECT mean("f:t") AS avg, count(*) FROM "db"."rp"."m" WHERE "device" = \'it\\\'s\' AND time >= 5 '
        'GROUP BY time(5m, -1s), "device" fill(previous) ORDER BY time DESC LIMIT 3 OFFSET 2 SLIMIT 4 SOFFSET 1'
    ) == Select(
        fields=(Field(Call("mean", (Ref("f:t"),)), "avg"), Field(Call("count", (Wildcard(),)))),
        sources=(Measurement("m", "db", "rp"),),
        condition=Binary("AND", Binary("=", Ref("device"), "it's"), Binary(">=", Ref("time"), 5)),
        dimensions=(Call("time", (Duration(300 * 10**9), Duration(-(10**9)))), Ref("device")),
        fill=Fill("previous"),
        descending=True,
        rows=Window(3, 2),
        series=Window(4, 1),
    )


def test_a_subquery_is_a_source_beside_others():
    inner = Select((Field(Call("elapsed", (Ref("f"), Duration(1))), "e"),), (Measurement("m"),))
    assert only("SELECT e FROM (SELECT elapsed(f, 1ns) AS e FROM m), db..n").sources == (
        inner,
        Measurement("n", "db"),
    )


def test_and_binds_closer_than_or_and_comparisons_closer_than_both():
    assert condition("a = 1 OR b = 2 AND c > 1 + 2 * 3") == Binary(
        "OR",
        Binary("=", Ref("a"), 1),
        Binary("AND", Binary("=", Ref("b"), 2), Binary(">", Ref("c"), Binary("+", 1, Binary("*", 2, 3)))),
    )
    assert condition("(a = 1 OR b <> -2.5)") == Parens(
        Binary("OR", Binary("=", Ref("a"), 1), Binary("!=", Ref("b"), -2.5))
    )


def test_thousands_of_conditions_are_joined_without_depth():
    def leaves(expression):
        if isinstance(expression, Binary) and expression.operator == "OR":
            return leaves(expression.left) + leaves(expression.right)
        return [expression]

    found = leaves(condition(" OR ".join(f"device = 'd{number}'" for number in range(3000))))
    assert found == [Binary("=", Ref("device"), f"d{number}") for number in range(3000)]


def test_what_is_nested_without_end_is_refused():
    with pytest.raises(ParseError, match="nested too deeply"):
        parse(f"SELECT f FROM m WHERE {'(' * 5000}f = 1{')' * 5000}")


def test_literals_of_every_type():
    assert condition("a = 'x\\n\\\\'") == Binary("=", Ref("a"), "x\n\\")
    assert condition("a = true") == Binary("=", Ref("a"), right=True)
    assert condition("a = 1h30m") == Binary("=", Ref("a"), Duration(5400 * 10**9))
    assert condition("a =~ /x\\/y/") == Binary("=~", Ref("a"), Regex("x/y"))
    assert condition("a::tag = .5") == Binary("=", Ref("a", "tag"), 0.5)
    assert condition("time > now() - 1w") == Binary(
        ">", Ref("time"), Binary("-", Call("now", ()), Duration(604800 * 10**9))
    )


def test_comments_and_line_ends_are_blank():
    assert parse("SELECT f -- all of it\r\nFROM /* what? */ m;\n\n;SHOW DATABASES") == (
        Select((Field(Ref("f")),), (Measurement("m"),)),
        Show("DATABASES"),
    )


def test_statements_about_names():
    assert only("SHOW TAG VALUES ON db FROM m WITH KEY IN (a, \"b c\") WHERE a = 'x' LIMIT 5 OFFSET 6") == Show(
        "TAG VALUES",
        database="db",
        sources=(Measurement("m"),),
        keys=("IN", ("a", "b c")),
        condition=Binary("=", Ref("a"), "x"),
        rows=Window(5, 6),
    )
    assert only("SHOW MEASUREMENTS WITH MEASUREMENT = m").sources == (Measurement("m"),)
    assert only("DELETE WHERE time < 5") == Delete((), Binary("<", Ref("time"), 5))
    assert only('CREATE DATABASE "a b" WITH DURATION 7d REPLICATION 1 SHARD DURATION 1d NAME "keep"') == CreateDatabase(
        "a b", {"duration_ns": 604800 * 10**9, "replication": 1, "shard_ns": 86400 * 10**9, "name": "keep"}
    )


@given(
    name=st.text(min_size=1).filter(lambda text: "\r" not in text),
    value=st.text().filter(lambda text: "\r" not in text),
)
def test_whatever_is_quoted_comes_back(name, value):
    def quoted(text, quote):
        return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n") + quote

    expected = Binary("=", Ref(name), value)
    assert condition(f"{quoted(name, chr(34))} = {quoted(value, chr(39))}") == expected


WORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "time",
    "fill",
    "(",
    ")",
    ",",
    ";",
    ".",
    "::",
    "*",
    "'a'",
    '"b"',
    "/",
    "=",
]


@given(words=st.lists(st.one_of(st.sampled_from(WORDS), st.characters(codec="utf-8")), max_size=12))
def test_nothing_but_a_parse_error_comes_of_any_text(words):
    with contextlib.suppress(ParseError):
        parse(" ".join(words))
