"""audit list and audit verify, against the real API's code over the audit in memory and its export in files."""

import csv
import io
import json
import time

import msgspec
import pytest

from functions.adapters.clock import SystemClock
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor, Note
from functions.services.audit_export import ExportAudit
from tests.functions.api_harness import api_harness, person

DAY_MS = 86_400_000
ACTOR = Actor(Principal("user:ann", Kind.USER, "=ann\x1b[1m"), "r-1", "192.0.2.7")
BROKEN = 10


@pytest.fixture
def api(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body)
        return says(status, json.dumps(document).encode(), {"content-type": api.headers["Content-Type"]})

    signed_in.authorized = authorized
    for at in range(6):
        change(api, at, now_ms() - 2 * DAY_MS + at)
    for at in range(6, 9):
        change(api, at, now_ms() - DAY_MS + at)
    return api


def now_ms():
    """Of this test: since the module was read it may have become another day."""
    return time.time_ns() // 1_000_000


def change(api, n, at):
    api.journal.record(
        Note(
            actor=ACTOR,
            action="device.update",
            subject_kind="device",
            subject_id=f"pump-{n % 2}",
            at=at,
            before={"name": "a  b"},
            after={"n": n},
        )
    )


def chain_of(api, days_ago):
    day = time.strftime("%Y-%m-%d", time.gmtime((now_ms() - days_ago * DAY_MS) / 1000))
    return next(key for key in api.journal.chains if key[0] == day)


class Files:
    """An archive in a directory, as the bucket's objects come to lie there when they are copied."""

    def __init__(self, directory):
        self.directory = directory

    def newest_closed(self):
        return None

    def parts(self, day):
        return []

    def keep(self, key, data):
        path = self.directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def exported(api, directory, keep_days=30):
    ExportAudit(api.journal, Files(directory), api.clock, keep_days=keep_days).run(lambda: True)
    return ("--export", str(directory))


def test_changes_are_listed_newest_first(run, api):
    lines = run("audit", "list", "--limit", "5").stdout.splitlines()
    assert '{"n":8}' in lines[2]
    assert "\x1b" not in run("audit", "list").stdout
    items = json.loads(run("audit", "list", "--json", "--subject", "device:pump-1").stdout)["items"]
    assert [item["after"]["n"] for item in items] == [7, 5, 3, 1]
    assert json.loads(run("audit", "list", "--json", "--by", "user:nobody").stdout)["items"] == []
    assert "There are more than 2 entries" in run("audit", "list", "--limit", "2").stderr


def test_csv_holds_no_formula_and_every_character(run, api):
    rows = list(csv.DictReader(io.StringIO(run("audit", "list", "--csv").stdout)))
    assert len(rows) == 9
    assert rows[0]["name"] == "'=ann\\u001b[1m"
    assert rows[0]["before"] == '{"name":"a  b"}'


def test_an_audit_as_it_was_written_is_intact(run, api, tmp_path):
    result = run("audit", "verify", "--from", "3d")
    assert [line.split()[1:] for line in result.stdout.splitlines()[3:5]] == [
        ["intact", "2", "6"],
        ["intact", "2", "3"],
    ]
    days = json.loads(run("audit", "verify", "--from", "3d", "--json", *exported(api, tmp_path)).stdout)["days"]
    assert [day["exported"] for day in days] == [0, 6, 3, 0]


@pytest.mark.parametrize("kind", ["edited", "removed", "truncated", "head missing", "put in"])
def test_what_was_changed_behind_the_api_is_told_and_ends_with_its_own_code(run, api, kind):
    key = chain_of(api, 2)
    records = api.journal.chains[key]
    if kind == "edited":
        records[1] = msgspec.structs.replace(records[1], body=records[1].body.replace("user:ann", "user:eve"))
    elif kind == "removed":
        del records[1]
    elif kind == "truncated":
        del records[2:]
    elif kind == "head missing":
        del api.journal.heads[key]
    else:
        records.insert(1, records[0])
    result = run("audit", "verify", "--from", "3d", fails=BROKEN)
    assert f"{key[0]} chain {key[1]}" in result.stderr
    assert kind in result.stderr
    assert "broken" in result.stdout
    report = json.loads(run("audit", "verify", "--from", "3d", "--json", fails=BROKEN).stdout)
    assert kind in {fault["kind"] for day in report["days"] for fault in day["faults"]}


def test_a_day_that_is_gone_whole_is_missed_by_the_next_one(run, api):
    key = chain_of(api, 2)
    del api.journal.chains[key]
    del api.journal.heads[key]
    result = run("audit", "verify", "--from", "1d", fails=BROKEN)  # the day itself is not even asked for
    assert "chain missing" in result.stderr


def test_a_chain_that_was_rewritten_whole_is_found_by_its_export(run, api, tmp_path):
    options = exported(api, tmp_path)
    key = chain_of(api, 2)
    wrong = api.journal.chains.pop(key)
    del api.journal.heads[key]
    for record in wrong:
        change(api, 100 + int(record.subject[-1]), int(record.key[:13]))
    for following in [one for one in api.journal.chains if one[1] == key[1] and one[0] > key[0]]:
        del api.journal.chains[following], api.journal.heads[following]
    run("audit", "verify", "--from", "2d", "--to", "2d")
    result = run("audit", "verify", "--from", "2d", "--to", "2d", *options, fails=BROKEN)
    assert "exported with another text" in result.stderr


def test_an_expired_day_is_called_so_and_its_export_still_checked(run, api, tmp_path):
    old = now_ms() - 400 * DAY_MS
    change(api, 0, old)
    change(api, 2, old + 1)
    options = exported(api, tmp_path, keep_days=500)
    exported_from = time.strftime("%Y-%m-%d", time.gmtime(old / 1000))
    key = next(one for one in api.journal.chains if one[0] == exported_from)
    del api.journal.chains[key][0]
    asked = ("audit", "verify", "--from", exported_from, "--to", exported_from)
    result = run(*asked, *options)
    assert result.stdout.splitlines()[2].split()[1:] == ["expired", "1", "1", "2"]


def test_a_change_made_while_it_is_checked_is_no_fault(run, api, signed_in):
    authorized = signed_in.authorized

    def busy(asked):
        answer = authorized(asked)
        change(api, 0, now_ms())
        return answer

    signed_in.authorized = busy
    run("audit", "verify", "--from", "now")


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "soon"),
        ("--from", "now", "--to", "2d"),
        ("--from", "1d", "--export", "/nowhere"),
        ("--from", "4000d"),
    ],
)
def test_what_cannot_be_checked_is_a_usage_error(run, api, options):
    run("audit", "verify", *options, fails=2)


def test_a_damaged_export_is_named(run, api, tmp_path):
    options = exported(api, tmp_path)
    part = next(tmp_path.rglob("*.jsonl.gz"))
    part.write_bytes(part.read_bytes()[:-9])
    result = run("audit", "verify", "--from", "3d", *options, fails=1)
    assert part.name in result.stderr


def test_whoever_is_no_administrator_is_told_so(run, api):
    api.who = person("operator")
    run("audit", "verify", fails=5)
    run("audit", "list", fails=5)
