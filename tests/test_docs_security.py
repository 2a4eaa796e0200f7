"""docs/security.md names the test that proves each guard: the page must not outlive its proof."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
PROOFS = sorted(set(NAMED.findall(PAGE)))


def unproven(page):
    """Rows of tables with a column of tests that name none."""
    rows, with_tests = [], False
    for line in page.splitlines():
        if not line.startswith("|"):
            with_tests = False
        elif line.endswith("| test |"):
            with_tests = True
        elif with_tests and not line.startswith("|---") and not NAMED.search(line):
            rows.append(line)
    return rows


@cache
def names_in(path):
    file = ROOT / "tests" / path
    found = re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(found)


@pytest.mark.parametrize(("path", "name"), PROOFS, ids=lambda part: part.removesuffix(".py"))
def test_a_named_test_is_there(path, name):
    assert (ROOT / "tests" / path).is_file(), f"docs/security.md names {path}, which is not there"
    assert name in names_in(path), f"docs/security.md names {path}::{name}, which is not there"


def test_every_guard_has_a_proof():
    assert unproven(PAGE) == []
    assert len(PROOFS) > 100


def test_a_guard_without_a_proof_is_found():
    assert unproven("| attack | guard | test |\n|---|---|---|\n| a | b | soon |\n| a | b | `c.py::test_d` |\n") == [
        "| a | b | soon |"
    ]


def test_each_row_of_the_owasp_list_is_there_once():
    assert re.findall(r"^\| API(\d+) ", PAGE, re.MULTILINE) == [str(number) for number in range(1, 11)]
