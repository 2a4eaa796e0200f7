"""A task that runs beside a test."""

import asyncio
from contextlib import asynccontextmanager


@asynccontextmanager
async def running(*coroutines):
    """Run them until the block ends; what one raises is raised then."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
