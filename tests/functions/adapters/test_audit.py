"""The audit in memory and in DynamoDB: one suite for what is read, and the transaction that a change is part of."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import msgspec
import pytest

from contract.audit import Subject, read_entry
from contract.audit_check import FaultKind, check_chain, check_link
from functions.adapters import dynamodb_audit_log
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
from functions.adapters.memory_audit import MemoryJournal
from functions.domain.access import Kind, Principal
from functions.domain.audit import MAX_NOTES, Actor, AuditFilter, Note
from functions.errors import AuditError, CursorError
from tests.functions.conftest import NOW

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
ANN = Actor(Principal("user:1", Kind.USER, "ann"), "r-1", "192.0.2.1")
KEY = "flk_td33xjjowhs2tw5o_HjtcGJWIi13TqT0LWby0HwYdQQxcrVpPtLJZCa-Mf40"
BOB = Actor(Principal("key:2", Kind.KEY, "bob"), "r-2", "192.0.2.2")


def note(subject="pump-7", at=NOW, actor=ANN, action="device.update", **fields):
    return Note(actor=actor, action=action, subject_kind="device", subject_id=subject, at=at, **fields)


class Both:
    """A journal and the log that reads it."""

    def __init__(self, journal, log):
        self.record, self.page, self.chains_of, self.heads_of = journal.record, log.page, log.chains_of, log.heads_of


@pytest.fixture(params=["memory", "dynamodb"])
def audit(request):
    if request.param == "memory":
        journal = MemoryJournal()
        return Both(journal, journal)
    client = request.getfixturevalue("dynamodb")
    return Both(AuditedWrites(client, "events"), DynamoDBAuditLog(client, "events"))


def wanted(start=NOW - HOUR_MS, end=NOW + HOUR_MS, **fields):
    return AuditFilter(start=start, end=end, **fields)


def all_of(audit, asked, limit=3):
    entries, cursor = [], None
    while True:
        page = audit.page(asked, limit, cursor)
        assert len(page.entries) <= limit
        entries += page.entries
        cursor = page.cursor
        if cursor is None:
            return entries


def all_chains(audit, day, limit=2):
    chains, cursor = {}, None
    while True:
        page = audit.chains_of(day, limit, cursor)
        for one in page.records:
            chains.setdefault(one.shard, []).append(one.record)
        cursor = page.cursor
        if cursor is None:
            return page.heads, chains


def test_entries_of_several_days_and_shards_come_newest_first_page_by_page(audit):
    for at in range(8):
        audit.record(note(f"pump-{at % 5}", NOW - at * DAY_MS // 4))
    entries = all_of(audit, wanted(NOW - 2 * DAY_MS), limit=5)
    assert [entry.at for entry in entries] == [NOW - at * DAY_MS // 4 for at in range(8)]
    assert entries[0].who.name == "ann"
    assert (entries[0].request_id, entries[0].source) == ("r-1", "192.0.2.1")


def test_entries_of_the_same_millisecond_all_come_once(audit):
    for at in range(9):
        audit.record(note(f"pump-{at % 6}"))
    assert len(all_of(audit, wanted(), limit=4)) == 9
    assert len(all_of(audit, wanted(subject=Subject("device", "pump-1")), limit=1)) == 2


def test_a_range_is_half_open(audit):
    for at in (NOW - 1, NOW, NOW + 9, NOW + 10):
        audit.record(note(at=at))
    assert [entry.at for entry in all_of(audit, wanted(NOW, NOW + 10))] == [NOW + 9, NOW]
    subject = Subject("device", "pump-7")
    assert [entry.at for entry in all_of(audit, wanted(NOW, NOW + 10, subject=subject), limit=1)] == [NOW + 9, NOW]


def test_filters_leave_only_what_they_name(audit):
    audit.record(note("pump-1", NOW, ANN, "device.create", after={"name": "Pump"}))
    audit.record(note("pump-1", NOW + 1, BOB, "device.update"))
    audit.record(note("pump-10", NOW + 2, BOB, "device.update"))
    audit.record(note("pump-1", NOW + 3, ANN, "devices.import"))

    def ats(**fields):
        return [entry.at - NOW for entry in all_of(audit, wanted(**fields), limit=2)]

    assert ats(subject=Subject("device", "pump-1")) == [3, 1, 0]
    assert ats(principal="key:2") == [2, 1]
    assert ats(action="device") == [2, 1, 0]
    assert ats(action="device.create") == [0]
    assert ats(subject=Subject("device", "pump-1"), principal="key:2", action="device.update") == [1]
    assert ats(subject=Subject("device", "nobody")) == []
    assert all_of(audit, wanted(action="device.create"))[0].after == {"name": "Pump"}


def test_a_cursor_is_for_its_own_question(audit):
    for at in range(4):
        audit.record(note(at=NOW + at))
    cursor = audit.page(wanted(), 2, None).cursor
    with pytest.raises(CursorError):
        audit.page(wanted(principal="user:1"), 2, cursor)
    with pytest.raises(CursorError):
        audit.chains_of("2025-11-24", 2, cursor)


def test_every_chain_of_a_day_holds_and_the_next_day_names_its_end(audit):
    for at in range(5):
        audit.record(note(f"pump-{at % 2}", NOW + at))
        audit.record(note(f"pump-{at % 2}", NOW + at + DAY_MS))
    heads, chains = all_chains(audit, "2025-11-24")
    assert sum(map(len, chains.values())) == 5
    assert heads.keys() == chains.keys()
    for shard, records in chains.items():
        assert check_chain("2025-11-24", shard, records, heads[shard]) == []
    _, chains = all_chains(audit, "2025-11-25")
    for shard, records in chains.items():
        first = read_entry(records[0])
        assert first.link.day == "2025-11-24"
        linked = audit.heads_of(["2025-11-24"])["2025-11-24", shard]
        assert check_link(first, linked) is None


def test_secrets_and_big_values_do_not_get_in(audit):
    after = {
        "password": "hunter2",
        "nested": {"api_key": "fl_x"},
        "said": f"use {KEY}",
        "note": "x" * 5000,
        "big": ["y" * 900] * 20,
        "n": 1,
    }
    audit.record(note(after=after))
    (entry,) = all_of(audit, wanted())
    assert entry.after["password"] == "(redacted)"
    assert entry.after["said"] == "use (redacted)"
    assert entry.after["nested"] == {"api_key": "(redacted)"}
    assert entry.after["note"].endswith("… (5000 characters)")
    assert entry.after["big"].keys() == {"left_out_bytes", "sha256"}
    assert entry.after["n"] == 1
    assert len(msgspec.json.encode(entry.after)) < 8_192


def put(name, **more):
    return {
        "Put": {
            "TableName": "core",
            "Item": {"pk": {"S": name}, "sk": {"S": "META"}, "n": {"N": "1"}},
            "ConditionExpression": "attribute_not_exists(pk)",
            **more,
        }
    }


def count(client, table):
    return client.scan(TableName=table, Select="COUNT")["Count"]


def test_a_change_and_its_note_are_both_there_or_neither(dynamodb):
    writes, log = AuditedWrites(dynamodb, "events"), DynamoDBAuditLog(dynamodb, "events")
    writes.commit([put("a")], [note()])
    with pytest.raises(Refused) as refused:
        writes.commit([put("b"), put("a", ReturnValuesOnConditionCheckFailure="ALL_OLD")], [note()])
    assert refused.value.index == 1
    assert refused.value.item["n"] == {"N": "1"}
    assert count(dynamodb, "core") == 1
    assert len(all_of(log, wanted())) == 1


def test_two_processes_share_a_chain_and_neither_reads_the_head_again(dynamodb):
    one, other = (AuditedWrites(dynamodb, "events", backoff=no_wait()) for _ in range(2))
    for at in range(3):
        one.commit([put(f"a{at}")], [note(at=NOW + at)])
        other.commit([put(f"b{at}")], [note(at=NOW + at), note("pump-8", NOW + at)])
    log = DynamoDBAuditLog(dynamodb, "events")
    heads, chains = all_chains(log, "2025-11-24")
    assert sum(map(len, chains.values())) == 9
    assert all(check_chain("2025-11-24", shard, some, heads[shard]) == [] for shard, some in chains.items())


def no_wait(attempts=12):
    from functions.adapters.backoff import Backoff

    return Backoff(attempts=attempts, sleep=lambda _: None)


def test_threads_of_one_process_do_not_lose_each_others_changes(dynamodb):
    writes = AuditedWrites(dynamodb, "events", backoff=no_wait())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: writes.commit([put(f"d{at}")], [note(f"pump-{at % 3}", NOW + at)]), range(12)))
    heads, chains = all_chains(DynamoDBAuditLog(dynamodb, "events"), "2025-11-24")
    assert sum(map(len, chains.values())) == 12
    assert all(check_chain("2025-11-24", shard, some, heads[shard]) == [] for shard, some in chains.items())


class Stubborn:
    """A client whose transactions always meet another one."""

    def __init__(self, client, code):
        self._client, self._code, self.calls = client, code, 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def transact_write_items(self, TransactItems):  # noqa: N803 - boto3's name
        from botocore.exceptions import ClientError

        self.calls += 1
        reasons = [{"Code": self._code}, *({"Code": "None"} for _ in TransactItems[1:])]
        error = {"Error": {"Code": "TransactionCanceledException", "Message": "no"}, "CancellationReasons": reasons}
        raise ClientError(error, "TransactWriteItems")


def test_a_conflict_is_tried_again_and_not_for_ever(dynamodb):
    client = Stubborn(dynamodb, "TransactionConflict")
    with pytest.raises(AuditError, match="could not be made together with its audit"):
        AuditedWrites(client, "events", backoff=no_wait(3)).commit([put("a")], [note()])
    assert client.calls == 3


def test_what_trying_again_cannot_help_is_not_tried_again(dynamodb):
    client = Stubborn(dynamodb, "ValidationError")
    with pytest.raises(AuditError):
        AuditedWrites(client, "events", backoff=no_wait(3)).commit([put("a")], [note()])
    assert client.calls == 1


@pytest.mark.parametrize(("items", "notes"), [(0, 0), (1, MAX_NOTES + 1), (99, 1), (81, MAX_NOTES)])
def test_more_than_a_transaction_holds_is_refused_before_it_is_sent(items, notes):
    with pytest.raises(ValueError, match="expected 1 to 10 notes"):
        AuditedWrites(None, "events").commit([put("a")] * items, [note()] * notes)


def test_an_edit_in_the_table_is_listed_and_found(dynamodb):
    writes, log = AuditedWrites(dynamodb, "events"), DynamoDBAuditLog(dynamodb, "events")
    for at in range(3):
        writes.record(note(at=NOW + at))
    (shard,) = log.chains_of("2025-11-24", 10, None).heads
    boto3.client("dynamodb").update_item(
        TableName="events",
        Key={"pk": {"S": f"AUDIT#2025-11-24#{shard}"}, "sk": {"S": f"{NOW + 1:013d}#00000002"}},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": {"S": "nothing to see"}},
    )
    assert [entry.action for entry in all_of(log, wanted())] == ["device.update", "audit.unreadable", "device.update"]
    heads, chains = all_chains(log, "2025-11-24")
    faults = check_chain("2025-11-24", shard, chains[shard], heads[shard])
    assert [(fault.kind, fault.first) for fault in faults] == [(FaultKind.EDITED, 2)]


def test_a_page_looks_through_a_bounded_number_of_entries_and_days(dynamodb, monkeypatch):
    monkeypatch.setattr(dynamodb_audit_log, "MAX_LOOKED_AT", 3)
    monkeypatch.setattr(dynamodb_audit_log, "MAX_DAYS", 2)
    writes, log = AuditedWrites(dynamodb, "events"), DynamoDBAuditLog(dynamodb, "events")
    for at in range(5):
        writes.record(note(at=NOW + at, action="device.rename" if at == 0 else "device.update"))
    page = log.page(wanted(action="device.rename"), 10, None)
    assert page.entries == ()
    assert page.cursor is not None
    assert [entry.at for entry in all_of(log, wanted(action="device.rename"))] == [NOW]
    writes.record(note(at=NOW - 3 * DAY_MS, action="device.rename"))
    assert len(all_of(log, wanted(NOW - 4 * DAY_MS, action="device.rename"))) == 2
