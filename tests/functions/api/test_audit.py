"""The audit by the API: whoever changes something is in it, administrators read it, and its chains can be checked."""

import csv
import io

import pytest

from contract.audit import Record
from contract.audit_check import check_chain
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor, Note
from tests.functions.api_harness import person
from tests.functions.conftest import NOW

ADMIN = person("admin", name="ada")


@pytest.fixture
def audited(api):
    api.who = ADMIN
    actor = Actor(Principal("user:ann", Kind.USER, "=ann"), "r-1", "192.0.2.7")
    for at in range(5):
        api.journal.record(
            Note(
                actor=actor,
                action="device.update" if at else "device.create",
                subject_kind="device",
                subject_id=f"pump-{at % 2}",
                at=NOW - 1000 + at,
                after={"n": at},
            )
        )
    return api


def test_entries_come_newest_first_page_by_page(audited):
    status, page = audited.get("/audit", ("limit", "3"))
    assert status == 200
    assert [item["after"]["n"] for item in page["items"]] == [4, 3, 2]
    assert page["items"][0]["who"] == {"id": "user:ann", "kind": "user", "name": "=ann"}
    audited.clock.now += 60_000  # a relative range does not slide between pages
    _, rest = audited.get("/audit", ("limit", "3"), ("cursor", page["cursor"]))
    assert [item["after"]["n"] for item in rest["items"]] == [1, 0]
    assert rest["cursor"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([("subject", "device:pump-1")], [3, 1]),
        ([("principal", "user:ann"), ("action", "device.create")], [0]),
        ([("principal", "user:nobody")], []),
        ([("from", str(NOW - 998)), ("to", str(NOW - 997))], [2]),
    ],
)
def test_filters_narrow_it(audited, query, found):
    _, page = audited.get("/audit", *query)
    assert [item["after"]["n"] for item in page["items"]] == found


@pytest.mark.parametrize("asked", [{"headers": {"Accept": "text/csv"}}, {"query": [("format", "csv")]}])
def test_it_comes_as_csv_that_no_spreadsheet_calculates(audited, asked):
    status, text = audited.get("/audit", ("limit", "2"), *asked.pop("query", []), **asked)
    assert status == 200
    assert audited.headers["X-Next-Cursor"]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["principal_name"] for row in rows] == ["'=ann"] * 2
    assert rows[0]["after"] == '{"n":4}'


@pytest.mark.parametrize("who", [person("operator"), person("viewer"), person(("admin", "group:plant-1")), person()])
@pytest.mark.parametrize("path", ["/audit", "/audit/chains/2025-11-24"])
def test_only_administrators_over_everything_read_it(audited, who, path):
    assert audited.get(path, who=who)[0] == 403
    assert audited.get(path)[0] == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ([("subject", "pump-1")], "subject"),
        ([("from", "-500d")], "from"),
        ([("from", str(NOW)), ("to", str(NOW - 1))], "from"),
        ([("action", "Device Update")], "action"),
        ([("limit", "201")], "limit"),
        ([("cursor", "made-up")], "cursor"),
    ],
)
def test_what_cannot_be_asked_is_named(audited, query, field):
    status, problem = audited.get("/audit", *query)
    assert (status, problem["field"]) == (400, field)


def test_a_cursor_is_no_other_administrators(audited):
    _, page = audited.get("/audit", ("limit", "3"))
    asked = [("limit", "3"), ("cursor", page["cursor"])]
    assert audited.get("/audit", *asked, who=person("admin", name="eve"))[0] == 400
    assert audited.get("/audit/chains/2025-11-24", *asked)[0] == 400
    assert audited.get("/audit", *asked)[0] == 200


def test_the_chains_of_a_day_can_be_checked_by_whoever_reads_them(audited):
    records, cursor = {}, []
    while cursor is not None:
        _, page = audited.get("/audit/chains/2025-11-24", ("limit", "2"), *cursor)
        for item in page["items"]:
            shard = item.pop("shard")
            records.setdefault(shard, []).append(Record(**item))
        cursor = [("cursor", page["cursor"])] if page["cursor"] else None
    assert sum(map(len, records.values())) == 5
    assert {head["shard"] for head in page["heads"]} == set(records)
    for shard, some in records.items():
        assert check_chain("2025-11-24", shard, some, audited.journal.heads["2025-11-24", shard]) == []


@pytest.mark.parametrize("day", ["yesterday", "2025-13-01", "20251124", "2025-W48-1"])
def test_a_day_is_a_date(audited, day):
    status, problem = audited.get(f"/audit/chains/{day}")
    assert (status, problem["field"]) == (400, "day")
