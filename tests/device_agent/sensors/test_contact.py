"""Contacts and motion at gpiozero's mock pins."""

import pytest

from device_agent import gpio
from device_agent.errors import SensorError


@pytest.fixture
def device(host):
    """A host, and its pins by their numbers."""
    made = host()
    return made, lambda number: gpio.factory(made.gpio).pin(number)


def blink(pin, times):
    for _ in range(times):
        pin.drive_low()
        pin.drive_high()


async def test_a_contact_to_ground_is_closed_while_its_pulled_up_pin_is_low(device, made):
    on, pin = device
    sensor = made("contact", on=on, pin=4)

    assert (await sensor.read(0)).values == {"closed": False}
    assert pin(4).pull == "up"
    pin(4).drive_low()
    assert (await sensor.read(1000)).values == {"closed": True}
    pin(4).drive_high()
    assert (await sensor.read(2000)).values == {"closed": False}


@pytest.mark.parametrize(
    ("options", "closed_when"),
    [
        ({"pull": "up"}, "low"),
        ({"pull": "down"}, "high"),
        ({"pull": "none"}, "high"),
        ({"pull": "up", "closed_when": "high"}, "high"),
        ({"pull": "down", "closed_when": "low"}, "low"),
        ({"pull": "none", "closed_when": "low"}, "low"),
    ],
)
async def test_every_wiring_has_its_level(device, made, options, closed_when):
    on, pin = device
    sensor = made("contact", on=on, pin=17, count=True, **options)
    await sensor.read(0)
    assert pin(17).pull == {"up": "up", "down": "down", "none": "floating"}[options["pull"]]

    for level in ("high", "low", "high"):
        getattr(pin(17), f"drive_{level}")()
        assert (await sensor.read(0)).values["closed"] is (level == closed_when)
    await sensor.read(0)
    getattr(pin(17), f"drive_{'low' if closed_when == 'high' else 'high'}")()
    getattr(pin(17), f"drive_{closed_when}")()
    assert (await sensor.read(0)).values["count"] == 1


async def test_closings_between_two_readings_are_counted_once(device, made):
    on, pin = device
    sensor = made("contact", on=on, pin=4, count=True, scale=0.2794, unit="mm", metrics={"count": "rain"})
    await sensor.read(0)
    counts = []
    for times in (5, 0, 2):
        blink(pin(4), times)
        counts.append((await sensor.read(0)).values["rain"])

    assert counts == pytest.approx([5 * 0.2794, 0, 2 * 0.2794])


async def test_bouncing_is_left_to_the_pin(device, made):
    on, pin = device
    await made("contact", on=on, pin=4, bounce_s=0.05).read(0)
    assert pin(4).bounce == 0.05


async def test_a_movement_is_seen_even_if_it_ended_before_the_reading(device, made):
    on, pin = device
    sensor = made("motion", on=on, pin=22)
    assert (await sensor.read(0)).values == {"motion": False}

    pin(22).drive_high()
    pin(22).drive_low()

    assert (await sensor.read(1000)).values == {"motion": True}
    assert (await sensor.read(2000)).values == {"motion": False}
    pin(22).drive_high()
    assert [(await sensor.read(3000)).values["motion"] for _ in range(3)] == [True, True, True]


async def test_a_pin_that_something_else_uses_is_an_error_that_names_it(device, made):
    on, _ = device
    first = made("motion", on=on, pin=22)
    await first.read(0)

    second = made("contact", on=on, pin=22)
    with pytest.raises(SensorError, match=r"GPIOPinInUse: .*GPIO22"):
        await second.read(0)
    first.close()
    assert (await second.read(60_000)).values == {"closed": False}


async def test_a_device_without_pins_is_an_error_and_no_crash(host, made):
    device = host(gpio=gpio.GpioSettings(chip=63))
    with pytest.raises(SensorError, match="the pins cannot be reached by lgpio"):
        await made("contact", on=device, pin=4).read(0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "pin: expected an integer from 0 to 27, got nothing"),
        ({"pin": 40}, "pin: expected an integer from 0 to 27, got 40"),
        ({"pin": 4, "pull": "sideways"}, "pull: expected one of up, down, none"),
        ({"pin": 4, "scale": 2}, "scale: expected one of"),  # without count
    ],
)
def test_what_cannot_be_wired_is_a_problem(parse, options, problem):
    _, problems = parse("contact", **options)
    assert any(one.startswith(problem) for one in problems), problems
