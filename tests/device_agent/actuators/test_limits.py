import pytest

from device_agent.actuators.limits import Limits, Permit, interlock_refusal, min_cycle_refusal, permit_refusal


@pytest.mark.parametrize(
    ("permit", "value", "reason"),
    [
        (Permit("t", minimum=1, maximum=2), 1.5, None),
        (Permit("t", minimum=1, maximum=2), 1, None),
        (Permit("t", minimum=1), 0.5, "t is 0.5, below 1"),
        (Permit("t", maximum=2), 2.5, "t is 2.5, above 2"),
        (Permit("t", maximum=2), float("nan"), "t is nan, above 2"),
        (Permit("t", minimum=2), float("nan"), "t is nan, below 2"),
        (Permit("t", minimum=0), True, "t is true, not a number"),
        (Permit("t", minimum=0), "high", "t is 'high', not a number"),
        (Permit("t", equals=True), True, None),
        (Permit("t", equals=True), 1, "t is 1, not true"),
        (Permit("t", equals=True), False, "t is false, not true"),
        (Permit("t", equals="closed"), "open", "t is 'open', not 'closed'"),
    ],
)
def test_a_permit_is_given_by_a_value_within_its_bounds(permit, value, reason):
    assert permit.refusal({"t": (1000, value)}, 1000) == reason


def test_a_permit_is_not_given_by_a_value_that_is_too_old_or_unknown():
    permit = Permit("t", maximum=2, within_s=5)
    assert permit.refusal({"t": (0, 1.0)}, 5000) is None
    assert permit.refusal({"t": (0, 1.0)}, 5001) == "t was last known 5 s ago, more than 5 s"
    assert permit.refusal({}, 0) == "t is not known"


def test_every_permit_must_be_given():
    limits = Limits(permits=(Permit("a", maximum=1), Permit("b", maximum=1)))
    assert permit_refusal(limits, {"a": (0, 0.0), "b": (0, 2.0)}, 0) == "b is 2, above 1"
    assert permit_refusal(limits, {"a": (0, 0.0), "b": (0, 1.0)}, 0) is None


def test_a_minimum_cycle_ends_to_the_millisecond():
    limits = Limits(min_cycle_s=10)
    assert min_cycle_refusal(limits, 0, 9_999) == "it changed 10.0 s ago and may again in 0.0 s"
    assert min_cycle_refusal(limits, 0, 10_000) is None


def test_an_interlock_names_who_is_on():
    limits = Limits(interlock=frozenset({"a", "b", "c"}))
    assert interlock_refusal(limits, {"a": True, "b": False, "c": True}) == "interlocked with a and c, which is on"
    assert interlock_refusal(limits, {"a": False, "b": False, "c": False}) is None
