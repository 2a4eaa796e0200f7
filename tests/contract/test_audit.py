"""The audit's chains: what stands in an entry, and that no single change of a chain goes unseen."""

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract.audit import (
    AuditHead,
    Change,
    Link,
    Record,
    Subject,
    Who,
    audit_day,
    audit_shard,
    chained,
    entry_key,
    hash_of,
    read_entry,
)
from contract.audit_check import FaultKind, check_against, check_chain, check_link

DAY, SHARD = "2026-03-01", "07"
NOON = 1_772_366_400_000


def change(at=NOON, **fields):
    return Change(
        **{
            "at": at,
            "who": Who("user:1", "user", "ann"),
            "action": "device.update",
            "subject": Subject("device", "pump-7"),
            "before": {"name": "Pump"},
            "after": {"name": "Pump 7"},
            "request_id": "r-1",
            "source": "192.0.2.1",
            **fields,
        }
    )


def chain(length, day=DAY, link=None):
    records, head = [], None
    for at in range(length):
        record, head = chained(
            change(NOON + at, after={"n": at}), day=day, shard=SHARD, head=head, link=link, keep_days=365
        )
        records.append(record)
    return records, head


def kinds(faults):
    return {fault.kind for fault in faults}


def with_body(record, **fields):
    """The record with another text, and the hash that belongs to it, as a careful forger would write it."""
    entry = msgspec.structs.replace(read_entry(record), **fields)
    body = msgspec.json.encode(entry).decode()
    forged = Record(entry_key(entry.at, entry.seq), record.subject, "", body)
    return msgspec.structs.replace(forged, hash=hash_of(forged))


def test_a_chain_as_it_was_written_holds():
    records, head = chain(5)
    assert check_chain(DAY, SHARD, records, head) == []
    assert head.seq == 5
    assert [read_entry(record).seq for record in records] == [1, 2, 3, 4, 5]
    assert read_entry(records[0]).who == Who("user:1", "user", "ann")


def test_changes_of_one_subject_share_a_shard_and_the_day_is_that_of_utc():
    assert audit_shard(Subject("device", "pump-7")) == audit_shard(Subject("device", "pump-7"))
    assert audit_day(1_772_323_199_999) == "2026-02-28"
    assert audit_day(1_772_323_200_000) == "2026-03-01"


def test_time_never_goes_back_within_a_chain():
    first, head = chained(change(NOON), day=DAY, shard=SHARD, head=None, link=None, keep_days=1)
    second, head = chained(change(NOON - 30), day=DAY, shard=SHARD, head=head, link=None, keep_days=1)
    assert read_entry(second).at == NOON
    assert check_chain(DAY, SHARD, [first, second], head) == []


def test_a_change_made_while_the_chain_is_read_is_no_fault():
    records, closed = chain(4)
    _, opened = chain(2)
    assert check_chain(DAY, SHARD, records[:3], opened, closed) == []
    assert check_chain(DAY, SHARD, records, opened, closed) == []
    assert check_chain(DAY, SHARD, records[:1], None, closed) == []


chains = st.integers(1, 8)


@given(chains, st.data())
def test_every_entry_that_is_removed_is_missed(length, data):
    records, head = chain(length)
    gone = data.draw(st.integers(1, length))
    faults = check_chain(DAY, SHARD, [*records[: gone - 1], *records[gone:]], head)
    assert any(fault.first <= gone <= fault.last for fault in faults)
    assert kinds(faults) <= {FaultKind.REMOVED, FaultKind.TRUNCATED}


@given(chains, st.data())
def test_every_cut_at_the_end_is_seen_also_when_the_head_goes_with_it(length, data):
    records, head = chain(length)
    left = data.draw(st.integers(0, length - 1))
    assert kinds(check_chain(DAY, SHARD, records[:left], head)) == {FaultKind.TRUNCATED}
    assert kinds(check_chain(DAY, SHARD, records, None)) == {FaultKind.HEAD_MISSING}


