"""Start MiniStack for one instance. Runs inside MiniStack's own environment, so it imports nothing of Fieldline.

It adds to `ministack`:
- every listener on loopback (its MQTT listener names 0.0.0.0 in the source);
- a client certificate is demanded by the MQTT listener, as AWS does (MiniStack serves a client without one, unchecked);
- SIGUSR1 writes a snapshot, so that a SIGKILL does not cost the deployment (MiniStack saves at a clean stop only);
- what grows with every invocation (a log stream, metric points) is trimmed.
"""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
STREAMS_KEPT = 300
METRICS_KEPT_S = 3600
HOUSEKEEPING_S = 60


def clamp_to_loopback() -> None:
    """Bind every listener of this process to loopback, whatever address it asks for."""
    create_server: Any = asyncio.base_events.BaseEventLoop.create_server

    async def on_loopback(
        self: asyncio.AbstractEventLoop, factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        if port is not None and options.get("sock") is None:
            host = LOOPBACK
        return await create_server(self, factory, host, port, **options)

    asyncio.base_events.BaseEventLoop.create_server = on_loopback  # type: ignore[method-assign, assignment]


def demand_client_certificate() -> None:
    from ministack.services import iot

    build = iot._mtls_build_ssl_context

    def demanding() -> ssl.SSLContext:
        context: ssl.SSLContext = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    iot._mtls_build_ssl_context = demanding


def save(mark: Path) -> None:
    """Write the state of every service; the mark's time says that all of it is on disk."""
    from ministack import app
    from ministack.core import persistence

    failed = []
    for name, get_state in app._build_persistence_save_dict().items():
        # A worker thread may change a dictionary while it is being copied: that is an error to repeat, not to keep.
        for attempt in range(5):
            try:
                state = get_state()
                break
            except RuntimeError:
                time.sleep(0.05 * (attempt + 1))
        else:
            failed.append(name)
            continue
        if state is not None:
            persistence.save_state(name, state)
    mark.write_text(json.dumps({"saved": time.time(), "failed": failed}), encoding="utf-8")


def housekeeping() -> None:
    while True:
        time.sleep(HOUSEKEEPING_S)
        with contextlib.suppress(RuntimeError):  # changed while iterating: the next round gets it
            trim(
                sys.modules.get("ministack.services.cloudwatch_logs"), sys.modules.get("ministack.services.cloudwatch")
            )


def trim(logs: Any, metrics: Any) -> None:
    """Keep the newest log streams of each group and the last hour of metrics."""
    for group in list(logs._log_groups._data.values()) if logs else []:
        streams = group["streams"]
        for name in list(streams)[:-STREAMS_KEPT]:
            streams.pop(name, None)
    oldest = time.time() - METRICS_KEPT_S
    for points in list(metrics._metrics._data.values()) if metrics else []:
        keep = next((i for i, point in enumerate(points) if point["Timestamp"] >= oldest), len(points))
        del points[:keep]


def main() -> None:
    clamp_to_loopback()
    from ministack import app

    demand_client_certificate()
    mark = Path(os.environ["MINISTACK_SNAPSHOT_MARK"])
    signal.signal(signal.SIGUSR1, lambda *_: save(mark))
    threading.Thread(target=housekeeping, daemon=True, name="fieldline-housekeeping").start()
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
