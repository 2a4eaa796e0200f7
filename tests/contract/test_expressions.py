"""Expressions compute what they say, give no value where there is none, and let nothing else through."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import expressions
from contract.errors import ConditionError
from contract.expressions import compile_expression

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a", 3.0),
        ("a + b * 2 - 1", 10.0),
        ("(a + b) * 2", 14.0),
        ("-a ** 2", -9.0),
        ("+b / a", 4 / 3),
        ("7 % a", 1.0),
        ("min(a, b, 2.5) + max(a, 9)", 11.5),
        ("abs(0 - a)", 3.0),
        ("sqrt(b) + log(exp(a))", 5.0),
        ("round(a / b) + round(a / 7, 2)", 1.43),
        ("  a\n", 3.0),
        ("door * 2 + a", 5.0),
    ],
)
def test_an_expression_computes_as_python_would(text, result):
    assert compile_expression(text)({"a": 3, "b": 4.0, "door": True}) == pytest.approx(result)


def test_the_dew_point_is_that_of_the_magnus_formula():
    ratio = "(log(humidity / 100) + 17.62 * temperature / (243.12 + temperature))"
    dew_point = compile_expression(f"243.12 * {ratio} / (17.62 - {ratio})")
    assert dew_point.inputs == ("humidity", "temperature")
    assert dew_point({"temperature": 20, "humidity": 100}) == pytest.approx(20)
    assert dew_point({"temperature": 25, "humidity": 50}) == pytest.approx(13.85, abs=0.01)
    assert dew_point({"temperature": 25, "humidity": 0}) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a + b", {"a": 1}),
        ("a + b", {"a": 1, "b": None}),
        ("a + b", {"a": 1, "b": "warm"}),
        ("a / b", {"a": 1, "b": 0}),
        ("a % b", {"a": 1, "b": 0}),
        ("log(a)", {"a": -1}),
        ("sqrt(a)", {"a": -1}),
        ("exp(a)", {"a": 1e6}),
        ("a ** 0.5", {"a": -1}),
        ("a ** a", {"a": 1e6}),
        ("a * a", {"a": 1e300}),
        ("a - a", {"a": math.inf}),
        ("round(a, exp(999))", {"a": 1}),
    ],
)
def test_where_there_is_no_finite_result_there_is_no_value(text, values):
    assert compile_expression(text)(values) is None


REFUSED = {
    "empty": ("", "an expression", "invalid syntax"),
    "half": ("a +", "an expression", "invalid syntax"),
    "two": ("a; b", "an expression", "invalid syntax"),
    "no metric": ("1 + 2", "an expression over at least one metric", "'1 + 2'"),
    "attribute": ("a.b", "made of numbers, metrics", "'a.b'"),
    "index": ("a[0]", "made of numbers, metrics", "'a[0]'"),
    "call": ("open(a)", "of the functions abs, exp", "'open'"),
    "method": ("a.b(1)", "made of numbers, metrics", "'a.b(1)'"),
    "keyword": ("min(a, key=b)", "made of numbers, metrics", "'min(a, key=b)'"),
    "star": ("max(*a)", "max of 2 to 10 values", "1"),
    "few": ("max(a)", "max of 2 to 10 values", "1"),
    "many": ("abs(a, b)", "abs of 1 values", "2"),
    "lambda": ("(lambda: a)()", "made of numbers, metrics", "'(lambda: a)()'"),
    "text": ("a + 'x'", "made of numbers, metrics", "\"'x'\""),
    "boolean": ("a + True", "made of numbers, metrics", "'True'"),
    "imaginary": ("a + 1j", "made of numbers, metrics", "'1j'"),
    "comparison": ("a > 1", "made of numbers, metrics", "'a > 1'"),
    "floor": ("a // 2", "made of numbers, metrics", "'a // 2'"),
    "comprehension": ("[a for a in b]", "made of numbers, metrics", "'[a for a in b]'"),
    "walrus": ("(b := a)", "made of numbers, metrics", "'b := a'"),
    "no metric's name": ("a + _b", "of metrics: 1 to 64 of", "'_b'"),
    "foreign letters": ("a + é", "of metrics: 1 to 64 of", "'é'"),
    "huge number": ("a + 1e999", "made of finite numbers", "a number too large"),
    "huge integer": ("a + 1" + "0" * 400, "made of finite numbers", "a number too large"),
    "long": ("a" + " + a" * 200, "at most 500 characters", "801"),
    "large": ("+".join("a" * 60), "at most 100 parts", "more"),
    "deep": ("(" * 60 + "a" + ")" * 60 + " + " + "-" * 25 + "a", "at most 100 parts", "more"),
    "very deep": ("(" * 240 + "a" + ")" * 240, "an expression", "too many nested parentheses"),
    "null": ("a + \0", "an expression", ""),
}


@pytest.mark.parametrize(("text", "expected", "got"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_arithmetic_over_metrics_is_refused(text, expected, got):
    with pytest.raises(ConditionError) as caught:
        compile_expression(text)
    assert caught.value.expected.startswith(expected)
    assert caught.value.got.startswith(got)


@given(st.text(alphabet="ab01.+-*/%(), minsqrt[]'_x:=\n", max_size=40))
def test_whatever_the_text_it_is_refused_or_gives_a_finite_number_or_none(text):
    try:
        expression = compile_expression(text)
    except ConditionError:
        return
    result = expression(dict.fromkeys(expression.inputs, 2.0))
    assert result is None or math.isfinite(result)


@given(finite, finite)
def test_the_result_is_floating_point_and_finite_or_absent(a, b):
    for text, expected in (("a + b", a + b), ("a * b", a * b), ("min(a, b)", min(a, b))):
        assert compile_expression(text)({"a": a, "b": b}) == (expected if math.isfinite(expected) else None)


def test_equal_texts_make_equal_expressions():
    assert compile_expression("a + 1") == compile_expression("a + 1") != compile_expression("a + 2")
    assert len({compile_expression("a + 1"), compile_expression("a + 1")}) == 1


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(expressions).failed == 0
