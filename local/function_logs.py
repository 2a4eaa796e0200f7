"""What the functions said, from the local AWS's CloudWatch Logs."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from local.deploy import client
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

POLL_S = 1.0
# Lambda's own lines around each invocation say nothing that a person asks for.
_PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId")


def groups(aws_url: str) -> dict[str, str]:
    """Function (as the catalogue names it) → log group."""
    functions: LambdaClient = client("lambda", aws_url)
    found = {}
    for function in functions.list_functions()["Functions"]:
        name = function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME")
        default = f"/aws/lambda/{function['FunctionName']}"
        found[name or function["FunctionName"]] = function.get("LoggingConfig", {}).get("LogGroup", default)
    return found


def lines(aws_url: str, function: str | None, *, follow: bool, since_ms: int = 0) -> Iterator[str]:
    """Log lines by time, of one function or of all with their names before them; follows for ever when asked to.

    Raises LocalError when there is no such function.
    """
    known = groups(aws_url)
    if function is not None and function not in known:
        raise LocalError(f"No function {function!r}; there are {', '.join(sorted(known))}.")
    chosen = {function: known[function]} if function is not None else known
    logs: CloudWatchLogsClient = client("logs", aws_url)
    told: set[str] = set()
    while True:
        fresh: list[tuple[int, str, str]] = []
        found: set[str] = set()
        for name, group in chosen.items():
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms)
            for event in (event for page in pages for event in page["events"]):
                # MiniStack writes a stream for each invocation, all at once, and gives events no id.
                found.add(event["logStreamName"])
                if event["logStreamName"] not in told and not event["message"].startswith(_PLATFORM):
                    fresh.append((event["timestamp"], name, event["message"].rstrip()))
        told |= found
        width = max(map(len, chosen))
        for _, name, message in sorted(fresh, key=lambda line: line[0]):
            yield message if function is not None else f"{name:{width}}  {message}"
        if not follow:
            return
        if fresh:
            since_ms = max(timestamp for timestamp, _, _ in fresh)
            told = found
        time.sleep(POLL_S)
