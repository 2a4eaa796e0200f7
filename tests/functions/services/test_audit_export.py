"""The export: what is new each time, nothing twice, nothing skipped, and the check when a day is over."""

from itertools import count

import msgspec
import pytest

from contract.audit import read_entry
from contract.audit_check import check_against
from contract.audit_export import Manifest, manifest_key, parse_part_key, read_manifest, read_part
from functions.adapters.memory_audit import MemoryArchive, MemoryJournal
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor, Note
from functions.errors import ArchiveError
from functions.services import audit_export
from functions.services.audit_export import CLOSED_AFTER_MS, ExportAudit
from tests.functions.conftest import NOW

DAY_MS = 86_400_000
MIDNIGHT = 1_764_028_800_000  # 2025-11-25T00:00:00Z
ANN = Actor(Principal("user:1", Kind.USER, "ann"), "r-1", "192.0.2.1")


class World:
    def __init__(self, clock):
        self.clock, self.journal, self.archive = clock, MemoryJournal(), MemoryArchive()
        self.export = ExportAudit(self.journal, self.archive, clock, keep_days=365)

    def note(self, subject="pump-7", at=None):
        at = self.clock.now if at is None else at
        note = Note(actor=ANN, action="device.update", subject_kind="device", subject_id=subject, at=at)
        self.journal.record(note)

    def run(self, in_time=lambda: True):
        return self.export.run(in_time)

    def exported(self, day):
        chains = {}
        for key, data in sorted(self.archive.objects.items()):
            part = parse_part_key(key)
            if part and part.day == day:
                chains.setdefault(part.shard, []).extend(read_part(data))
        return chains

    def manifest(self, day) -> Manifest:
        return read_manifest(self.archive.objects[manifest_key(day)])

    def whole(self, day):
        """Whether everything of the day is exported, once and in order."""
        standing = {shard: records for (one, shard), records in self.journal.chains.items() if one == day}
        return self.exported(day) == standing


@pytest.fixture
def world(clock):
    return World(clock)


def test_each_run_exports_what_is_new_and_only_that(world):
    for at in range(5):
        world.note(f"pump-{at}")
    first = world.run()
    assert first.entries == 5
    assert world.run().parts == 0
    world.note("pump-1")
    assert (world.run().entries, world.whole("2025-11-24")) == (1, True)
    assert manifest_key("2025-11-24") not in world.archive.objects


def test_a_day_is_closed_an_hour_after_its_end_with_the_end_of_every_chain(world):
    world.note()
    world.clock.now = MIDNIGHT + CLOSED_AFTER_MS - 1
    assert world.run().closed == ()
    world.clock.now += 1
    done = world.run()
    assert (done.closed, done.faults) == (("2025-11-24",), ())
    ((shard, end),) = world.manifest("2025-11-24").chains.items()
    assert (end.exported, end.head) == (1, world.journal.heads["2025-11-24", shard])


def test_a_change_that_is_noted_shortly_after_midnight_for_the_day_before_is_exported(world):
    world.note(at=MIDNIGHT - 5)
    world.clock.now = MIDNIGHT + 5
    world.run()
    world.note(at=MIDNIGHT - 1)
    world.clock.now = MIDNIGHT + CLOSED_AFTER_MS
    world.run()
    assert world.whole("2025-11-24")


def test_days_whose_runs_were_missed_are_made_up_for_and_quiet_days_are_vouched_for(world):
    world.note(at=NOW - 40 * DAY_MS)
    world.note(at=NOW - 2 * DAY_MS)
    done = world.run()
    assert (done.entries, len(done.closed)) == (2, 40)
    assert world.manifest("2025-11-23").chains == {}
    world.clock.now += 5 * DAY_MS
    world.note(at=NOW + DAY_MS)
    assert world.run().entries == 1
    assert world.archive.newest_closed() == "2025-11-28"


def test_the_first_run_on_a_new_deployment_closes_nothing(world):
    assert world.run() == audit_export.Exported(0, 0, (), (), finished=True)
    assert world.archive.objects == {}


@pytest.mark.parametrize("after", range(4))
def test_a_run_that_ends_anywhere_is_gone_on_with(world, monkeypatch, after):
    monkeypatch.setattr(audit_export, "PART_ENTRIES", 2)
    for at in range(7):
        world.note(f"pump-{at % 2}")
    left = iter([*([True] * after), False])
    assert not world.run(lambda: next(left)).finished
    assert world.run().finished
    assert world.whole("2025-11-24")


@pytest.mark.parametrize("after", range(4))
def test_a_run_that_fails_anywhere_is_gone_on_with(world, monkeypatch, after):
    monkeypatch.setattr(audit_export, "PART_ENTRIES", 2)
    for at in range(5):
        world.note(f"pump-{at % 2}")
    world.clock.now = MIDNIGHT + CLOSED_AFTER_MS
    writes = count()
    keep = world.archive.keep

    def fail(key, data):
        if next(writes) == after:
            raise ArchiveError("no answer")
        keep(key, data)

    monkeypatch.setattr(world.archive, "keep", fail)
    with pytest.raises(ArchiveError):
        world.run()
    world.run()
    assert world.whole("2025-11-24")
    assert manifest_key("2025-11-24") in world.archive.objects


def test_runs_side_by_side_export_the_same_entries_alike(world):
    for at in range(3):
        world.note(at=NOW + at)
    other = World(world.clock)
    other.journal, other.export = world.journal, ExportAudit(world.journal, world.archive, world.clock, keep_days=365)
    behind = MemoryArchive()  # a list of before the first run ended
    ExportAudit(world.journal, behind, world.clock, keep_days=365).run(lambda: True)
    world.note(at=NOW + 9)
    world.run()
    for key, data in behind.objects.items():
        world.archive.keep(key, data)
    records = [record for some in world.exported("2025-11-24").values() for record in some]
    assert {read_entry(record).seq for record in records} == {1, 2, 3, 4}
    ((_, shard),) = world.journal.chains
    assert check_against("2025-11-24", shard, records, world.journal.chains["2025-11-24", shard]) == []


def test_what_was_edited_or_removed_by_the_end_of_the_day_stands_in_the_manifest(world):
    for at in range(4):
        world.note(at=NOW + at)
    world.run()
    ((chain, records),) = world.journal.chains.items()
    records[1] = msgspec.structs.replace(records[1], body=records[1].body.replace("ann", "eve"))
    del records[3]
    world.clock.now = MIDNIGHT + CLOSED_AFTER_MS
    done = world.run()
    assert [fault.split(" at ")[0] for fault in done.faults] == ["edited", "truncated"]
    assert world.manifest("2025-11-24").faults == done.faults
    assert len(world.exported("2025-11-24")[chain[1]]) == 4


def test_a_key_that_nobody_could_number_stops_no_export(world):
    for at in range(2):
        world.note(at=NOW + at)
    ((_, records),) = world.journal.chains.items()
    records.insert(1, msgspec.structs.replace(records[0], key="5 of something"))
    world.clock.now = MIDNIGHT + CLOSED_AFTER_MS
    done = world.run()
    assert done.entries == 2
    assert done.faults
