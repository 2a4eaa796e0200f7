from hypothesis import given
from hypothesis import strategies as st

from cli.backfill.planning import DAY_MS, PIECE_BYTES, PIECE_DEVICES, Move, plan
from contract.backfill import MAX_PIECE_ITEMS, LakeObject, Listing

LAKE = Move("lake", "new", 0, 10 * DAY_MS)
STORE = Move("old", "new", DAY_MS + 5, 4 * DAY_MS)


@given(st.lists(st.integers(1, PIECE_BYTES * 2), max_size=50))
def test_every_object_is_in_one_piece_in_the_order_of_time(sizes):
    objects = tuple(LakeObject(f"raw/{at:04d}", size) for at, size in enumerate(sizes))
    whole = plan(LAKE, [Listing(objects=objects[:7], cursor="c"), Listing(objects=objects[7:])])
    assert [key for one in whole.pieces for key in one.piece.objects] == [one.key for one in objects]
    assert whole.size == sum(sizes)
    assert all(one.size <= PIECE_BYTES or len(one.piece.objects) == 1 for one in whole.pieces)


def test_many_small_objects_are_as_many_as_a_piece_may_name():
    objects = tuple(LakeObject(f"raw/{at:05d}", 1) for at in range(2 * MAX_PIECE_ITEMS + 1))
    pieces = plan(LAKE, [Listing(objects=objects)]).pieces
    assert [len(one.piece.objects) for one in pieces] == [MAX_PIECE_ITEMS, MAX_PIECE_ITEMS, 1]


def test_an_object_that_is_listed_twice_is_moved_once():
    page = Listing(objects=(LakeObject("raw/a", 1), LakeObject("raw/b", 1)))
    assert [one.piece.objects for one in plan(LAKE, [page, page]).pieces] == [("raw/a", "raw/b")]


def test_of_a_store_a_piece_is_a_day_of_some_devices_day_by_day():
    devices = tuple(f"d-{at:03d}" for at in range(PIECE_DEVICES + 1))
    whole = plan(STORE, [Listing(devices=devices[5:], cursor="c"), Listing(devices=devices[:10])])
    assert [(one.piece.day // DAY_MS, len(one.piece.devices)) for one in whole.pieces] == [
        (day, count) for day in (1, 2, 3) for count in (PIECE_DEVICES, 1)
    ]
    assert whole.pieces[0].piece.devices + whole.pieces[1].piece.devices == devices
    assert (whole.devices, whole.days, whole.size) == (len(devices), 3, 3 * len(devices))


def test_days_that_no_store_keeps_any_more_are_left_out():
    whole = plan(Move("old", "new", 0, 5 * DAY_MS), [Listing(devices=("d",), oldest=3 * DAY_MS + 7)])
    assert [one.piece.day // DAY_MS for one in whole.pieces] == [3, 4]
    assert whole.oldest == 3 * DAY_MS + 7


def test_nothing_to_move_is_no_piece():
    assert plan(LAKE, [Listing()]).pieces == ()
    assert plan(STORE, [Listing()]).pieces == ()
