"""What every store of alarms does, in memory and in DynamoDB alike."""

import pytest
from msgspec.structs import replace

from functions.adapters import dynamodb_alarm_lists as lists
from functions.adapters.dynamodb_alarm_items import active_item, rows_of
from functions.adapters.dynamodb_alarms import DynamoDBAlarms
from functions.domain.access import By, Reach
from functions.domain.alarms import Alarm, AlarmFilter, Step, StepKind
from functions.errors import AlarmsError, CursorError
from tests.functions.alarm_cases import CLEARED, NOW, TABLES, history, in_dynamodb, in_memory, note, saved, transition

ANN, BOB = By("user:ann", "Ann"), By("user:bob", "Bob")
EVERYTHING = Reach(everything=True)
DAY = 86_400_000


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request):
    return in_memory() if request.param == "memory" else in_dynamodb(request.getfixturevalue("dynamodb"))


def acknowledged(kept, thing="pump-1", number=1, by=ANN):
    was = kept.alarms.read(thing, number)
    becomes = was.with_acknowledgement(by, NOW + 1)
    step = Step(version=becomes.version, at=NOW + 1, did=StepKind.ACKNOWLEDGED, by=by)
    return kept.alarms.save(was, becomes, step, [note("alarm.acknowledge", thing)])


def assigned(kept, thing, to):
    was = kept.alarms.read(thing, 1)
    becomes = was.assigned_to(to, NOW + 1)
    step = Step(version=becomes.version, at=NOW + 1, did=StepKind.ASSIGNED, by=ANN, assignee=to)
    assert kept.alarms.save(was, becomes, step)


def listed(kept, limit=100, cursor=None, **wanted):
    """Ids of all pages, in order."""
    found = []
    asked = AlarmFilter(**{"reach": EVERYTHING, **wanted})
    while True:
        page = kept.alarms.page(asked, limit, cursor)
        assert len(page.alarms) <= limit
        found += [alarm.id for alarm in page.alarms]
        cursor = page.cursor
        if cursor is None:
            return found


def test_there_is_nothing_before_anything_was_raised(kept):
    assert kept.alarms.read("pump-1", 1) is None
    assert kept.alarms.active("pump-1") == []
    assert kept.alarms.cleared("pump-1", 10, None) == []
    assert kept.alarms.history("pump-1", 1, 10, None).steps == ()
    assert listed(kept) == listed(kept, cleared=True, start=NOW, end=NOW + DAY) == []


def test_what_people_do_stays_with_the_alarm_whatever_the_engine_finds_next(kept):
    saved(kept, transition())
    assert acknowledged(kept)
    assigned(kept, "pump-1", BOB)
    saved(kept, transition(CLEARED, step=1, at=NOW + 5))
    alarm = kept.alarms.read("pump-1", 1)
    assert (alarm.acknowledged_by, alarm.acknowledged_at, alarm.assignee, alarm.active) == (ANN, NOW + 1, BOB, False)
    assert history(kept) == [(1, "raised"), (2, "acknowledged"), (3, "assigned"), (4, "cleared")]


def test_a_cleared_alarm_can_still_be_acknowledged(kept):
    saved(kept, transition(), transition(CLEARED, step=1))
    assert acknowledged(kept)
    assert kept.alarms.read("pump-1", 1).acknowledged_by == ANN
    assert listed(kept, cleared=True, start=NOW, end=NOW + 1, acknowledged=True) == ["pump-1.1"]


@pytest.mark.parametrize("cleared", [False, True])
def test_who_comes_second_changes_nothing(kept, cleared):
    saved(kept, transition(), *[transition(CLEARED, step=1)] * cleared)
    was = kept.alarms.read("pump-1", 1)
    assert acknowledged(kept)
    step = Step(version=was.version + 1, at=NOW, did=StepKind.COMMENTED, by=BOB, text="hm")
    assert not kept.alarms.save(was, was.with_comment(BOB, "hm", NOW), step, [note("alarm.comment")])
    assert kept.alarms.read("pump-1", 1).comments == ()
    assert [kind for _, kind in history(kept)][-1] == "acknowledged"


def test_who_read_it_before_it_was_cleared_changes_nothing(kept):
    saved(kept, transition())
    was = kept.alarms.read("pump-1", 1)
    saved(kept, transition(CLEARED, step=1), transition(number=2, at=NOW + 1, since=NOW + 1))
    step = Step(version=was.version + 1, at=NOW, did=StepKind.ACKNOWLEDGED, by=ANN)
    assert not kept.alarms.save(was, was.with_acknowledgement(ANN, NOW), step)
    assert not kept.alarms.read("pump-1", 1).acknowledged
    assert not kept.alarms.read("pump-1", 2).acknowledged


