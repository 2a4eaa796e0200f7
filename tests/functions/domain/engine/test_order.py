"""Messages in any order within the hold are those of one ordered pass."""

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.domain.engine.inputs import Input
from functions.domain.engine.losses import HOUR_MS, Losses
from functions.domain.engine.order import MAX_BOOTS, MAX_HELD, MAX_HELD_BYTES, Held, Order, Place
from functions.domain.state import Boot

HOLD = 1_000
START = 100 * HOUR_MS
END = 10**15


def message(seq, at=0, boot="a", sent=None, **values):
    at = START + at
    return Input(boot, seq, at if sent is None else START + sent, at, ((at, values),) if values else ())


def order(**more):
    return Order(Losses(), HOLD, **more)


def seqs(ready):
    return [(one.boot, one.seq) for one in ready]


def numbers(ready):
    return [one.seq for one in ready]


def test_the_next_message_is_ready_at_once():
    it = order()
    assert numbers(it.take([message(0)])) == [0]
    assert numbers(it.take([message(1), message(2)])) == [1, 2]
    assert it.due is None


def test_a_message_behind_a_gap_waits_until_that_is_filled():
    it = order()
    assert numbers(it.take([message(0), message(2, 10, t=2.0), message(3, 11)])) == [0]
    assert it.due == START + 10 + HOLD
    ready = it.take([message(1, 20)])
    assert numbers(ready) == [1, 2, 3]
    assert ready[1].samples == ((START + 10, {"t": 2.0}),)
    assert it.due is None


def test_a_message_received_a_hold_later_shows_that_the_gap_is_given_up():
    it = order()
    it.take([message(0), message(2, 10)])
    assert numbers(it.take([message(4, 9 + HOLD)])) == []
    assert numbers(it.take([message(5, 10 + HOLD)])) == [2]
    assert numbers(it.take([message(3, 11 + HOLD)])) == [3, 4, 5]


def test_a_tick_shows_it_too():
    it = order()
    it.take([message(1, 10)])
    assert numbers(it.take([], START + 9 + HOLD)) == []
    assert numbers(it.take([], START + 10 + HOLD)) == [1]


def test_what_comes_of_a_gap_that_was_given_up_is_never_ready():
    it = order()
    it.take([message(0), message(3, 10)], START + 10 + HOLD)
    assert numbers(it.take([message(2, 20 + HOLD), message(1, 20 + HOLD), message(4, 21 + HOLD)])) == [4]


def test_what_is_repeated_is_ready_once():
    it = order()
    again = [message(0), message(0), message(2, 5), message(2, 6), message(2, 5)]
    assert numbers(it.take(again)) == [0]
    assert numbers(it.take([*again, message(1, 7), message(1, 8)])) == [1, 2]
    assert numbers(it.take(again)) == []


def test_another_boot_waits_for_stragglers_of_the_one_before():
    it = order()
    it.take([message(0)])
    assert numbers(it.take([message(0, 10, "b"), message(1, 11, "b")])) == []
    assert seqs(it.take([message(1, 12)])) == [("a", 1)]
    assert seqs(it.take([message(2, 10 + HOLD, "b")])) == [("b", 0), ("b", 1), ("b", 2)]
    assert numbers(it.take([message(2, 11 + HOLD, "a", sent=5)])) == []


def test_what_a_boot_still_waits_with_comes_before_the_next_one():
    it = order()
    it.take([message(0), message(2, 1), message(0, 2, "b"), message(1, 3, "b")])
    assert seqs(it.take([], START + 2 + HOLD)) == [("a", 2), ("b", 0), ("b", 1)]


def test_boots_come_in_the_order_in_which_they_were_sent():
    it = order()
    it.take([message(0)])
    it.take([message(0, 50, "b", sent=45), message(0, 51, "c", sent=20), message(1, 52, "c", sent=30)])
    assert seqs(it.take([], START + 50 + HOLD)) == [("c", 0), ("c", 1), ("b", 0)]


def test_the_backlog_of_earlier_boots_does_not_take_the_place_of_the_one_that_is_alive():
    it = order()
    it.take([message(0)])
    it.take([message(7, 50_000, "new"), message(8, 50_010, "new")], START + 51_000)
    backlog = [message(seq, 51_100 + seq, boot, sent=10_000 + seq) for boot in ("b", "c") for seq in range(5)]
    assert numbers(it.take(backlog, START + 60_000)) == []
    assert numbers(it.take([message(9, 60_010, "new")])) == [9]


def test_a_boot_whose_clock_was_behind_goes_on_once_its_time_is_newer():
    losses = Losses()
    it = Order(losses, HOLD)
    it.take([message(0, 5_000)])
    assert numbers(it.take([message(0, 6_000, "b", sent=4_000), message(1, 6_500, "b", sent=4_500)])) == []
    it.take([message(2, 7_000, "b", sent=5_000), message(3, 7_500, "b", sent=5_500)])
    assert seqs(it.take([], END)) == [("b", 2), ("b", 3)]
    assert sum(hour.lost for hour in losses.hours) == 0
    assert sum(hour.late for hour in losses.hours) == 2


