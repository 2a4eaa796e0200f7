from collections import deque
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.running_mean import RunningMean


@given(st.lists(st.none() | st.integers(-(10**6), 10**6)))
def test_it_is_the_mean_of_what_is_in_it(steps):
    """None takes the oldest out."""
    mean, window = RunningMean(), deque()
    for step in steps:
        if step is not None:
            mean.add(float(step))
            window.append(step)
        elif window:
            mean.drop_oldest()
            window.popleft()
        if window:
            assert mean.value() == pytest.approx(float(Fraction(sum(window), len(window))))


def test_nothing_has_no_mean_and_no_oldest():
    mean = RunningMean()
    mean.add(1.0)
    mean.clear()
    with pytest.raises(ZeroDivisionError):
        mean.value()
    with pytest.raises(IndexError):
        mean.drop_oldest()
