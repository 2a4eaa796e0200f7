"""What the AWS adapters share."""

import copy
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from functions.adapters.aws import OnFirstUse


def test_a_client_is_made_once_and_only_when_something_is_asked_of_it():
    made = []

    def make():
        made.append(1)
        return SimpleNamespace(get_item=lambda **request: request)

    client = OnFirstUse(make)
    copy.copy(client)
    assert made == []
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: client.get_item(Key=n), range(20))) == [{"Key": n} for n in range(20)]
    assert made == [1]


def test_a_client_that_could_not_be_made_is_tried_again():
    answers = iter([OSError("no region"), SimpleNamespace(ask=lambda: "yes")])

    def make():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = OnFirstUse(make)
    with pytest.raises(OSError, match="no region"):
        client.ask()
    assert client.ask() == "yes"
