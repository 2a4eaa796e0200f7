"""Both protocols on one loopback port: a request with X-Amz-Target is LiveAnalytics', any other InfluxDB's."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from local.ministack_guard import refusal
from local.timestream import influx
from local.timestream.engine import Engine
from local.timestream.liveanalytics import LiveAnalytics

LOOPBACK = "127.0.0.1"
MAX_BODY = 32 * 1024 * 1024
THREADS = 32
_EXPIRE_S = 3600.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def serving(directory: Path, port: int, *, closed_account: bool = False) -> AsyncIterator[int]:
    """The server runs meanwhile; gives its port, which port 0 leaves to the system. Raises EngineError, OSError."""
    loop = asyncio.get_running_loop()
    # A write waits in its thread for the disk, with all that come meanwhile: together they wait once.
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "timestream"))
    engine = await asyncio.to_thread(Engine, directory)
    live = LiveAnalytics(engine, closed=closed_account)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_no_pages])
    app.router.add_post("/", live.handle)
    app.router.add_routes(influx.routes(engine, directory))
    # InfluxDB's front inflates bodies itself, within its own bounds and with its own errors.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, auto_decompress=False)
    expiring = asyncio.create_task(_expire_now_and_then(live))
    try:
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, port, backlog=512)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        expiring.cancel()
        await asyncio.gather(expiring, return_exceptions=True)
        await runner.cleanup()
        await asyncio.to_thread(engine.close)


@web.middleware
async def _no_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Any page in a browser on this machine reaches this port, and none has business here: it serves no page itself."""
    refused = refusal(request.raw_headers, ())
    if refused is not None:
        status, reason = refused
        return web.json_response({"error": reason}, status=status)
    return await handler(request)


async def _expire_now_and_then(live: LiveAnalytics) -> None:
    while True:
        try:
            await asyncio.to_thread(live.expire, time.time_ns())
        except Exception:
            log.exception("rows beyond their retention could not be deleted")  # the next hour tries again
        await asyncio.sleep(_EXPIRE_S)
