import datetime as dt
import json

import pytest

from local.figures import _device

STARTED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MS = int(STARTED.timestamp() * 1000)


def online(status, *connected_at):
    sessions = [{"id": str(at), "connected_at": at} for at in connected_at]
    item = {"pk": "DEVICE#press-4", "presence": {"status": status, "sessions": json.dumps(sessions)}}
    return _device(item, STARTED).online


@pytest.mark.parametrize(
    ("status", "connected_at", "expected"),
    [
        ("online", [MS + 1], True),
        ("online", [MS - 1], False),
        ("online", [MS - 1, MS + 1], True),
        ("online", [None], False),
        ("online", [], False),
        ("offline", [MS + 1], False),
    ],
)
def test_a_device_is_online_when_it_has_connected_in_this_run(status, connected_at, expected):
    assert online(status, *connected_at) is expected


def test_a_device_that_was_never_connected_is_not_online():
    assert _device({"pk": "DEVICE#press-4"}, STARTED).online is False
