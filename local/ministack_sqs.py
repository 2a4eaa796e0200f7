"""Batches of SQS event sources as on AWS: as large as the mapping says, gathered for its window, bound by the payload.

MiniStack hands over at most 10 messages, at once. A function would see other batches here than there, and a laptop
would be busy with an invocation for each message.
"""

import threading
import time
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.services import lambda_svc, sqs

# Lambda takes 6 MB; the rest is room for what surrounds each body.
PAYLOAD_BYTES = 5 * 1024 * 1024


def install() -> None:
    sqs._receive_messages_for_esm = receive


def receive(queue_url: str, batch_size: int) -> list[dict[str, Any]]:
    """A full batch, or what has come when the oldest message has waited for the window; else nothing yet."""
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        now = time.time()
        visible = [message for message in queue["messages"] if message.get("visible_at", 0) <= now][:batch_size]
        if not visible:
            return []
        count = fitting([len(message["body"]) for message in visible])
        due = min(message.get("visible_at", 0) for message in visible) + _window(queue["attributes"]["QueueArn"])
        if count < min(batch_size, len(visible)) or len(visible) == batch_size or now >= due:
            return list(sqs._collect_msgs(queue, count, int(queue["attributes"].get("VisibilityTimeout", "30"))))
    _wake_in(due - now)
    return []


def fitting(sizes: list[int]) -> int:
    """How many of the first messages fit into one invocation; at least one."""
    total = 0
    for position, size in enumerate(sizes):
        total += size
        if total > PAYLOAD_BYTES and position:
            return position
    return len(sizes)


def _window(queue_arn: str) -> float:
    windows = (
        mapping.get("MaximumBatchingWindowInSeconds") or 0
        for mapping in list(lambda_svc._esms._data.values())
        if mapping.get("EventSourceArn") == queue_arn
    )
    return float(max(windows, default=0))


_timer_lock = threading.Lock()
_next_wake = 0.0


def _wake_in(delay: float) -> None:
    """Have the poller look again then: by itself it looks at the next message, or after a second."""
    global _next_wake  # noqa: PLW0603 - one poller, one timer
    at = time.monotonic() + delay
    with _timer_lock:
        if _next_wake > time.monotonic() and _next_wake <= at:
            return
        _next_wake = at
    timer = threading.Timer(delay, esm_wake.set)
    timer.daemon = True
    timer.start()
