import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.timestream.influx_json import InfiniteError, Result, Series, cell, encode, number, rfc3339

NUMBERS = {
    21.0: "21",
    -0.0: "-0",
    0.5: "0.5",
    1e16: "10000000000000000",
    123456789012345680000.0: "123456789012345680000",
    1e21: "1e+21",
    1e-6: "0.000001",
    1.5e-7: "1.5e-7",
    -1.234e-5: "-0.00001234",
    5e-324: "5e-324",
}


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_are_written_as_go_writes_them(value):
    assert number(value) == NUMBERS[value]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_again_as_it_was(value):
    read = float(number(value))
    assert read == value
    assert math.copysign(1, read) == math.copysign(1, value)


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_read_again_as_it_was(value):
    assert json.loads(cell(value)) == value


def test_what_a_browser_might_take_for_markup_is_escaped():
    assert cell("<a>&") == '"\\u003ca\\u003e\\u0026"'


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_sum_spoils_the_answer(value):
    results = [Result(0, [Series(["time", "sum"], [[0, value]], "m")])]
    with pytest.raises(InfiniteError, match=r"json: unsupported value: [+-]Inf$"):
        encode(results, "ns")


def test_times_are_in_the_unit_asked_for_cut_towards_zero():
    results = [Result(0, [Series(["time", "f"], [[-1_500_000, 1.0], [1_500_000, None]], "m", {"b": "x", "a": ""})])]
    start = (
        '{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"a":"","b":"x"},"columns":["time","f"],"values":'
    )
    assert encode(results, "ms") == start + "[[-1,1],[1,null]]}]}]}"
    assert encode(results, "ns") == start + "[[-1500000,1],[1500000,null]]}]}]}"
    assert encode(results, "") == start + '[["1969-12-31T23:59:59.9985Z",1],["1970-01-01T00:00:00.0015Z",null]]}]}]}'


def test_a_moment_is_written_to_the_nanosecond():
    assert rfc3339(1_764_000_000_000_000_001) == "2025-11-24T16:00:00.000000001Z"
    assert rfc3339(0) == "1970-01-01T00:00:00Z"


def test_no_statement_is_no_result():
    assert encode([], "ns") == "{}"