def test_history_and_cleared_alarms_are_read_newest_first_and_page_by_page(kept):
    for number in range(1, 6):
        saved(kept, transition(number=number), transition(CLEARED, number=number, step=1))
    assert [one.number for one in kept.alarms.cleared("pump-1", 2, None)] == [5, 4]
    assert [one.number for one in kept.alarms.cleared("pump-1", 9, 4)] == [3, 2, 1]
    for at in range(3):
        was = kept.alarms.read("pump-1", 3)
        step = Step(version=was.version + 1, at=NOW + at, did=StepKind.COMMENTED, by=ANN, text=str(at))
        kept.alarms.save(was, was.with_comment(ANN, str(at), NOW + at), step)
    page = kept.alarms.history("pump-1", 3, 3, None)
    assert [step.text for step in page.steps] == ["2", "1", "0"]
    assert page.before == 3
    rest = kept.alarms.history("pump-1", 3, 3, page.before)
    assert ([step.kind for step in rest.steps], rest.before) == (["cleared", "raised"], None)


SEVERITIES = {"a": "info", "b": "critical", "c": "minor", "d": "critical", "e": "warning"}


@pytest.fixture
def several(kept):
    """The later in the alphabet, the newer; `a` and `b` in plant-1, the others in plant-10."""
    for at, (name, severity) in enumerate(SEVERITIES.items()):
        group = "plant-1/line-2" if name in "ab" else "plant-10"
        saved(kept, transition(thing=name, severity=severity, at=NOW + at, since=NOW + at), group=group)
    return kept


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_worst_come_first_and_of_these_the_newest(several, limit):
    assert listed(several, limit) == ["d.1", "b.1", "c.1", "e.1", "a.1"]
    assert listed(several, limit, severity="critical") == ["d.1", "b.1"]


def test_a_page_ends_with_a_cursor_only_where_there_is_more(several):
    wanted = AlarmFilter(reach=EVERYTHING)
    assert several.alarms.page(wanted, 5, None).cursor is None
    cursor = several.alarms.page(wanted, 4, None).cursor
    assert [alarm.id for alarm in several.alarms.page(wanted, 4, cursor).alarms] == ["a.1"]
    with pytest.raises(CursorError):
        several.alarms.page(replace(wanted, severity="critical"), 4, cursor)
    with pytest.raises(CursorError):
        several.alarms.page(replace(wanted, cleared=True, end=NOW), 4, cursor)


def test_lists_hold_what_is_asked_for(several):
    acknowledged(several, "b")
    assigned(several, "c", BOB)
    saved(several, transition(thing="c", number=2, rule="door", severity="info"), group="plant-10")
    assert listed(several, acknowledged=True) == ["b.1"]
    assert listed(several, acknowledged=False) == ["d.1", "c.1", "e.1", "a.1", "c.2"]
    assert listed(several, assignee=BOB.id) == ["c.1"]
    assert listed(several, rule="door") == ["c.2"]
    assert listed(several, group="plant-1") == ["b.1", "a.1"]
    assert listed(several, group="plant-10", severity="critical") == ["d.1"]
    assert listed(several, group="plant-10", rule="door", acknowledged=True) == []


def test_nobody_is_shown_what_he_may_not_see(several):
    assert listed(several, reach=Reach()) == []
    assert listed(several, reach=Reach(groups=("plant-1",))) == ["b.1", "a.1"]
    assert listed(several, reach=Reach(groups=("plant-1",)), group="plant-10") == []
    assert listed(several, reach=Reach(groups=("plant-1/line-2", "plant-10"))) == ["d.1", "b.1", "c.1", "e.1", "a.1"]
    assert listed(several, 1, reach=Reach(groups=("plant-1",), things=("a", "e", "x"))) == ["b.1", "e.1", "a.1"]
    assert listed(several, reach=Reach(things=("e",)), group="plant-10") == ["e.1"]
    assert listed(several, reach=Reach(things=("e",)), severity="critical") == []


def test_whoever_sees_many_groups_sees_all_of_them_and_no_other(kept):
    groups = [f"site-{at}/hall" for at in range(6)]
    for at, group in enumerate([*groups, "site-0/yard", "site-9"]):
        saved(kept, transition(thing=f"t{at}", at=NOW + at, since=NOW + at), group=group)
    for reach in (Reach(groups=tuple(groups)), Reach(groups=tuple(groups[:3]), things=("t3", "t4", "t5"))):
        assert listed(kept, reach=reach) == [f"t{at}.1" for at in (5, 4, 3, 2, 1, 0)]
        assert listed(kept, 2, reach=reach) == [f"t{at}.1" for at in (5, 4, 3, 2, 1, 0)]


