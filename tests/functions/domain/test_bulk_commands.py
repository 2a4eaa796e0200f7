from functions.domain.bulk_commands import BulkCounts, BulkRow, counted
from functions.domain.commands import Outcome
from tests.functions.domain.test_commands import CREATED, EXPIRES, NOW, after, said, sent


def test_a_row_closes_by_the_clock_as_its_command_does():
    for command in (CREATED, sent(), after(sent(), said("DELIVERED", NOW + 200)), CREATED.attempting(NOW)):
        row = BulkRow.of(command)
        for now in (NOW, EXPIRES - 1, EXPIRES, EXPIRES + 500_000):
            assert row.at(now).status == command.at(now).status


def test_rows_are_counted_by_status_and_those_without_a_command_apart():
    rows = [
        BulkRow.of(CREATED),
        BulkRow.of(CREATED.attempting(NOW).published(NOW, NOW, Outcome.PUBLISHED)),
        BulkRow.of(after(sent(), said("SUCCEEDED", NOW + 200))),
        BulkRow(thing="lamp-1", group="", problem="there is no such device"),
    ]
    assert counted(rows, NOW) == BulkCounts(4, 1, {"CREATED": 1, "SENT": 1, "SUCCEEDED": 1}, settled=False)
    over = counted(rows, EXPIRES)
    assert over.by_status == {"SUCCEEDED": 1, "TIMED_OUT": 1, "EXPIRED": 1}
    assert over.done == 4


def test_a_time_out_is_not_the_last_word():
    assert not counted([BulkRow.of(sent())], EXPIRES).settled
    assert counted([BulkRow.of(CREATED)], EXPIRES).settled
