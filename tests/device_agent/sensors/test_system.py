"""How the machine is doing, read from files laid out as a Raspberry Pi's, and from this machine's own."""

import os
from pathlib import Path

import pytest

from device_agent.errors import SensorError

MEMINFO = """MemTotal:        3884360 kB
MemFree:          100000 kB
MemAvailable:    2913270 kB
Buffers:           10000 kB
"""
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
  eth0: 5000 50 0 0 0 0 0 0 600 6 0 0 0 0 0 0
 wlan0:70000 70 0 0 0 0 0 0 800 8 0 0 0 0 0 0
"""
WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   56.  -54.  -256        0      0      0      0      0        0
"""
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.fixture
def pi(tmp_path):
    """Lays a Raspberry Pi's files out; takes others in place of them, or None for one that is not there."""

    def write(changed=None):
        files = {
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "proc/loadavg": "0.52 1.25 2.00 2/512 12345\n",
            "proc/meminfo": MEMINFO,
            "proc/uptime": "123456.78 400000.00\n",
            "proc/net/dev": NET_DEV,
            "proc/net/wireless": WIRELESS,
            FIRMWARE: "0\n",
            **(changed or {}),
        }
        for path, text in files.items():
            if text is not None:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text)
            elif (tmp_path / path).exists():
                (tmp_path / path).unlink()

    write()
    return write


async def test_every_reading_of_a_well_pi(pi, made, tmp_path):
    values = dict((await made("system", model="tracker").read(0)).values)
    disk = os.statvfs(tmp_path)

    assert values.pop("disk_used") == pytest.approx(
        100 * (disk.f_blocks - disk.f_bfree) / (disk.f_blocks - disk.f_bfree + disk.f_bavail), abs=0.5
    )
    assert values.pop("disk_free") == pytest.approx(disk.f_bavail * disk.f_frsize / 2**20, rel=0.05, abs=100)
    assert values == {
        "cpu_temperature": 48.3,
        "load_1": 0.52,
        "load_5": 1.25,
        "load_15": 2.0,
        "memory_used": 25.0,
        "uptime": 123_457.0,
        "throttled": False,
        "under_voltage": False,
        "wifi_signal": -54.0,
        "network_received": 75_000.0,
        "network_sent": 1400.0,
    }


@pytest.mark.parametrize(
    ("bits", "throttled", "under_voltage"),
    [
        ("0", False, False),
        ("1", False, True),
        ("2", True, False),
        ("4", True, False),
        ("8", True, False),
        ("10000", False, True),
        ("50000", False, True),
        ("50005", True, True),
        ("e0000", False, False),
    ],
)
async def test_the_firmwares_bits(pi, made, bits, throttled, under_voltage):
    pi({FIRMWARE: f"{bits}\n"})

    values = (await made("system", readings=["throttled", "under_voltage"]).read(0)).values

    assert values == {"throttled": throttled, "under_voltage": under_voltage}


async def test_the_directory_of_a_pi_5_is_found_too(pi, made):
    pi({FIRMWARE: None, "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "4\n"})

    assert (await made("system", readings=["throttled"]).read(0)).values == {"throttled": True}


@pytest.mark.parametrize(("alarm", "expected"), [("0", False), ("1", True)])
async def test_a_kernel_that_tells_under_voltage_by_hwmon_only(pi, made, alarm, expected):
    pi(
        {
            FIRMWARE: None,
            "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
            "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
            "sys/class/hwmon/hwmon1/in0_lcrit_alarm": f"{alarm}\n",
        }
    )

    reading = await made("system", readings=["throttled", "under_voltage"]).read(0)

    assert reading.values == {"under_voltage": expected}
    assert reading.faults == {}


async def test_what_a_machine_does_not_have_is_no_fault(pi, made, tmp_path):
    pi({FIRMWARE: None, "proc/net/wireless": None, "sys/class/thermal/thermal_zone0/temp": None})
    (tmp_path / "sys/class/thermal/thermal_zone0/type").unlink()
    (tmp_path / "sys/class/thermal/thermal_zone0").rmdir()
    names = ["uptime", "cpu_temperature", "throttled", "under_voltage", "wifi_signal"]
    reading = await made("system", readings=names).read(0)

    assert reading.values == {"uptime": 123_457.0}
    assert reading.faults == {}


async def test_the_zone_can_be_chosen_and_must_then_be_there(pi, made):
    pi({"sys/class/thermal/thermal_zone1/temp": "60000\n", "sys/class/thermal/thermal_zone1/type": "board\n"})

    assert (await made("system", readings=["cpu_temperature"], zone="board").read(0)).values == {
        "cpu_temperature": 60.0
    }
    with pytest.raises(SensorError, match="there is no device 'gpu'"):
        await made("system", readings=["cpu_temperature"], zone="gpu").read(0)


async def test_wifi_that_is_down_has_no_signal(pi, made):
    pi({"proc/net/wireless": "\n".join(WIRELESS.splitlines()[:2]) + "\n"})

    assert (await made("system", readings=["uptime", "wifi_signal"]).read(0)).values == {"uptime": 123_457.0}


async def test_one_interface_can_be_chosen(pi, made):
    names = ["network_received", "network_sent"]
    assert (await made("system", readings=names, network="eth0").read(0)).values == {
        "network_received": 5000.0,
        "network_sent": 600.0,
    }
    with pytest.raises(SensorError, match="there is no network interface 'eth7'"):
        await made("system", readings=names, network="eth7").read(0)


async def test_a_file_that_is_rubbish_is_a_fault_of_its_reading_alone(pi, made):
    pi({"proc/loadavg": "rubbish\n", FIRMWARE: "zz\n", "proc/meminfo": "MemTotal: 1 kB\n"})
    reading = await made("system", readings=["load_1", "throttled", "memory_used", "uptime"]).read(0)

    assert reading.values == {"uptime": 123_457.0}
    assert set(reading.faults) == {"load_1", "throttled", "memory_used"}


async def test_a_disk_that_is_not_there_is_a_fault(pi, made):
    reading = await made("system", readings=["uptime", "disk_used"], disk="/mnt/usb").read(0)
    assert "mnt/usb: No such file or directory" in reading.faults["disk_used"]


async def test_this_machine_itself(host, made):
    """The real /proc and /, whatever hardware this runs on."""
    readings = ["load_1", "memory_used", "disk_used", "disk_free", "uptime", "network_received"]
    reading = await made("system", on=host(root=Path("/")), readings=readings).read(0)

    assert reading.faults == {}
    assert set(reading.values) == set(readings)
