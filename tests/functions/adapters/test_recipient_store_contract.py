"""What the stores of recipients and maintenance windows do, in memory and in DynamoDB alike."""

import msgspec
import pytest

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_recipients import DynamoDBRecipients, DynamoDBWindows
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_recipients import MemoryRecipients, MemoryWindows
from functions.domain import ulids
from functions.domain.access import By
from functions.domain.audit import Note
from functions.domain.maintenance import Window
from functions.domain.recipients import Channel, Recipient, parse_quiet_hours
from functions.errors import DeliveriesError
from tests.functions.adapters.test_command_store_contract import ANN
from tests.functions.domain.deliveries_of import NOW

ON_CALL = Recipient(
    id="on-call",
    name="On call",
    channel=Channel.WEBHOOK,
    address="https://hooks.example.com/alarms",
    scope="group:plant-1",
    minimum="major",
    quiet=parse_quiet_hours("Europe/Vienna", [(["sat", "sun"], "00:00", "23:59")], "critical"),
    per_hour=10,
    created_at=NOW,
    updated_at=NOW,
)


def note(action="recipient.create"):
    return Note(actor=ANN, action=action, subject_kind="recipient", subject_id="on-call", at=NOW)


class Kept:
    def __init__(self, recipients, windows, notes):
        self.recipients, self.windows, self.notes = recipients, windows, notes


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request):
    if request.param == "memory":
        journal = MemoryJournal()
        return Kept(MemoryRecipients(journal), MemoryWindows(journal), lambda: len(journal.notes))
    client = request.getfixturevalue("dynamodb")
    audit = AuditedWrites(client, "events")
    return Kept(
        DynamoDBRecipients(client, "core", audit),
        DynamoDBWindows(client, "core", audit),
        lambda: sum("body" in item for item in client.scan(TableName="events")["Items"]),
    )


def window(number=0, start=NOW, end=NOW + 3_600_000):
    return Window(
        id=ulids.new(NOW, number.to_bytes(10, "big")),
        scope="group:plant-1",
        start=start,
        end=end,
        reason="Filters",
        by=By("user:1", "ann"),
        created_at=NOW,
    )


def test_a_recipient_is_read_as_he_was_written(kept):
    written = kept.recipients.save(None, ON_CALL, note())
    assert written == msgspec.structs.replace(ON_CALL, version=1)
    assert kept.recipients.find(["on-call", "nobody"]) == {"on-call": written}
    assert kept.notes() == 1


def test_recipients_are_listed_by_id(kept):
    for name in ("night-shift", "managers", "on-call"):
        kept.recipients.save(None, msgspec.structs.replace(ON_CALL, id=name), note())
    assert [one.id for one in kept.recipients.all()] == ["managers", "night-shift", "on-call"]


def test_of_two_who_change_a_recipient_one_is_refused(kept):
    first = kept.recipients.save(None, ON_CALL, note())
    assert kept.recipients.save(None, ON_CALL, note()) is None
    changed = kept.recipients.save(first, first.rotated(NOW + 1), note("recipient.rotate"))
    assert (changed.version, changed.generation) == (2, 2)
    assert kept.recipients.save(first, first, note()) is None
    assert not kept.recipients.delete(first, note("recipient.delete"))
    assert kept.notes() == 2
    assert kept.recipients.delete(changed, note("recipient.delete"))
    assert kept.recipients.find(["on-call"]) == {}
    assert kept.notes() == 3


def test_a_window_is_read_as_it_was_written(kept):
    written = kept.windows.create(window(), note("maintenance.create"))
    assert written.version == 1
    assert kept.windows.read(written.id) == written
    assert kept.windows.read("01KAV9FT000000000000000009") is None
    with pytest.raises(DeliveriesError, match="one already"):
        kept.windows.create(window(), note("maintenance.create"))
    assert kept.notes() == 1


def test_windows_are_listed_newest_first(kept):
    for number in range(5):
        kept.windows.create(window(number), note())
    first = kept.windows.page(3, None)
    rest = kept.windows.page(3, first.before)
    assert [one.id for one in first.windows + rest.windows] == [window(number).id for number in (4, 3, 2, 1, 0)]
    assert rest.before is None


def test_only_windows_that_are_not_over_lie_ahead(kept):
    over = kept.windows.create(window(1, end=NOW), note())
    holds = kept.windows.create(window(2, end=NOW + 1), note())
    comes = kept.windows.create(window(3, start=NOW + 10, end=NOW + 20), note())
    assert kept.windows.ahead(NOW, 10) == kept.windows.holding(NOW) == [holds, comes]
    assert kept.windows.ahead(NOW, 1) == [holds]
    assert over.end == NOW


def test_a_window_that_was_ended_is_no_longer_ahead(kept):
    written = kept.windows.create(window(), note())
    ended = kept.windows.save(written, written.ended(By("user:2", "bob"), NOW + 5), note("maintenance.end"))
    assert (ended.end, ended.version, ended.ended_by) == (NOW + 5, 2, By("user:2", "bob"))
    assert kept.windows.ahead(NOW + 5, 10) == []
    assert kept.windows.ahead(NOW + 4, 10) == [ended]
    assert kept.windows.read(written.id) == ended
    assert kept.windows.save(written, written, note()) is None
    assert kept.notes() == 2
