import json
import time

import pytest


@pytest.fixture
def fleet(signed_in):
    signed_in.devices = [
        {
            "id": f"press-{n:03d}",
            "name": f"Press {n}",
            "model": "machine",
            "group": "plant-1/line-2",
            "status": "online",
        }
        for n in range(250)
    ]
    return signed_in


def test_devices_are_listed_over_all_pages(run, fleet):
    lines = run("devices", "list").stdout.splitlines()
    assert lines[0].split() == ["Device", "Name", "Model", "Group", "Status", "Seen"]
    assert [line.split()[0] for line in lines[2:]] == [device["id"] for device in fleet.devices]
    assert [asked.values("cursor") for asked in fleet.calls("/v1/devices")] == [[], ["100"], ["200"]]


def test_the_limit_bounds_rows_and_requests_and_says_that_there_is_more(run, fleet):
    result = run("devices", "list", "--limit", "120")
    assert len(result.stdout.splitlines()) == 2 + 120
    assert [asked.values("limit") for asked in fleet.calls("/v1/devices")] == [["120"], ["20"]]
    assert "more than 120" in result.stderr


def test_a_server_that_ignores_the_limit_is_cut_to_it(run, fleet, says):
    fleet.script("/v1/devices", says(body={"items": fleet.devices, "cursor": None}))
    assert len(json.loads(run("devices", "list", "--limit", "7", "--json").stdout)["items"]) == 7


def test_json_is_what_the_api_answers(run, fleet):
    assert json.loads(run("devices", "list", "--json").stdout) == {"items": fleet.devices, "cursor": None}
    limited = json.loads(run("devices", "list", "--json", "--limit", "100").stdout)
    assert limited == {"items": fleet.devices[:100], "cursor": "100"}


def test_filters_go_to_the_api(run, fleet):
    run("devices", "list", "--group", "plant-1", "--model", "machine")
    (asked, *_) = fleet.calls("/v1/devices")
    assert (asked.values("group"), asked.values("model")) == (["plant-1"], ["machine"])


@pytest.mark.parametrize("args", [["--group", "Plant 1"], ["--limit", "0"], ["--limit", "x"]])
def test_a_filter_that_cannot_be_is_refused_here(run, fleet, args):
    run("devices", "list", *args, fails=2)
    assert not fleet.asked


def test_no_devices_is_an_empty_table(run, signed_in):
    assert len(run("devices", "list").stdout.splitlines()) == 2
    assert json.loads(run("devices", "list", "--json").stdout) == {"items": [], "cursor": None}


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"items": None, "cursor": None},
        {"items": [1], "cursor": None},
        {"items": [], "cursor": 7},
        [],
        b"",
        b"not json",
        b"[" * 100_000,
    ],
)
def test_a_page_that_is_none_is_a_server_fault(run, signed_in, says, page):
    signed_in.script("/v1/devices", says(body=page))
    run("devices", "list", fails=8)


def test_a_last_page_may_leave_out_its_cursor(run, signed_in, says):
    signed_in.script("/v1/devices", says(body={"items": [{"id": "press-1"}]}))
    assert "press-1" in run("devices", "list").stdout


def test_pages_that_run_in_a_circle_end_in_an_error(run, signed_in, says):
    one = [{"id": "press-1"}]
    signed_in.script("/v1/devices", *[says(body={"items": one, "cursor": cursor}) for cursor in ("a", "b", "a", "b")])
    assert "circle" in run("devices", "list", fails=8).stderr
    assert len(signed_in.calls("/v1/devices")) == 3


def test_empty_pages_are_passed_over_but_not_without_end(run, signed_in, says):
    signed_in.script(
        "/v1/devices",
        says(body={"items": [], "cursor": "a"}),
        says(body={"items": [{"id": "press-1"}], "cursor": None}),
    )
    assert "press-1" in run("devices", "list").stdout
    signed_in.script("/v1/devices", *[says(body={"items": [], "cursor": str(n)}) for n in range(1100)])
    assert "circle" in run("devices", "list", fails=8).stderr


