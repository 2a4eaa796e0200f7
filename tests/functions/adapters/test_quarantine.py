"""What the quarantine promises, over the fake and the real adapter."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
from functions.adapters.dynamodb_state import DynamoDBStateStore
from functions.adapters.memory import MemoryQuarantine, MemoryStateStore, MemoryWorld
from functions.adapters.quarantine_items import MAX_FAULTS, MAX_RAW_BYTES
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import REPEAT_MS
from functions.domain.state import DeviceState, Saved
from functions.errors import CursorError, QuarantineError
from tests.functions.saving import save

NOW = 1_764_000_000_000


MALFORMED = Fault("malformed", "no JSON")


def entry(at=0, raw=None, thing="pump-1", faults=(MALFORMED,)):
    """Other bytes at another time, unless they are given."""
    return QuarantineEntry(thing, NOW + at, f"rubbish {at}".encode() if raw is None else raw, tuple(faults))


@pytest.fixture(params=["memory", "dynamodb"])
def parts(request):
    if request.param == "memory":
        world = MemoryWorld()
        return SimpleNamespace(quarantine=MemoryQuarantine(world), statuses=world, states=MemoryStateStore(world))
    client = request.getfixturevalue("dynamodb")
    states = DynamoDBStateStore(client, "state")
    return SimpleNamespace(quarantine=DynamoDBQuarantine(client, "events", "state"), statuses=states, states=states)


def counts(parts, thing="pump-1"):
    return parts.statuses.statuses([thing])[thing].quarantined


def test_an_entry_is_kept_with_its_bytes_and_counted_for_each_reason_once(parts):
    faults = (Fault("future", "x", None, 5), Fault("out_of_range", "y", "m", 6), Fault("out_of_range", "z"))
    parts.quarantine.put([entry(raw=b"\x00\xff", faults=faults)])
    (kept,) = parts.quarantine.page("pump-1", 10, None).entries
    assert (kept.received_at, kept.raw, kept.size, kept.truncated, kept.faults) == (
        NOW,
        b"\x00\xff",
        2,
        False,
        faults,
    )
    assert counts(parts) == {"future": 1, "out_of_range": 1}


def test_an_entry_put_again_is_neither_kept_nor_counted_again(parts):
    for _ in range(3):
        parts.quarantine.put([entry(), entry(1)])
    assert counts(parts) == {"malformed": 2}
    assert len(parts.quarantine.page("pump-1", 10, None).entries) == 2


def test_the_same_entry_twice_in_one_call_counts_once(parts):
    parts.quarantine.put([entry(), entry()])
    assert counts(parts) == {"malformed": 1}


@pytest.mark.parametrize("later", [-1, 1, REPEAT_MS - 1, -2 * REPEAT_MS])
def test_the_same_bytes_received_within_an_hour_or_earlier_are_no_other_entry(parts, later):
    parts.quarantine.put([entry(5, b"same")])
    parts.quarantine.put([entry(5 + later, b"same")])
    assert counts(parts) == {"malformed": 1}
    assert [one.received_at for one in parts.quarantine.page("pump-1", 10, None).entries] == [NOW + 5]


def test_the_same_bytes_are_kept_and_counted_once_an_hour(parts):
    moments = [at * REPEAT_MS // 4 for at in range(10)]
    parts.quarantine.put([entry(at, b"same") for at in moments])
    parts.quarantine.put([entry(at, b"same") for at in moments])
    assert counts(parts) == {"malformed": 3}
    kept = [one.received_at - NOW for one in parts.quarantine.page("pump-1", 10, None).entries]
    assert kept == [2 * REPEAT_MS, REPEAT_MS, 0]


def test_other_bytes_and_other_devices_are_entries_of_their_own(parts):
    parts.quarantine.put([entry(0, b"same"), entry(1, b"other"), entry(1, b"same", thing="pump-2")])
    assert (counts(parts), counts(parts, "pump-2")) == ({"malformed": 2}, {"malformed": 1})


def test_pages_hold_entries_and_nothing_else(parts):
    parts.quarantine.put([entry(at) for at in range(3)])
    sizes, cursor = [], None
    while True:
        page = parts.quarantine.page("pump-1", 1, cursor)
        sizes.append(len(page.entries))
        cursor = page.cursor
        if cursor is None:
            break
    assert [size for size in sizes if size] == [1, 1, 1]
    assert len(parts.quarantine.page("pump-1", 4, None).entries) == 3


def test_an_empty_message_is_an_entry_too(parts):
    parts.quarantine.put([entry(raw=b"")])
    (kept,) = parts.quarantine.page("pump-1", 10, None).entries
    assert (kept.raw, kept.size) == (b"", 0)


def test_counts_and_state_do_not_touch_each_other(parts):
    parts.quarantine.put([entry()])
    state = parts.states.read(["pump-1"])
    assert state == {"pump-1": DeviceState()}
    assert save(parts.states, state) == Saved()
    parts.quarantine.put([entry(1)])
    assert save(parts.states, parts.states.read(["pump-1"])) == Saved()
    assert counts(parts) == {"malformed": 2}


def test_pages_are_newest_first_and_join(parts):
    parts.quarantine.put([entry(at) for at in range(7)])
    parts.quarantine.put([entry(thing="pump-2")])
    seen, cursor = [], None
    while True:
        page = parts.quarantine.page("pump-1", 3, cursor)
        assert len(page.entries) <= 3
        seen += [one.received_at - NOW for one in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("cursor", ["", "x", "e30", "a" * 999])
def test_a_cursor_that_no_page_gave_is_refused(parts, cursor):
    with pytest.raises(CursorError):
        parts.quarantine.page("pump-1", 3, cursor)


def test_a_cursor_of_another_device_is_refused(parts):
    parts.quarantine.put([entry(at) for at in range(3)])
    cursor = parts.quarantine.page("pump-1", 1, None).cursor
    with pytest.raises(CursorError):
        parts.quarantine.page("pump-2", 1, cursor)


def test_an_entry_too_large_for_an_item_keeps_its_beginning(dynamodb):
    raw = bytes(range(256)) * 2000
    faults = [Fault("out_of_range", "🌡" * 5000, "m" * 64, NOW) for _ in range(5000)] + [Fault("future", "late")]
    quarantine = DynamoDBQuarantine(dynamodb, "events", "state")
    quarantine.put([entry(raw=raw, faults=faults)])
    (kept,) = quarantine.page("pump-1", 1, None).entries
    assert (kept.raw, kept.size, kept.truncated) == (raw[:MAX_RAW_BYTES], len(raw), True)
    assert len(kept.faults) == MAX_FAULTS
    assert {fault.reason for fault in kept.faults} == {"out_of_range", "future"}


def test_an_item_says_when_it_expires_and_on_which_day_it_is_listed(dynamodb):
    DynamoDBQuarantine(dynamodb, "events", "state", retention_days=30).put([entry()])
    item, mark = sorted(dynamodb.scan(TableName="events")["Items"], key=lambda item: item["sk"]["S"])
    assert (mark["pk"], mark["sk"]["S"][:5]) == (item["pk"], "SEEN#")
    assert mark["expires"] == {"N": str(NOW // 1000 + 3601)}
    assert "dpk" not in mark
    assert item["expires"] == {"N": str(NOW // 1000 + 30 * 86_400)}
    assert item["dpk"]["S"].startswith("QUARANTINE#2025-11-24#")
    assert item["dsk"] == {"S": f"{NOW}#pump-1"}
    assert [reason["S"] for reason in item["reasons"]["L"]] == ["malformed"]


class Refusing:
    """A client that refuses transactions of some things, with a reason for each part."""

    def __init__(self, things, codes, times=10**9, room=()):
        self.things = things
        self.codes = codes
        self.times = times
        self.room = list(room)
        self.calls = 0

    def update_item(self, **_):
        if self.room:
            raise ClientError({"Error": {"Code": self.room.pop(0), "Message": "no"}}, "UpdateItem")

    def transact_write_items(self, TransactItems):  # noqa: N803 - boto3's name
        self.calls += 1
        thing = TransactItems[0]["Put"]["Item"]["thing"]["S"]
        if thing in self.things and self.times:
            self.times -= 1
            response = {
                "Error": {"Code": "TransactionCanceledException", "Message": "no"},
                "CancellationReasons": [{"Code": code} for code in self.codes],
            }
            raise ClientError(response, "TransactWriteItems")


def test_a_conflict_with_another_write_is_tried_again(backoff, waits):
    client = Refusing({"pump-1"}, ["None", "None", "TransactionConflict"], times=2)
    DynamoDBQuarantine(client, "events", "state", backoff=backoff).put([entry()])
    assert (client.calls, len(waits)) == (3, 2)


def test_exactly_the_entries_that_were_not_kept_are_named(backoff):
    client = Refusing({"pump-2"}, ["None", "None", "TransactionConflict"])
    with pytest.raises(QuarantineError) as caught:
        DynamoDBQuarantine(client, "events", "state", backoff=backoff).put(
            [entry(), entry(thing="pump-2"), entry(1), entry(1, thing="pump-2")]
        )
    assert caught.value.failed == {1, 3}


def test_a_refusal_that_will_not_pass_is_not_tried_again(backoff, waits):
    client = Refusing({"pump-1"}, ["ValidationError", "None", "None"])
    with pytest.raises(QuarantineError):
        DynamoDBQuarantine(client, "events", "state", backoff=backoff).put([entry()])
    assert (client.calls, waits) == (1, [])


def test_making_room_for_the_counts_beside_another_transaction_is_tried_again(backoff, waits):
    client = Refusing(
        {"pump-1"}, ["None", "None", "ConditionalCheckFailed"], times=1, room=["TransactionConflictException"] * 2
    )
    DynamoDBQuarantine(client, "events", "state", backoff=backoff).put([entry()])
    assert (client.calls, len(waits), client.room) == (2, 3, [])


def test_a_refusal_to_make_room_that_will_not_pass_is_not_tried_again(backoff, waits):
    client = Refusing(
        {"pump-1"}, ["None", "None", "ConditionalCheckFailed"], times=1, room=["AccessDeniedException"] * 2
    )
    with pytest.raises(QuarantineError, match="AccessDenied"):
        DynamoDBQuarantine(client, "events", "state", backoff=backoff).put([entry()])
    assert (client.calls, len(waits), len(client.room)) == (1, 1, 1)


def test_an_entry_is_shown_by_its_id_and_under_its_own_device_only(parts):
    parts.quarantine.put([entry(raw=b"one"), entry(1, raw=b"two", thing="pump-2")])
    (listed,) = parts.quarantine.page("pump-1", 10, None).entries
    assert parts.quarantine.entry("pump-1", listed.id) == listed
    assert listed.id.startswith(f"{NOW}-")
    for thing, name in [("pump-2", listed.id), ("pump-1", "x"), ("pump-1", f"{NOW}-{'0' * 24}"), ("pump-1", "SEEN#0")]:
        assert parts.quarantine.entry(thing, name) is None


def test_a_day_of_all_devices_comes_newest_first_in_pages(parts):
    day = 86_400_000
    moments = [(at, f"pump-{at % 5}") for at in (0, 1, 1, 7, 3, 3, 3, 2, -day, day)]
    for nr, (at, thing) in enumerate(moments):
        parts.quarantine.put([entry(at, raw=f"{nr}".encode(), thing=thing)])
    seen, cursor = [], None
    while True:
        page = parts.quarantine.of_day("2025-11-24", 2, cursor)
        assert len(page.notices) <= 2
        seen += page.notices
        cursor = page.cursor
        if cursor is None:
            break
    expected = sorted(((NOW + at, thing) for at, thing in moments if abs(at) < day), reverse=True)
    assert [(one.received_at, one.thing) for one in seen] == expected
    assert len({(one.thing, one.id) for one in seen}) == 8
    assert {one.reasons for one in seen} == {("malformed",)}
    assert all(parts.quarantine.entry(one.thing, one.id).size == one.size for one in seen)
    assert [one.thing for one in parts.quarantine.of_day("2025-11-25", 10, None).notices] == ["pump-0"]
    with pytest.raises(CursorError):
        parts.quarantine.of_day("2025-11-25", 2, parts.quarantine.of_day("2025-11-24", 2, None).cursor)


def test_the_newest_receipt_of_an_entry_stands_beside_the_counts(parts):
    parts.quarantine.put([entry(), entry(5)])
    assert parts.statuses.statuses(["pump-1"])["pump-1"].quarantined_at == NOW + 5
    parts.quarantine.put([entry(9, raw=b"rubbish 5")])
    assert parts.statuses.statuses(["pump-1"])["pump-1"].quarantined_at == NOW + 5
