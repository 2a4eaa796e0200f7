import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cli.backfill.totals import MAX_BAD_LINES, REPORT_HEADER, Totals, report
from contract.backfill import Copied, Damage, DeviceDay
from functions.domain.checksums import Checksum
from functions.domain.series import Point

GOOD = DeviceDay(
    "pump-1", "2025-11-24", 5, "00000000000000ff", 3, "00000000000000ff", superseded=1, refused={"expired": 1}
)
BAD = DeviceDay("pump-1", "2025-11-25", 2, "0000000000000001", 1, "0000000000000002", missing=1, different=1)


def rows(*slices):
    return [dict(zip(REPORT_HEADER, row, strict=True)) for row in report(slices)]


def test_days_add_up_over_slices():
    (row,) = rows(Copied(days=(GOOD,)), Copied(days=(GOOD,)))
    assert row == {
        "device": "pump-1",
        "day": "2025-11-24",
        "verified": True,
        "points": 10,
        "superseded": 2,
        "refused": 2,
        "expected": 6,
        "found": 6,
        "missing": 0,
        "different": 0,
        "extra": None,
        "expected_checksum": "00000000000001fe",
        "found_checksum": "00000000000001fe",
        "refused_reasons": "expired=2",
    }


def test_a_day_is_verified_only_if_it_is_in_every_slice():
    wrong = DeviceDay("pump-1", "2025-11-24", 1, "00000000000000aa", 0, "0000000000000000", missing=1)
    # What is wrong in one slice is not made good by another one that is wrong the other way round.
    undone = DeviceDay("pump-1", "2025-11-24", 0, "0000000000000000", 1, "00000000000000aa")
    (row,) = rows(Copied(days=(wrong,)), Copied(days=(GOOD, undone)))
    assert (row["expected"], row["expected_checksum"]) == (row["found"], row["found_checksum"])
    assert row["verified"] is False


def test_rows_are_ordered_by_device_and_day():
    slices = Copied(days=(BAD, GOOD)), Copied(days=(DeviceDay("a", "2025-11-25", 1, "1", 1, "1"),))
    assert [(row["device"], row["day"]) for row in rows(*slices)] == [
        ("a", "2025-11-25"),
        ("pump-1", "2025-11-24"),
        ("pump-1", "2025-11-25"),
    ]


def test_totals_name_the_days_that_differ_and_only_them():
    totals = Totals()
    assert totals.verified
    totals.add(Copied(points=7, days=(GOOD, BAD), faults={"malformed": 1}, bad_lines=2))
    totals.add(Copied(points=1, days=(BAD,), faults={"malformed": 2}))
    assert (totals.points, totals.comparisons, totals.superseded, totals.faults) == (8, 3, 1, {"malformed": 3})
    assert [*totals.unverified] == [("pump-1", "2025-11-25")]
    assert totals.unverified["pump-1", "2025-11-25"].missing == 2
    assert totals.refused == {"expired": 1}
    assert not totals.verified


def test_points_that_the_target_refused_for_anything_but_their_age_are_no_success():
    totals = Totals()
    totals.add(Copied(days=(msgspec.structs.replace(GOOD, refused={"unstorable": 1}),)))
    assert not totals.verified
    (day,) = totals.document()["unverified"]
    assert (day["expected"], day["found"], day["refused"]) == (3, 3, {"unstorable": 1})


def test_what_only_the_target_holds_adds_up_where_every_slice_could_tell():
    whole, part = msgspec.structs.replace(GOOD, extra=2), GOOD
    (row,) = rows(Copied(days=(whole,)), Copied(days=(whole,)))
    assert (row["extra"], row["verified"]) == (4, True)
    (row,) = rows(Copied(days=(whole,)), Copied(days=(part,)))
    assert row["extra"] is None
    totals = Totals()
    totals.add(Copied(days=(whole, part)))
    totals.add(Copied(days=(whole,)))
    assert (totals.extra, totals.whole, totals.comparisons, totals.verified) == (4, 2, 3, True)
    assert (totals.document()["extra"], totals.document()["whole"]) == (4, 2)


def test_a_bad_line_is_no_failure_and_an_object_that_cannot_be_read_is():
    totals = Totals()
    totals.add(Copied(bad_lines=1, damage=(Damage("raw/a", "no JSON", 5),)))
    assert totals.verified
    totals.add(Copied(damage=(Damage("raw/a", "gone"),)))
    assert not totals.verified
    assert totals.unreadable == [Damage("raw/a", "gone")]


def test_bad_lines_are_named_up_to_a_bound_and_unreadable_objects_all():
    totals = Totals()
    for _ in range(3):
        totals.add(Copied(damage=tuple(Damage("raw/a", "no JSON", line) for line in range(60))))
    totals.add(Copied(damage=(Damage("raw/b", "gone"),)))
    assert (len(totals.bad), len(totals.unreadable)) == (MAX_BAD_LINES, 1)


POINTS = st.builds(
    Point,
    st.just("d"),
    st.sampled_from("ab"),
    st.integers(0, 9),
    st.floats(-1, 1),
    st.just("good"),
    st.booleans(),
    st.just(1),
)


@given(st.lists(st.lists(POINTS, max_size=4), max_size=4))
def test_the_sum_of_the_checksums_of_slices_is_the_checksum_of_all(slices):
    days = [
        Copied(
            days=(DeviceDay("d", "1970-01-01", len(some), str(Checksum.of(some)), len(some), str(Checksum.of(some))),)
        )
        for some in slices
    ]
    whole = str(Checksum.of(point for some in slices for point in some))
    assert [row["expected_checksum"] for row in rows(*days)] == [whole] * bool(slices)