def test_names_of_devices_cannot_command_the_terminal(run, signed_in):
    signed_in.devices = [
        {"id": "press-1", "name": "\x1b[2J[red]x[/red]\r\n", "model": "m", "group": "g", "status": "online"}
    ]
    shown = run("devices", "list").stdout
    assert "\\u001b[2J[red]x[/red]\\u000d\\u000a" in shown
    assert "\x1b" not in shown
    assert "\x1b" not in run("devices", "list", "--json").stdout


def test_what_is_piped_is_never_cut_or_wrapped(run, signed_in):
    signed_in.devices = [{"id": "d", "name": "n" * 300, "model": "m" * 300, "group": "g", "status": "online"}]
    assert len(run("devices", "list", env={"COLUMNS": "40"}).stdout.splitlines()) == 3


def test_a_terminal_gets_colour_unless_it_is_not_wanted(run, signed_in):
    signed_in.devices = [{"id": "d"}]
    assert "\x1b[" in run("devices", "list", env={"FORCE_COLOR": "1", "TERM": "xterm"}).stdout
    plain = run("devices", "list", env={"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}).stdout
    assert "\x1b[3" not in plain


def test_a_device_that_does_not_exist_is_told_by_exit_code(run, signed_in):
    assert run("devices", "show", "press-9", fails=4).stderr == "error: Not found. (request r-1)\n"


@pytest.mark.parametrize("name", ["../me", "Press", "a b", "a?x=1", ""])
def test_a_device_id_cannot_become_another_address(run, signed_in, name):
    assert "thing" in run("devices", "show", name, fails=2).stderr
    assert not signed_in.asked


def test_a_device_is_shown_with_units_ages_and_counts(run, signed_in):
    now_ms = time.time_ns() // 1_000_000
    signed_in.documents["press-4"] = {
        "id": "press-4",
        "model": "machine",
        "group": "plant-1/line-2",
        "created_at": now_ms - 3 * 86_400_000,
        "presence": {"status": "online", "since": now_ms - 7_200_000, "reason": None},
        "latest": {
            "temperature": {"ts": now_ms - 90_000, "value": 61.5, "q": "good", "unit": "Cel"},
            "relay": {"ts": now_ms - 5_000, "value": True, "q": "stale", "unit": None},
            "made_up": {"ts": now_ms, "value": "x\x1b[2J", "q": "good", "unit": None, "unmodeled": True},
        },
        "counters": {"messages": 12, "late": 0},
        "quarantined": {"out_of_range": 2},
    }
    lines = [" ".join(line.split()) for line in run("devices", "show", "press-4").stdout.splitlines()]
    for line in (
        "group plant-1/line-2",
        "created_at 3 d ago",
        "status online",
        "since 2 h ago",
        "temperature 61.5 °C 1 min ago good",
        "made_up x\\u001b[2J 0 s ago good, unmodeled",
        "messages 12",
        "out_of_range 2",
    ):
        assert line in lines
    assert any(line.startswith("relay on") and line.endswith("stale") for line in lines)
    assert json.loads(run("devices", "show", "press-4", "--json").stdout) == signed_in.documents["press-4"]


def test_a_silent_device_is_said_to_be_stale_and_when_it_was_seen(run, signed_in):
    known = {"id": "press-1", "name": "P", "model": "machine", "group": "plant-1", "status": "online"}
    seen_at = int(time.time() * 1000) - 125_000
    signed_in.devices = [{**known, "stale": True, "seen_at": seen_at}, {**known, "stale": False, "seen_at": None}]
    rows = [line.split("plant-1")[1].split() for line in run("devices", "list").stdout.splitlines()[2:]]
    assert rows == [["online,", "stale", "2", "min", "ago"], ["online", "-"]]
