"""Distance by an echo, at gpiozero's mock pins with the times of the edges given."""

import itertools

import pytest
from gpiozero.pins.mock import MockPWMPin
from gpiozero.pins.pi import PiPin
from hypothesis import given
from hypothesis import strategies as st

from device_agent import gpio
from device_agent.errors import SensorError
from device_agent.sensors.hcsr04 import HcSr04, HcSr04Settings, speed_of_sound


class EchoPin(MockPWMPin):
    """Its edges come at the times that they are told to."""

    at = 0.0

    def _call_when_changed(self):
        PiPin._call_when_changed(self, self.at, self._state)

    def pulse(self, start, seconds):
        self.at = start
        self.drive_high()
        self.at = start + seconds
        self.drive_low()


class TriggerPin(MockPWMPin):
    """At the end of a ping, the next of its echoes (seconds, or None for no echo) comes."""

    echo = None
    echoes = iter(())
    pings = 0

    def _set_state(self, value):
        ended = self._state and not value
        super()._set_state(value)
        if ended:
            self.pings += 1
            if (echo := next(self.echoes)) is not None:
                self.echo.pulse(100.0 * self.pings, echo)


@pytest.fixture
def ranging(host):
    """Makes a driver whose pings have these echoes; and its trigger pin."""
    drivers = []

    def make(*echoes, pings=1, air_temperature=20.0):
        device = host(pause=lambda seconds: None)
        factory = gpio.factory(device.gpio)
        trigger = factory.pin(23, pin_class=TriggerPin)
        trigger.echo = factory.pin(24, pin_class=EchoPin)
        trigger.echoes = itertools.chain(echoes, itertools.repeat(None))
        settings = HcSr04Settings(trigger=23, echo=24, air_temperature=air_temperature, pings=pings)
        drivers.append(HcSr04(settings, device, echo_wait_s=0.01))
        return drivers[-1], trigger

    yield make
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize(("celsius", "expected"), [(0, 331.3), (20, 343.2), (-20, 318.9), (40, 354.7)])
def test_sound_is_faster_in_warm_air(celsius, expected):
    assert speed_of_sound(celsius) == pytest.approx(expected, abs=0.1)


@given(temperatures=st.tuples(st.floats(-40, 85), st.floats(-40, 85)))
def test_sound_is_never_slower_in_warmer_air(temperatures):
    colder, warmer = sorted(temperatures)
    assert 290 < speed_of_sound(colder) <= speed_of_sound(warmer) < 385


def test_an_echo_after_ten_milliseconds_is_from_there_and_back(ranging):
    driver, trigger = ranging(0.01)

    assert driver.measure() == pytest.approx(1.716, abs=0.001)
    assert [state.state for state in trigger.states] == [0, 1, 0]


def test_the_airs_temperature_counts(ranging):
    assert ranging(0.01, air_temperature=0)[0].measure() == pytest.approx(1.6565, abs=0.0001)


def test_one_stray_echo_does_not_count(ranging):
    driver, trigger = ranging(0.0100, 0.0001, 0.0101, pings=3)

    assert driver.measure() == pytest.approx(0.01 * speed_of_sound(20) / 2)
    assert trigger.pings == 3


def test_one_missing_echo_of_three_is_no_harm_and_two_are_an_error(ranging):
    assert ranging(0.01, None, 0.01, pings=3)[0].measure() == pytest.approx(1.716, abs=0.001)
    with pytest.raises(SensorError, match="no echo to 2 of 3 pings"):
        ranging(None, 0.01, None, pings=3)[0].measure()


def test_a_fall_without_a_rise_is_no_echo(ranging):
    driver, trigger = ranging(None)
    trigger.echo.drive_high()
    original = trigger._set_state

    def fall(value):
        original(value)
        if not value:
            trigger.echo.drive_low()

    trigger._set_state = fall
    with pytest.raises(SensorError, match="no echo"):
        driver.measure()


async def test_what_is_beyond_the_sensors_reach_is_a_fault(host, made):
    device = host(pause=lambda seconds: None)
    factory = gpio.factory(device.gpio)
    trigger = factory.pin(23, pin_class=TriggerPin)
    trigger.echo = factory.pin(24, pin_class=EchoPin)
    trigger.echoes = itertools.cycle([0.038])
    sensor = made("hc-sr04", on=device, trigger_pin=23, echo_pin=24)

    with pytest.raises(SensorError, match=r"distance: expected a number from 0.02 up to 4 m, got 6.5"):
        await sensor.read(0)
    trigger.echoes = itertools.cycle([0.002])
    assert (await sensor.read(1000)).values == {"distance": pytest.approx(0.3432, abs=0.0001)}


def test_a_pin_cannot_ping_and_listen(parse):
    assert parse("hc-sr04", trigger_pin=23, echo_pin=23)[1] == [
        "echo_pin: expected another pin than trigger_pin, got 23"
    ]
