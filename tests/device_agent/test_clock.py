import asyncio
import os
import subprocess
import sys
from pathlib import Path

from device_agent import clock as clock_module
from device_agent.clock import ManualClock, SystemClock
from device_agent.time.kernel import is_synchronised


async def test_sleepers_wake_in_the_order_of_the_time_due(clock):
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    tasks = [asyncio.ensure_future(sleeper(seconds)) for seconds in (3, 1, 2)]
    await clock.advance(2.5)
    assert woken == [(1, 1), (2, 2)]
    await clock.advance(0.5)
    await asyncio.gather(*tasks)
    assert woken[-1] == (3, 3)


async def test_who_sleeps_again_while_time_passes_wakes_again_within_it(clock):
    woken = []

    async def ticker():
        while True:
            await clock.sleep(1)
            woken.append(clock.monotonic())

    task = asyncio.ensure_future(ticker())
    await clock.advance(3)
    task.cancel()
    assert woken == [1, 2, 3]


async def test_setting_the_wall_clock_leaves_elapsed_time_alone():
    clock = ManualClock(1_000_000, boot_ms=500)
    await clock.advance(2)
    assert (clock.wall_ms(), clock.monotonic(), clock.boot_ms()) == (1_002_000, 2, 2_500)
    clock.set_wall_ms(5_000)
    assert (clock.wall_ms(), clock.monotonic(), clock.boot_ms()) == (5_000, 2, 2_500)
    await clock.advance(1)
    assert (clock.wall_ms(), clock.monotonic(), clock.boot_ms()) == (6_000, 3, 3_500)


async def test_a_reboot_starts_boot_time_anew_under_another_id_and_knows_no_time():
    clock = ManualClock()
    before = clock.machine_boot()
    await clock.advance(100)
    clock.reboot(wall_ms=7_000)
    await clock.advance(1)
    assert (clock.boot_ms(), clock.wall_ms(), clock.monotonic()) == (1_000, 8_000, 101)
    assert clock.machine_boot() != before
    assert not clock.kernel_synced()


def test_the_system_clock_is_in_milliseconds_since_the_epoch():
    assert 1_700_000_000_000 < SystemClock().wall_ms() < 4_000_000_000_000


def test_boot_time_is_the_kernels_uptime_in_milliseconds():
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(SystemClock().boot_ms() - 1000 * uptime_s) < 1000


def test_two_processes_of_one_boot_name_the_machines_boot_alike():
    other = subprocess.run(
        [sys.executable, "-c", "from device_agent.clock import SystemClock; print(SystemClock().machine_boot())"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(clock_module.__file__).parents[1])},
    )
    assert other.stdout.strip() == SystemClock().machine_boot()


def test_without_a_boot_id_the_moment_of_booting_stands_for_it(tmp_path):
    name = clock_module._machine_boot(tmp_path / "none")
    assert name.startswith("booted-")
    assert name == clock_module._machine_boot(tmp_path / "none")


def test_the_kernel_is_asked_whether_its_clock_is_kept():
    assert SystemClock().kernel_synced() is is_synchronised()


def test_where_the_kernel_must_not_be_asked_the_mark_of_timesyncd_tells(tmp_path, monkeypatch):
    def forbidden():
        raise PermissionError(1, "adjtimex: Operation not permitted")

    monkeypatch.setattr("device_agent.time.kernel.is_synchronised", forbidden)
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock_module, "_TIMESYNCD_MARK", mark)
    assert SystemClock().kernel_synced() is False
    mark.touch()
    assert SystemClock().kernel_synced() is True


def test_asking_for_the_time_loads_no_ctypes():
    code = "import sys; from device_agent.clock import SystemClock as C; C().boot_ms(); print('ctypes' in sys.modules)"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(clock_module.__file__).parents[1])},
    )
    assert other.stdout.strip() == "False"
