"""Durations as people write them."""

import doctest

import pytest

from contract import durations
from contract.durations import milliseconds, read_duration, spelled


@pytest.mark.parametrize(
    ("text", "ms"), [("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("2w", 1_209_600_000)]
)
def test_a_duration_is_read(text, ms):
    assert milliseconds(text) == ms


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5m5m", "-5m", "1.5h", "5M", "5m "])
def test_what_is_no_duration_is_none(text):
    assert milliseconds(text) is None


@pytest.mark.parametrize("ms", [0, 1, 999, 60_000, 5_410_000, 604_800_001, 86_400_000 * 366])
def test_a_duration_is_spelled_so_that_it_reads_back(ms):
    assert milliseconds(spelled(ms)) == ms


def read(document):
    problems = []
    value = read_duration(document, "for", 1, 60_000, lambda *problem: problems.append(problem))
    return value, [(key, got) for key, _, got in problems]


def test_a_document_says_it_in_ms_or_as_a_text():
    assert read({"for_ms": 500}) == read({"for": "500ms"}) == (500, [])
    assert read({}) == (None, [])


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"for_ms": 0}, "for_ms"),
        ({"for_ms": True}, "for_ms"),
        ({"for_ms": "5m"}, "for_ms"),
        ({"for": 500}, "for"),
        ({"for": "2m"}, "for"),
        ({"for": "5s", "for_ms": 5000}, "for"),
    ],
)
def test_one_that_is_wrong_is_noted_by_its_key(document, key):
    value, problems = read(document)
    assert (value, [name for name, _ in problems]) == (None, [key])


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(durations).failed == 0
