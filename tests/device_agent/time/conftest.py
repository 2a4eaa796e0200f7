import pytest

from tests.device_agent.time.timed_device import Device


@pytest.fixture
def device(log):
    return Device(log)


@pytest.fixture
async def unsynced(device):
    """A device without a battery-backed clock that has just been booted."""
    device.clock.reboot(wall_ms=0)
    return await device.start()
