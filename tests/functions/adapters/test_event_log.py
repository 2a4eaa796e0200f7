"""What the log of device events promises, over the fake and the real adapter."""

import pytest

from functions.adapters.dynamodb_events import DynamoDBEventLog
from functions.adapters.memory import MemoryEventLog
from functions.domain.events import DeviceEvent, EventFilter
from functions.errors import CursorError, EventLogError

NOW = 1_764_000_000_000


@pytest.fixture(params=["memory", "dynamodb"])
def log(request):
    if request.param == "memory":
        return MemoryEventLog()
    return DynamoDBEventLog(request.getfixturevalue("dynamodb"), "events", retention_days=90)


def event(at, kind="boot", thing="pump-1", raw=None):
    return DeviceEvent(thing, NOW, NOW + at, kind, f"{kind} {at}".encode() if raw is None else raw)


def asked(start=-1000, end=1000, kind=None, thing="pump-1"):
    return EventFilter(thing=thing, start=NOW + start, end=NOW + end, kind=kind)


def pages(log, wanted, limit):
    found, cursor = [], None
    while True:
        page = log.page(wanted, limit, cursor)
        assert len(page.events) <= limit
        found += page.events
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_events_come_newest_first_each_once_and_of_one_device(log, limit):
    events = [event(at) for at in (5, 1, 3, 4, 2)] + [event(3, raw=b"another at that time")]
    for one in [*events, *events, event(9, thing="pump-2")]:
        log.append(one)
    found = pages(log, asked(), limit)
    assert [one.at - NOW for one in found] == [5, 4, 3, 3, 2, 1]
    assert sorted(found, key=lambda one: one.raw) == sorted(events, key=lambda one: one.raw)


def test_a_range_is_half_open_and_a_kind_is_only_that(log):
    for at in range(10):
        log.append(event(at, "drop" if at % 2 else "boot"))
    assert [one.at - NOW for one in pages(log, asked(2, 5), 10)] == [4, 3, 2]
    assert [one.at - NOW for one in pages(log, asked(2, 8, "drop"), 2)] == [7, 5, 3]
    assert pages(log, asked(5, 5), 10) == []
    assert pages(log, asked(kind="fault"), 10) == []


def test_a_range_that_moves_between_pages_goes_on_where_it_was(log):
    for at in range(6):
        log.append(event(at))
    first = log.page(asked(0), 3, None)
    assert [one.at - NOW for one in log.page(asked(1), 9, first.cursor).events] == [2, 1]


def test_a_cursor_of_another_question_is_refused(log):
    for at in range(3):
        log.append(event(at))
    cursor = log.page(asked(), 1, None).cursor
    for other in (asked(thing="pump-2"), asked(kind="boot")):
        with pytest.raises(CursorError):
            log.page(other, 1, cursor)


def test_a_page_of_a_kind_looks_at_a_bounded_number_of_events(dynamodb):
    log = DynamoDBEventLog(dynamodb, "events")
    for at in range(210):
        log.append(event(at))
    log.append(event(-1, "drop"))
    page = log.page(asked(kind="drop"), 10, None)
    assert (page.events, page.cursor is None) == ((), False)
    assert [one.kind for one in log.page(asked(kind="drop"), 10, page.cursor).events] == ["drop"]


def test_a_table_that_is_not_there_is_the_log_s_error(dynamodb):
    log = DynamoDBEventLog(dynamodb, "no-such-table")
    for call in (lambda: log.append(event(1)), lambda: log.page(asked(), 1, None)):
        with pytest.raises(EventLogError):
            call()