def test_a_device_that_moves_takes_its_alarms_to_the_lists_of_its_group(several):
    assert [alarm.group for alarm in several.alarms.move("b", "plant-10", NOW + 9)] == ["plant-10"]
    assert several.alarms.move("b", "plant-10", NOW + 9) == []
    assert listed(several, group="plant-1") == ["a.1"]
    assert listed(several, group="plant-10") == ["d.1", "b.1", "c.1", "e.1"]
    assert history(several, thing="b") == [(1, "raised"), (2, "moved")]
    saved(several, transition(CLEARED, thing="b", step=1, severity="critical", at=NOW), group="plant-10")
    assert listed(several) == ["d.1", "c.1", "e.1", "a.1"]


@pytest.fixture
def past(kept):
    """Cleared one a day, newest first `a`; `a` to `c` in plant-1."""
    for at, (name, severity) in enumerate(SEVERITIES.items()):
        day = NOW - at * DAY
        group = "plant-1/line-2" if name in "abc" else "plant-10"
        found = {"thing": name, "severity": severity, "since": day - 5}
        saved(kept, transition(at=day - 5, **found), transition(CLEARED, step=1, at=day, **found), group=group)
    return kept


def test_cleared_alarms_are_listed_by_when_they_were_cleared(past):
    limit, span = 2, {"cleared": True, "start": NOW - 4 * DAY, "end": NOW + 1}
    assert listed(past, 100, **span) == ["a.1", "b.1", "c.1", "d.1", "e.1"]
    assert listed(past, limit, **{**span, "end": NOW}) == ["b.1", "c.1", "d.1", "e.1"]
    assert listed(past, limit, **{**span, "start": NOW - 2 * DAY + 1}) == ["a.1", "b.1"]
    assert listed(past, limit, **span, severity="critical") == ["b.1", "d.1"]
    assert listed(past, limit, **span, group="plant-1") == ["a.1", "b.1", "c.1"]
    assert listed(past, limit, **span, reach=Reach(groups=("plant-10",), things=("b",))) == ["b.1", "d.1", "e.1"]
    assert listed(past, limit, **span, rule="door") == []
    acknowledged(past, "c")
    assert listed(past, limit, **span, acknowledged=True) == ["c.1"]
    assert listed(past, limit, **span, acknowledged=False) == ["a.1", "b.1", "d.1", "e.1"]


def test_an_empty_span_has_nothing(past):
    assert listed(past, cleared=True, start=NOW, end=NOW) == []
    assert listed(past, cleared=True, start=NOW + 5, end=NOW + 1) == []


# --- what a page costs, and what it does when something moves under it


class Counting:
    """A client that counts what is asked of it, and answers as `behind` does."""

    def __init__(self, behind):
        self._behind = behind
        self.queries = 0
        self.read = 0

    def query(self, **request):
        self.queries += 1
        return self._behind.query(**request)

    def batch_get_item(self, **request):
        self.read += sum(len(one["Keys"]) for one in request["RequestItems"].values())
        return self._behind.batch_get_item(**request)


def seeded(client, numbers):
    """Active alarms, one a device, with their rows on the list of everything."""
    for at in numbers:
        alarm = Alarm.raised(transition(thing=f"p{at}"), "", NOW)
        for item in (active_item(alarm), *rows_of(alarm).values()):
            client.put_item(TableName="core", Item=item)


def test_a_page_costs_the_same_however_many_are_active(dynamodb):
    costs = []
    for numbers in (range(60), range(60, 240)):
        seeded(dynamodb, numbers)
        client = Counting(dynamodb)
        page = DynamoDBAlarms(client, TABLES).page(AlarmFilter(reach=EVERYTHING), 10, None)
        assert len(page.alarms) == 10
        costs.append((client.queries, client.read))
    assert costs == [(16, 10), (16, 10)]


def test_a_page_with_a_filter_looks_at_a_bounded_number_of_rows(dynamodb, monkeypatch):
    monkeypatch.setattr(lists, "LOOKED_AT", 2)
    kept = in_dynamodb(dynamodb)
    seeded(dynamodb, range(60))
    client = Counting(dynamodb)
    store = DynamoDBAlarms(client, TABLES)
    page = store.page(AlarmFilter(reach=EVERYTHING, acknowledged=True), 10, None)
    assert (page.alarms, client.queries) == ((), 16)
    assert page.cursor is not None
    acknowledged(kept, "p0")
    assert listed(kept, acknowledged=True) == ["p0.1"]
    assert len(listed(kept, 7, acknowledged=False)) == 59


