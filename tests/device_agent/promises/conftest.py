import asyncio

import pytest

from tests.device_agent.promises.device import Device

PATIENCE_S = 60
"""The machine that tests run on may be slow; what is promised comes much sooner."""


@pytest.fixture
def device(tmp_path, credentials):
    device = Device(tmp_path, credentials)
    yield device
    device.kill()


@pytest.fixture
def at_last(device):
    """Wait until a condition holds; an agent that has ended meanwhile is a failure that shows what it said."""

    async def wait(condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                assert device.ended() is None, device.said()
                await asyncio.sleep(0.02)

    return wait
