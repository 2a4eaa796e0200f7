"""Kinds of sensor are found by name, loaded when they are used, and may come from an installed package."""

import asyncio
import subprocess
import sys
import textwrap
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from device_agent.errors import SensorError
from device_agent.sensors import third_party
from device_agent.sensors.driver import DriverSensor
from device_agent.sensors.guarded import READ_LIMIT_S
from device_agent.sensors.kinds import BUILT_IN, KINDS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "sensors.md"


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_kind_has_its_parser(kind):
    module, _, function = BUILT_IN[kind].partition(":")

    assert callable(getattr(import_module(f"device_agent.sensors.{module}"), function))
    assert kind in KINDS


def test_the_guide_describes_every_kind():
    text = DOCS.read_text()
    assert [kind for kind in BUILT_IN if f"`{kind}`" not in text] == []


def examples_of_the_guide():
    blocks = [block.partition("```")[0] for block in DOCS.read_text().split("```toml\n")[1:]]
    return [table for block in blocks for table in tomllib.loads(block).get("sensor", [])]


@pytest.mark.parametrize("table", examples_of_the_guide(), ids=lambda table: table["kind"])
def test_the_guides_examples_have_no_problems(parse, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "file" in table:
        Path(table["file"]).write_text(",".join(("time", *table["columns"])))
    assert parse(table.pop("kind"), **table)[1] == []


def test_an_unknown_kind_is_none():
    assert "bme281" not in KINDS
    with pytest.raises(KeyError):
        KINDS["bme281"]
    assert len(KINDS) == len(list(KINDS)) == len(BUILT_IN)


def loaded_by(script):
    script += "\nimport sys; print(chr(10).join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_drivers_and_libraries_that_nobody_uses_are_not_loaded():
    loaded = loaded_by("import device_agent.sensors.kinds")

    assert "device_agent.sensors.kinds" in loaded
    assert loaded.isdisjoint({"smbus2", "gpiozero", "lgpio", "importlib.metadata"})
    modules = {f"device_agent.sensors.{target.partition(':')[0]}" for target in BUILT_IN.values()}
    assert loaded.isdisjoint(modules)


@pytest.mark.parametrize("kind", ["bme280", "contact", "system"])
def test_parsing_a_table_loads_its_driver_alone_and_no_library(kind):
    loaded = loaded_by(
        "from pathlib import Path\n"
        "from contract import models\n"
        "from device_agent.config.table import Table\n"
        "from device_agent.sensors.kinds import KINDS\n"
        f"KINDS[{kind!r}](Table({{'pin': 4}}, Path('x'), '', []), 's', models.shipped()['machine'], ())"
    )

    assert f"device_agent.sensors.{kind}" in loaded
    assert loaded.isdisjoint({"smbus2", "gpiozero", "lgpio", "importlib.metadata", "device_agent.sensors.sht3x"})


# What follows installs distributions as pip would: a module, and beside it a .dist-info with its entry points.


@pytest.fixture
def install(tmp_path, monkeypatch):
    def install_(kind, code, *, module="fieldline_example", attribute="parse"):
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{third_party.GROUP}]\n{kind} = {module}:{attribute}\n")
        monkeypatch.syspath_prepend(tmp_path)
        third_party.installed.cache_clear()

    yield install_
    third_party.installed.cache_clear()
    sys.modules.pop("fieldline_example", None)


def example_of_the_guide():
    """The code block of docs/sensors.md that shows a driver of one's own."""
    blocks = [block.partition("```")[0] for block in DOCS.read_text().split("```python\n")[1:]]
    (example,) = [block for block in blocks if "def parse(" in block]
    return example


async def test_the_guides_sensor_in_ten_lines_works_as_an_installed_package(install, parse, host, tmp_path):
    code = example_of_the_guide()
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "from"))]) <= 10
    install("tank", code)
    level = tmp_path / "level"
    level.write_text("512\n")

    settings, problems = parse("tank", path=str(level), metrics={"level": "tank_level"})

    assert problems == []
    assert "tank" in list(KINDS)
    assert settings.metrics == ("tank_level",)
    sensor = settings.make(host(), None)
    assert isinstance(sensor, DriverSensor)
    assert (await sensor.read(0)).values == {"tank_level": pytest.approx(50.05, abs=0.01)}
    level.write_text("5120\n")
    with pytest.raises(SensorError, match="tank_level: expected a number from 0 up to 100 %"):
        await sensor.read(1000)
    sensor.close()


