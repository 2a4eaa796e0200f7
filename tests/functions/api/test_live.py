"""The ticket that opens a WebSocket."""

from functions.domain.access import Role
from tests.functions.api_harness import person


def test_whoever_may_watch_something_gets_a_ticket_and_where_to_use_it(api, clock):
    status, body = api.call("POST", "/live/ticket", who=person(Role.VIEWER), body=None)
    assert status == 201
    assert body["url"] == f"wss://live.example/ws?ticket={body['ticket']}"
    assert body["expires_at"] == clock.now + 30_000


def test_whoever_may_watch_nothing_gets_none(api):
    assert api.call("POST", "/live/ticket", who=person(), body=None)[0] == 403
