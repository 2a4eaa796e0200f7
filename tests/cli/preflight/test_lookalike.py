"""The same answers of LiveAnalytics from the laptop's look-alike, which is written after the real service."""

import pytest

from tests.timestream import Lookalike

LIVE = "timestream-liveanalytics"


@pytest.fixture(scope="module", params=[False, True], ids=["open", "closed"])
def timestream(request, tmp_path_factory):
    with Lookalike(tmp_path_factory.mktemp("timestream"), closed_account=request.param) as server:
        yield server, request.param


def test_the_look_alike_is_told_open_from_closed(preflight, timestream):
    server, closed = timestream
    document = preflight("--store", LIVE, fails=int(closed), env={"AWS_ENDPOINT_URL_TIMESTREAM_WRITE": server.url})
    said = document["of"][LIVE]
    assert (said["status"], said["figures"]["usable"]) == (("failed", False) if closed else ("ok", True))
