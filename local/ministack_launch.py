"""Start MiniStack for one instance. Runs inside MiniStack's own environment, so it imports nothing of Fieldline.

It adds to `ministack`:
- every listener on loopback (its MQTT listener names 0.0.0.0 in the source);
- a client certificate is demanded by the MQTT listener, as AWS does (MiniStack serves a client without one, unchecked);
- its HTTP port is kept from web pages (`ministack_guard.py`);
- SIGUSR1 writes a snapshot, so that a SIGKILL does not cost the deployment (MiniStack saves at a clean stop only);
- a payload nested too deeply for Python's JSON reader is a payload that is no JSON (MiniStack drops the connection);
- a named shadow is authorised by its own name below its thing's (MiniStack asks for the thing alone);
- a batch to a queue is authorised as its single action (MiniStack asks for `sqs:SendMessageBatch`: IAM has no such);
- the metric `Errors` of every failed invocation (MiniStack counts direct calls only, none by a queue or by the API);
- batches of queues are as large, and gather as long, as the mapping says (`ministack_sqs.py`);
- Firehose gathers and compresses (`ministack_firehose.py`);
- an invocation does not wait for what need not be waited for;
- of the log streams, one for each invocation, only the newest are kept.
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
LOG_WAIT_S = 0.005
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

    asyncio.base_events.BaseEventLoop.create_server = on_loopback  # type: ignore[method-assign, assignment] # replacing it is the point


def demand_client_certificate() -> None:
    from ministack.services import iot

    build = iot._mtls_build_ssl_context

    def demanding() -> ssl.SSLContext:
        context: ssl.SSLContext = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    iot._mtls_build_ssl_context = demanding


def take_any_nesting() -> None:
    from ministack.services import iot

    read = iot._rule_message

    def tolerant(payload: bytes) -> Any:
        try:
            return read(payload)
        except RecursionError:
            return payload.decode()  # it was text as far as the nesting

    iot._rule_message = tolerant


def authorise_named_shadows() -> None:
    from ministack.core import iam_actions

    resource_of = iam_actions.extract_resource_arn

    def with_shadow(service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *rest: Any) -> str:
        arn: str = resource_of(service, method, path, headers, body, query, *rest)
        name = query.get("name") if service == "iot-data" and path.endswith("/shadow") else None
        name = name[0] if isinstance(name, list) and name else name
        return f"{arn}/{name}" if name else arn

    iam_actions.extract_resource_arn = with_shadow


def authorise_batches_of_queues() -> None:
    from ministack.core import iam_actions

    action_of = iam_actions.extract_iam_action

    def single(service: str, *request: Any) -> Any:
        action = action_of(service, *request)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam_actions.extract_iam_action = single


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
    draft = mark.with_suffix(".draft")
    draft.write_text(json.dumps({"failed": failed}), encoding="utf-8")
    draft.replace(mark)


def count_failed_invocations() -> None:
    from ministack.services import cloudwatch, lambda_svc

    dispatch = lambda_svc._execute_function_dispatch

    def counting(func: Any, config: dict[str, Any], *arguments: Any) -> Any:
        result = dispatch(func, config, *arguments)
        if isinstance(result, dict) and result.get("error") and not _is_refusal(result):
            dimensions = {"FunctionName": config["FunctionName"]}
            cloudwatch.record_metric("AWS/Lambda", "Errors", 1, "Count", dimensions)
        return result

    lambda_svc._execute_function_dispatch = counting
    lambda_svc._emit_lambda_metrics = lambda *_arguments, **_options: None


def answer_promptly() -> None:
    """Take out two waits of every invocation: 40 ms for an acknowledgement, since headers and event go to the function
    in two segments, and 50 ms for a first log line (what comes later than ours goes with the next invocation).
    """
    from ministack.core.lambda_runtime import ProvidedWorker

    build, drain = ProvidedWorker._build_handler_class, ProvidedWorker._drain_stderr_bounded

    def without_nagle(self: Any, *arguments: Any) -> Any:
        handler = build(self, *arguments)
        handler.disable_nagle_algorithm = True
        return handler

    def promptly(self: Any, first_line_wait: float = LOG_WAIT_S, **options: Any) -> str:
        return str(drain(self, first_line_wait=first_line_wait, **options))

    ProvidedWorker._build_handler_class = without_nagle
    ProvidedWorker._drain_stderr_bounded = promptly


def _is_refusal(result: dict[str, Any]) -> bool:
    """An authorizer says no by raising this: an answer, not a fault."""
    body = result.get("body")
    return isinstance(body, dict) and body.get("errorMessage") == "Unauthorized"


def housekeeping() -> None:
    while True:
        time.sleep(HOUSEKEEPING_S)
        logs = sys.modules.get("ministack.services.cloudwatch_logs")
        with contextlib.suppress(RuntimeError):  # changed while iterating: the next round gets it
            trim(logs)


def trim(logs: Any) -> None:
    """Keep the newest log streams of each group."""
    for group in list(logs._log_groups._data.values()) if logs else []:
        streams = group["streams"]
        for name in list(streams)[:-STREAMS_KEPT]:
            streams.pop(name, None)


def main() -> None:
    clamp_to_loopback()
    from ministack import app

    demand_client_certificate()
    take_any_nesting()
    authorise_named_shadows()
    authorise_batches_of_queues()
    count_failed_invocations()
    answer_promptly()
    # Last on the path: the names in this folder are ours, and must not hide the environment's.
    sys.path.append(str(Path(__file__).parent))
    import ministack_firehose  # type: ignore[import-not-found] # beside this file at run time
    import ministack_guard  # type: ignore[import-not-found] # beside this file at run time
    import ministack_sqs  # type: ignore[import-not-found] # beside this file at run time

    app.app = ministack_guard.guard(app.app, os.environ["MINISTACK_PAGES"].split())
    ministack_sqs.install()
    ministack_firehose.install(Path(os.environ["STATE_DIR"]).parent / "firehose")
    mark = Path(os.environ["MINISTACK_SNAPSHOT_MARK"])
    signal.signal(signal.SIGUSR1, lambda *_: save(mark))
    threading.Thread(target=housekeeping, daemon=True, name="fieldline-housekeeping").start()
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
