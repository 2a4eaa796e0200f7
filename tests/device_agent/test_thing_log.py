import logging

import pytest

from device_agent.thing_log import BURST, ThingLog


@pytest.fixture
def told():
    return []


@pytest.fixture
def thing_log(clock, told):
    log = ThingLog("pump-7", clock)
    log.tell(lambda kind, data: told.append((kind, data)))
    return log


def test_a_line_names_the_thing(thing_log, caplog):
    thing_log.error("%s is sick", "a sensor")
    assert caplog.messages == ["[pump-7] a sensor is sick"]
    assert caplog.records[0].thing == "pump-7"


def test_warnings_and_errors_are_told_and_nothing_less(thing_log, told, caplog):
    caplog.set_level(logging.DEBUG)
    thing_log.info("started")
    thing_log.warning("the disk is %d %% full", 91)
    thing_log.error("no time")
    assert told == [
        ("log", {"level": "warning", "text": "the disk is 91 % full", "untold": 0}),
        ("log", {"level": "error", "text": "no time", "untold": 0}),
    ]


async def test_a_flood_is_told_of_a_few_a_minute_and_says_how_many_were_not(thing_log, told, clock):
    for _ in range(BURST + 50):
        thing_log.warning("again")
    assert len(told) == BURST

    await clock.advance(60)
    thing_log.warning("still")
    assert told[-1] == ("log", {"level": "warning", "text": "still", "untold": 50})


def test_what_is_logged_while_an_event_is_told_is_not_told(clock):
    log, told = ThingLog("pump-7", clock), []

    def tell(_kind, data):
        told.append(data["text"])
        log.error("the event cannot be recorded")

    log.tell(tell)
    log.warning("first")
    assert told == ["first"]


def test_a_long_line_is_cut_and_a_percent_sign_alone_is_none_of_a_format(thing_log, told):
    thing_log.warning("100 %" + "x" * 1000)
    assert told[0][1]["text"].startswith("100 %xx")
    assert len(told[0][1]["text"]) == 500
