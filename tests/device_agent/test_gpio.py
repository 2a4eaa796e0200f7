"""The pins' factory is chosen by the configuration, made once for an agent, and shared by who needs pins."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from device_agent import gpio
from device_agent.config.table import Table
from device_agent.errors import GpioError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def parse():
    def parse_(**values):
        problems = []
        table = Table(values, Path("agent.toml"), "gpio.", problems)
        settings = gpio.parse(table)
        table.finish()
        return settings, [str(problem).removeprefix("agent.toml: ") for problem in problems]

    return parse_


def test_without_a_table_it_is_lgpio_and_the_boards_chip(parse):
    settings, problems = parse()

    assert problems == []
    assert (settings.factory, settings.chip) == ("lgpio", None)


def test_a_chip_is_for_lgpio_alone(parse):
    assert parse(chip=4)[0].chip == 4
    assert parse(factory="mock", chip=4)[1] == [
        """gpio.chip: expected no chip, or factory = "lgpio", got chip 4 with factory 'mock'"""
    ]


def test_a_factory_that_is_not_installed_is_a_problem_that_names_those_that_are(parse):
    (problem,) = parse(factory="lgpoi")[1]

    assert problem.startswith("gpio.factory: expected one of lgpio, mock, native")
    assert problem.endswith("got 'lgpoi'")


def test_parsing_loads_no_library():
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from device_agent import gpio\nfrom device_agent.config.table import Table\n"
        "gpio.parse(Table({}, Path('x'), '', [])); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"gpiozero", "lgpio", "importlib.metadata"}.isdisjoint(loaded.stdout.split())


def test_sensors_and_actuators_of_an_agent_share_a_factory_and_two_agents_do_not(parse):
    one, other = parse(factory="mock")[0], parse(factory="mock")[0]

    assert gpio.factory(one) is gpio.factory(one)
    assert gpio.factory(one) is not gpio.factory(other)


def test_a_pin_that_is_taken_is_known_to_everybody_with_the_same_factory(parse):
    from gpiozero import OutputDevice
    from gpiozero.exc import GPIOPinInUse

    settings = parse(factory="mock")[0]
    first = OutputDevice(4, pin_factory=gpio.factory(settings))
    with pytest.raises(GPIOPinInUse):
        OutputDevice(4, pin_factory=gpio.factory(settings))
    first.close()


def test_the_mock_pins_take_pwm_as_the_real_ones_do(parse):
    from gpiozero import PWMOutputDevice

    device = PWMOutputDevice(18, pin_factory=gpio.factory(parse(factory="mock")[0]))
    device.value = 0.25
    assert device.pin.state == 0.25
    device.close()


def test_threads_that_ask_at_once_get_the_same(parse):
    settings = parse(factory="mock")[0]
    found = []
    threads = [threading.Thread(target=lambda: found.append(gpio.factory(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in found}) == 1


def test_after_a_close_the_pins_are_free_and_a_new_factory_is_made(parse):
    settings = parse(factory="mock")[0]
    before = gpio.factory(settings)

    gpio.close(settings)
    gpio.close(settings)

    assert gpio.factory(settings) is not before


def test_pins_that_cannot_be_reached_are_an_error_and_the_next_try_starts_anew(parse):
    """The real lgpio, asked for a chip that is not there."""
    settings = parse(chip=63)[0]
    for _ in range(2):
        with pytest.raises(GpioError, match=r"the pins cannot be reached by lgpio: .* may this user open it"):
            gpio.factory(settings)


def test_lgpio_leaves_nothing_in_the_working_directory_and_does_not_need_to_write_there(tmp_path):
    """Importing lgpio opens a pipe in the working directory; that of a hardened service is read-only."""
    script = (
        "from device_agent import gpio; from device_agent.errors import GpioError; import os\n"
        "try: gpio.factory(gpio.GpioSettings(chip=63))\n"
        "except GpioError: pass\n"
        "import lgpio\n"
        "print(os.getcwd(), lgpio._notify_thread.is_alive())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [str(tmp_path), "True"]
    assert list(tmp_path.iterdir()) == []


def test_a_factory_of_another_package_can_be_chosen(parse, tmp_path, monkeypatch):
    (tmp_path / "other_pins.py").write_text(
        "class Factory:\n    closed = False\n    def close(self): self.closed = True\n"
    )
    info = tmp_path / "other_pins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-pins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{gpio.GROUP}]\nother = other_pins:Factory\n")
    monkeypatch.syspath_prepend(tmp_path)

    settings, problems = parse(factory="other")

    assert problems == []
    made = gpio.factory(settings)
    assert type(made).__name__ == "Factory"
    gpio.close(settings)
    assert made.closed
