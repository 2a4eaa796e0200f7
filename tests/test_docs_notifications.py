"""The receiver of docs/notifications.md takes what the platform sends, once, and nothing else."""

import re
import time
from pathlib import Path

import pytest

from functions.domain import webhook_signatures
from functions.domain.deliveries import RETRY_MS
from functions.domain.messages import DIGEST_LINES, MAX_SMS_CHARS, notice, webhook_body
from tests.functions.domain.deliveries_of import notice as delivery

PAGE = (Path(__file__).parent.parent / "docs" / "notifications.md").read_text()
SECRET = b"s" * 32


@pytest.fixture
def receive():
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    room = {}
    exec(example.replace("whsec_…", webhook_signatures.spelled(SECRET)), room)
    return room["receive"]


def sent(secret=SECRET, at=None):
    message = notice(delivery("on-call"))
    body = webhook_body(message)
    return webhook_signatures.headers([secret], message.id, int(time.time()) if at is None else at, body), body


def test_the_example_takes_a_webhook_once(receive, capsys):
    headers, body = sent()
    assert receive(headers, body) == 204
    assert receive(headers, body) == 204
    assert capsys.readouterr().out == "alarm.raised pump-7.42 9.5 °C in the cold store\n"


def test_the_example_refuses_what_is_not_ours(receive, capsys):
    headers, body = sent()
    assert receive(headers, body + b" ") == 401
    assert receive(*sent(b"t" * 32)) == 401
    assert receive(*sent(at=int(time.time()) - 3600)) == 401
    assert receive({}, body) == 401
    assert capsys.readouterr().out == ""


def test_the_page_says_what_the_code_does():
    assert RETRY_MS == (5_000, 30_000, 120_000, 600_000, 900_000, 3_600_000)
    assert "after 5 s, 30 s, 2 min, 10 min, 15 min and then each hour" in PAGE
    assert f"at most {MAX_SMS_CHARS} characters" in PAGE
    assert f"{DIGEST_LINES} of them" in PAGE