def test_a_clock_that_runs_ahead_does_not_hold_up_the_boots_after_it():
    it = order()
    it.take([message(0, 0, sent=999_999)])
    assert numbers(it.take([message(0, 5_000, "b")], END)) == [0]


def test_of_two_agents_with_one_name_both_are_heard():
    it = order()
    both = [message(seq, 700 * seq + at, boot) for seq in range(20) for at, boot in enumerate("ab")]
    ready = [one for step in both for one in it.take([step])]
    ready += it.take([], END)
    assert sorted(seqs(ready)) == sorted((one.boot, one.seq) for one in both)


def test_a_device_that_was_heard_before_its_order_was_kept_goes_on_behind_what_was_seen():
    losses = Losses()
    places = [Place(one.boot, one.high + 1) for one in (Boot("a", 41, 1), Boot("b", 7, 1))]
    it = Order(losses, HOLD, places=places)
    assert seqs(it.take([message(8, 0, "b"), message(6, 1, "b")])) == [("b", 8)]
    assert sum(hour.lost for hour in losses.hours) == 0


def test_no_more_is_held_than_there_is_room_for():
    it = order()
    ready = it.take([message(seq, 1) for seq in range(1, MAX_HELD + 1)])
    assert (ready, len(it.held)) == ([], MAX_HELD)
    assert numbers(it.take([message(MAX_HELD + 2, 1)])) == [*range(1, MAX_HELD + 1)]
    assert numbers(it.take([message(MAX_HELD + 3, 1, text="x" * MAX_HELD_BYTES)])) == [MAX_HELD + 2, MAX_HELD + 3]
    assert it.held == []


def test_only_the_newest_boots_are_remembered():
    it = order()
    for at in range(3 * MAX_BOOTS):
        it.take([message(0, at * 10, f"b{at}")], START + at * 10 + HOLD)
        it.take([message(at, at * 10, f"old{at}", sent=-10)])
    assert len(it.places) == MAX_BOOTS
    assert it.places[-1].boot == f"b{3 * MAX_BOOTS - 1}"


@st.composite
def journeys(draw):
    """Messages of a few boots as they were sent, those of them that get lost, and how the rest comes."""
    sent, at = [], 0
    for boot in "abc"[: draw(st.integers(1, 3))]:
        # The second boot of a device's life waits for the first as every other does, if that was heard at all by then.
        at += 2 * HOLD if boot == "b" else draw(st.integers(1, 2 * HOLD))
        for seq in range(draw(st.integers(1, 8))):
            at += draw(st.integers(1, HOLD))
            sent.append(message(seq, at, boot, n=float(at)))
    lost = draw(st.sets(st.integers(1, len(sent) - 1))) if len(sent) > 1 else set()
    came = [one for index, one in enumerate(sent) if index not in lost]
    copies = [one for one in came for _ in range(draw(st.integers(1, 2)))]
    first = {(one.boot, one.seq): one.received_at + draw(st.integers(0, HOLD - 1)) for one in came}
    arrivals = []
    for one in copies:
        due = first.pop((one.boot, one.seq), None)
        arrivals.append((one.received_at + draw(st.integers(0, 5 * HOLD)) if due is None else due, one))
    ticks = [(START + draw(st.integers(0, at + 2 * HOLD)), None) for _ in range(draw(st.integers(0, 5)))]
    events = sorted([*arrivals, *ticks], key=lambda pair: pair[0])
    return came, events, draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))


def in_one_pass(messages):
    it = order()
    ready = [ready for one in messages for ready in it.take([one])]
    return ready + it.take([], END)


@settings(max_examples=150)
@given(journeys())
def test_any_order_within_the_hold_any_repetition_and_any_split_are_one_ordered_pass(journey):
    came, events, splits = journey
    it, ready, batch = order(), [], []
    for (at, one), split in zip(events, splits, strict=True):
        if one is None:
            ready += it.take(batch, at)
            batch = []
            continue
        batch.append(one)
        if split:
            ready += it.take(batch)
            batch = []
        # What was kept between two passes is all that is known.
        it = Order(Losses(), HOLD, places=it.places, sent=it.sent, held=it.held)
    ready += it.take(batch, END)
    assert ready == in_one_pass(came)


def test_what_is_held_is_kept_with_its_samples():
    it = order()
    one = message(3, 5, temperature=1.5, door=True, mode="eco", gone=None)
    it.take([one])
    (held,) = it.held
    assert isinstance(held, Held)
    assert held.input() == one