@given(chains, st.data())
def test_every_change_of_a_byte_is_seen(length, data):
    records, head = chain(length)
    at = data.draw(st.integers(0, length - 1))
    name = data.draw(st.sampled_from(["key", "subject", "hash", "body"]))
    text = getattr(records[at], name)
    where = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(text[where] != other)
    records[at] = msgspec.structs.replace(records[at], **{name: text[:where] + other + text[where + 1 :]})
    assert FaultKind.EDITED in kinds(check_chain(DAY, SHARD, records, head))


FORGED = st.sampled_from(
    [
        {"after": {"n": "forged"}},
        {"who": Who("user:2", "user", "eve")},
        {"action": "device.create"},
        {"at": NOON + 3_600_000},
        {"seq": 99},
        {"prev": "0" * 64},
        {"day": "2026-03-02"},
        {"source": "198.51.100.1"},
    ]
)


@given(chains, st.data(), FORGED)
def test_an_entry_that_is_edited_and_hashed_anew_is_seen(length, data, forged):
    records, head = chain(length)
    at = data.draw(st.integers(0, length - 1))
    records[at] = with_body(records[at], **forged)
    assert check_chain(DAY, SHARD, records, head) != []


@given(st.integers(2, 8), st.data())
def test_every_other_order_is_seen(length, data):
    records, head = chain(length)
    shuffled = data.draw(st.permutations(records))
    assume(shuffled != records)
    assert check_chain(DAY, SHARD, shuffled, head) != []


@given(chains, st.data())
@settings(max_examples=50)
def test_an_entry_that_is_put_in_is_seen(length, data):
    records, head = chain(length)
    at = data.draw(st.integers(0, length))
    model = records[data.draw(st.integers(0, length - 1))]
    seq = data.draw(st.integers(1, length + 2))
    prev = data.draw(st.sampled_from(["0" * 64, *(record.hash for record in records)]))
    put_in = with_body(model, seq=seq, prev=prev)
    assert check_chain(DAY, SHARD, [*records[:at], put_in, *records[at:]], head) != []


@given(chains, st.data())
def test_a_head_that_is_put_back_is_seen(length, data):
    records, head = chain(length)
    seq = data.draw(st.integers(1, length))
    forged = AuditHead(seq, records[seq - 1].hash if seq < length else "0" * 64, head.at, head.keep_days)
    assert check_chain(DAY, SHARD, records, forged) != []


def test_a_whole_chain_that_is_gone_is_missed_by_the_next_one():
    _, head = chain(3, day="2026-02-27")
    link = Link("2026-02-27", head.seq, head.hash)
    first = read_entry(chain(2, link=link)[0][0])
    assert check_link(first, head) is None
    assert check_link(first, None).kind == FaultKind.CHAIN_MISSING
    _, shorter = chain(2, day="2026-02-27")
    assert check_link(first, shorter).kind == FaultKind.TRUNCATED
    assert check_link(first, msgspec.structs.replace(head, hash="0" * 64)).kind == FaultKind.EDITED


def test_a_linked_chain_may_have_grown_around_midnight():
    records, head = chain(4, day="2026-02-27")
    first = read_entry(chain(1, link=Link("2026-02-27", 3, records[2].hash))[0][0])
    assert check_link(first, head) is None


def test_a_chain_that_was_rewritten_whole_is_found_by_its_export():
    exported, _ = chain(4)
    records, head = None, None
    forged = []
    for at in range(4):
        record, head = chained(
            change(NOON + at, after={"n": 0}), day=DAY, shard=SHARD, head=head, link=None, keep_days=365
        )
        forged.append(record)
    records = forged
    assert check_chain(DAY, SHARD, records, head) == []
    assert [fault.first for fault in check_against(DAY, SHARD, exported, records)] == [2, 3, 4]
    assert kinds(check_against(DAY, SHARD, exported, records[:1])) == {FaultKind.REMOVED}
    assert check_against(DAY, SHARD, exported, exported) == []


@pytest.mark.parametrize("body", ["", "{}", "[]", "nonsense", '{"seq": 1}'])
def test_a_text_that_is_no_entry_is_an_edit_and_no_crash(body):
    records, head = chain(3)
    records[1] = msgspec.structs.replace(records[1], body=body)
    faults = check_chain(DAY, SHARD, records, head)
    assert (faults[0].kind, faults[0].first) == (FaultKind.EDITED, 2)
