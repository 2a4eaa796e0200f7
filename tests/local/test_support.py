import re
from pathlib import Path

import pytest

from local import support

PAGE = Path(__file__).parents[2] / "docs" / "local.md"
ROW = re.compile(r"^\| `([^`]+)` \| (native|substituted|ignored) \| (.*?) ?\|$", re.MULTILINE)
TABLES = {
    "### Resource types": support.RESOURCES,
    "### Rule actions": support.RULE_ACTIONS,
    "### SQL functions of topic rules": support.SQL_FUNCTIONS,
}


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_lists_exactly_what_the_transform_knows(heading):
    section = PAGE.read_text().split(heading + "\n", 1)[1].split("\n#", 1)[0]
    assert ROW.findall(section) == [(row.name, str(row.treatment), row.why) for row in TABLES[heading]]


@pytest.mark.parametrize("table", TABLES.values())
def test_names_are_sorted_and_stand_once(table):
    names = [row.name for row in table]
    assert names == sorted(set(names), key=str.lower)


@pytest.mark.parametrize("row", [row for table in TABLES.values() for row in table], ids=lambda row: row.name)
def test_what_is_not_native_has_a_reason(row):
    assert row.treatment == support.Treatment.NATIVE or row.why
