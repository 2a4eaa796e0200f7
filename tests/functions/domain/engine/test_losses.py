from functions.domain.engine.inputs import Input
from functions.domain.engine.losses import HOUR_MS, MAX_GAPS, MAX_HOURS, Gap, Hour, HourlyLoss, Losses
from functions.domain.engine.order import Order

HOLD = 1_000
START = 100 * HOUR_MS
END = 10**15


def message(seq, at=0, boot="a"):
    return Input(boot, seq, START + at, START + at)


def after(*messages):
    losses = Losses()
    it = Order(losses, HOLD)
    for one in messages:
        it.take([one])
    it.take([], END)
    return losses


def test_what_a_gap_hides_is_lost_once_nobody_waits_for_it():
    assert after(message(0), message(5, 10)).hours == (Hour(START, received=2, lost=4),)
    assert after(message(0), message(2, 10), message(1, 20)).hours == (Hour(START, received=3),)


def test_what_comes_of_a_gap_after_all_is_late_and_lost_no_more():
    came = after(message(0), message(5, 10), message(6, 10 + HOLD), message(2, 20 + HOLD))
    assert came.hours == (Hour(START, received=4, late=1, lost=3),)
    assert came.gaps == (Gap("a", 1, 1, START), Gap("a", 3, 4, START))


def test_it_is_taken_off_the_hour_in_which_it_was_missed():
    came = after(message(0), message(2, 10), message(3, HOUR_MS), message(1, HOUR_MS + 1))
    assert came.hours == (Hour(START, received=2), Hour(START + HOUR_MS, received=2, late=1))


def test_a_copy_of_what_came_late_takes_nothing_off():
    losses = after(message(0), message(3, 10), message(4, 10 + HOLD), message(1, 20 + HOLD))
    losses.late("a", 1, START)
    assert losses.hours[0].lost == 1


def test_the_first_messages_of_a_boot_may_be_lost_too():
    assert after(message(3)).hours == (Hour(START, received=1, lost=3),)


def test_two_days_and_the_newest_gaps_are_kept():
    losses = Losses()
    for at in range(2 * MAX_HOURS):
        losses.lost("a", 10 * at, 10 * at + 1, START + at * HOUR_MS)
    assert len(losses.hours) == MAX_HOURS
    assert losses.hours[0].hour == START + MAX_HOURS * HOUR_MS
    assert len(losses.gaps) == MAX_GAPS
    losses.late("a", 10 * (2 * MAX_HOURS - 1), END)
    assert losses.hours[-2].lost == 1


def test_a_share_is_that_of_what_was_sent():
    assert HourlyLoss(hour=0, received=30, late=10, lost=10).share == 0.25
    assert HourlyLoss(hour=0).share == 0.0