def test_a_page_of_cleared_ones_looks_through_some_days_and_reads_a_bounded_number(dynamodb, monkeypatch):
    monkeypatch.setattr(lists, "MAX_DAYS", 2)
    monkeypatch.setattr(lists, "LOOKED_AT", 1)
    kept = in_dynamodb(dynamodb)
    for day in range(4):
        found = {"number": day + 1, "since": NOW - day * DAY, "at": NOW - day * DAY}
        saved(kept, transition(**found), transition(CLEARED, step=1, **found))
    wanted = AlarmFilter(reach=EVERYTHING, cleared=True, start=NOW - 40 * DAY, end=NOW + 1)
    page = kept.alarms.page(wanted, 100, None)
    assert [alarm.number for alarm in page.alarms] == [1, 2]
    assert [alarm.number for alarm in kept.alarms.page(wanted, 100, page.cursor).alarms] == [3, 4]
    monkeypatch.setattr(lists, "MAX_DAYS", 9)
    monkeypatch.setattr(lists, "MAX_READ", 2)
    page = kept.alarms.page(replace(wanted, acknowledged=True), 1, None)
    assert (page.alarms, page.cursor is not None) == ((), True)
    assert listed(kept, 1, cleared=True, start=NOW - 5 * DAY, end=NOW + 1, acknowledged=False) == [
        "pump-1.1",
        "pump-1.2",
        "pump-1.3",
        "pump-1.4",
    ]


def test_a_row_whose_alarm_has_moved_on_is_passed_over(dynamodb):
    kept = in_dynamodb(dynamodb)
    for name in "abc":
        saved(kept, transition(thing=name, severity="minor"))

    class Slow(Counting):
        """Between the rows and the alarms `b` gets worse, and `c` is cleared."""

        def batch_get_item(self, **request):
            saved(kept, transition(step=1, thing="b", severity="critical"))
            saved(kept, transition(CLEARED, step=1, thing="c", severity="minor"))
            return super().batch_get_item(**request)

    page = DynamoDBAlarms(Slow(dynamodb), TABLES).page(AlarmFilter(reach=EVERYTHING), 10, None)
    assert [alarm.id for alarm in page.alarms] == ["a.1"]


def test_moving_gives_up_where_others_are_always_faster(dynamodb, backoff):
    kept = in_dynamodb(dynamodb)
    saved(kept, transition())
    busy = DynamoDBAlarms(dynamodb, TABLES, backoff=backoff)
    busy.save = lambda *_: False
    with pytest.raises(AlarmsError, match="others were at them"):
        busy.move("pump-1", "elsewhere", NOW)


def tally(kept, most=100, **wanted):
    found = kept.alarms.tally(AlarmFilter(**{"reach": EVERYTHING, **wanted}), most)
    return {severity: n for severity, n in found.open.items() if n}, found.capped


def test_active_alarms_are_counted_by_severity_and_by_what_is_to_be_done(kept):
    for nr, severity in enumerate(("minor", "critical", "minor", "info")):
        saved(kept, transition(thing=f"pump-{nr}", severity=severity))
    saved(kept, transition(CLEARED, "pump-3", step=1))
    acknowledged(kept, "pump-1")
    assigned(kept, "pump-0", ANN)
    found = kept.alarms.tally(AlarmFilter(reach=EVERYTHING), 100)
    assert found.open == {"critical": 1, "major": 0, "minor": 2, "warning": 0, "info": 0}
    assert (found.unacknowledged, found.unassigned, found.capped) == (2, 2, False)


def test_of_more_alarms_than_are_counted_the_worst_are(kept):
    for nr in range(6):
        saved(kept, transition(thing=f"pump-{nr}", severity="critical" if nr % 2 else "info"))
    assert tally(kept, 4) == ({"critical": 3, "info": 1}, True)
    assert tally(kept, 6) == ({"critical": 3, "info": 3}, False)


def test_only_alarms_within_the_reach_and_the_group_are_counted(kept):
    for nr, group in enumerate(("plant-1", "plant-1/line-2", "plant-10", "plant-2")):
        saved(kept, transition(thing=f"pump-{nr}"), group=group)
    some = Reach(groups=("plant-1/line-2", "plant-2"), things=("pump-2", "pump-3"))
    assert tally(kept, group="plant-1") == ({"major": 2}, False)
    assert tally(kept, reach=some) == ({"major": 3}, False)
    assert tally(kept, reach=some, group="plant-2") == ({"major": 1}, False)
    assert tally(kept, reach=Reach()) == ({}, False)


def test_whoever_holds_many_groups_has_no_more_rows_counted_than_a_few_looks(dynamodb, monkeypatch):
    monkeypatch.setattr(lists, "LOOKED_AT", 1)
    kept = in_dynamodb(dynamodb)
    for nr in range(40):
        saved(kept, transition(thing=f"pump-{nr}"), group=f"plant-{nr % 8}")
    reach = Reach(groups=tuple(f"plant-{nr}" for nr in range(5)))
    assert tally(kept, 40, reach=reach) == ({"major": 25}, False)
    counted, capped = tally(kept, 4, reach=reach)
    assert (sum(counted.values()) <= 4, capped) == (True, True)