async def test_an_installed_drivers_values_can_be_calibrated(install, parse, host, tmp_path):
    install("tank", example_of_the_guide())
    (tmp_path / "level").write_text("1023\n")

    settings, problems = parse("tank", path=str(tmp_path / "level"), calibration={"level": {"offset": -1.5}})

    assert problems == []
    sensor = settings.make(host(), None)
    assert (await sensor.read(0)).values == {"level": 98.5}
    sensor.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import not_installed_anywhere", "ModuleNotFoundError"),
        ("def parse(:", "SyntaxError"),
        ("parse_ = 1", "AttributeError"),
        ("def parse(table): pass", "TypeError"),
        ("def parse(table, name, model, claimed): raise ValueError('no such pin')", "ValueError: no such pin"),
        ("def parse(table, name, model, claimed): return None", "AttributeError"),
        ("raise SystemExit(6)", "SystemExit: 6"),
        (
            "class S:\n    metrics = ('a',)\ndef parse(*args): return S()",
            "a driver whose parser returns SensorSettings",
        ),
    ],
)
def test_a_broken_driver_is_a_problem_of_the_configuration_and_no_crash(install, parse, host, code, said):
    install("broken", code)

    settings, problems = parse("broken")

    assert len(problems) == 1
    assert problems[0].startswith("kind: expected a driver")
    assert said in problems[0]
    with pytest.raises(SensorError):
        settings.make(host(), None)


def test_ours_cannot_be_replaced_by_a_package(install, parse):
    install("bme280", "def parse(*args): raise AssertionError")

    settings, problems = parse("bme280")

    assert problems == []
    assert settings.metrics == ("temperature", "humidity", "pressure")


OWN_SENSOR = """
    class Settings:
        metrics = ("wind",)
        def make(self, host, position):
            {make}
            return Sensor()

    class Sensor:
        interval_s = 2.0
        async def read(self, now):
            {read}
        def close(self):
            raise RuntimeError("close")

    def parse(table, name, model, claimed):
        return Settings()
"""


@pytest.fixture
def own(install, parse, host):
    """A sensor of a package that is no driver of ours."""

    def make(read="return None", make="pass"):
        install("wind", textwrap.dedent(OWN_SENSOR.format(read=read, make=make)))
        settings, problems = parse("wind")
        assert problems == []
        return settings.make(host(), None)

    return make


async def test_a_package_may_bring_a_sensor_of_its_own(own):
    sensor = own("from device_agent.sensors import Reading; return Reading(now, {'wind': 3.5}, position='7')")

    reading = await sensor.read(9)
    assert (reading.at, reading.values, reading.position) == (9, {"wind": 3.5}, "7")
    assert sensor.interval_s == 2.0


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("return {'wind': 3.5}", "expected a Reading or None"),
        ("return 3.5", "expected a Reading or None, got 3.5"),
        ("from device_agent.sensors import Reading; return Reading(1.5, {})", "expected a Reading or None"),
        ("from device_agent.sensors import Reading; return Reading(1, {}, quality='ok')", "expected a Reading or None"),
    ],
)
async def test_whatever_it_does_wrong_is_a_sensor_error(own, read, said):
    with pytest.raises(SensorError, match=said):
        await own(read).read(0)


async def test_one_that_never_answers_is_given_up_and_leaves_no_task_behind(own, clock):
    before = len(asyncio.all_tasks())
    reading = asyncio.create_task(own("import asyncio; await asyncio.Event().wait()").read(0))
    await clock.advance(READ_LIMIT_S)

    with pytest.raises(SensorError, match="hung: no answer within 60 s"):
        await reading
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


@pytest.mark.parametrize(("make", "said"), [("1 / 0", "ZeroDivisionError"), ("raise SystemExit(5)", "SystemExit: 5")])
def test_one_that_cannot_be_made_is_a_sensor_error(own, make, said):
    with pytest.raises(SensorError, match=f"s: {said}"):
        own(make=make)


def test_one_that_cannot_be_closed_is_let_go(own):
    own().close()
