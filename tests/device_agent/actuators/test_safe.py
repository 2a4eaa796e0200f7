from gpiozero import DigitalOutputDevice
from gpiozero.pins.mock import MockFactory

from device_agent.actuators.making import safe_plan
from device_agent.actuators.safe import drive

from .conftest import motor, relay, valve


class Time:
    def __init__(self):
        self.now = 0.0
        self.due = []

    def sleep(self, seconds):
        self.now += seconds
        for at, act in list(self.due):
            if self.now >= at:
                self.due.remove((at, act))
                act()


def driven(factory, time, *settings, give_up_s=1.0):
    return drive(
        [safe_plan(one) for one in settings],
        factory,
        give_up_s=give_up_s,
        monotonic=lambda: time.now,
        sleep=time.sleep,
    )


def test_everything_is_driven_at_once_and_what_travels_is_waited_for():
    factory, time = MockFactory(pin_class="mockpwmpin"), Time()
    seen = []
    time.due.append((1.0, lambda: seen.append([float(factory.pin(pin).state) for pin in (17, 5, 6)])))
    held = driven(factory, time, relay(active_high=False), valve(), motor())
    assert held.problems == {}
    assert seen == [[1.0, 0.0, 1.0]]
    assert time.now >= 10.0
    assert [float(factory.pin(pin).state) for pin in (17, 5, 6)] == [1.0, 0.0, 0.0]


def test_a_line_that_is_taken_is_tried_until_it_is_free():
    factory, time = MockFactory(pin_class="mockpwmpin"), Time()
    other = DigitalOutputDevice(17, initial_value=True, pin_factory=factory)
    time.due.append((0.5, other.close))
    held = driven(factory, time, relay())
    assert held.problems == {}
    assert factory.pin(17).state == 0
    assert 0.5 <= time.now < 0.6


def test_a_line_that_stays_taken_is_given_up_and_the_others_are_safe():
    factory, time = MockFactory(pin_class="mockpwmpin"), Time()
    other = DigitalOutputDevice(17, initial_value=True, pin_factory=factory)
    held = driven(factory, time, relay(), motor())
    assert list(held.problems) == ["relay"]
    assert held.problems["relay"].startswith("pin 17 cannot be claimed: ")
    assert 1.0 <= time.now < 1.1
    assert factory.pin(12).function == "output"
    other.close()
