"""`telemetry backfill` from the words on the command line to the points in the store."""

import csv
import json

import pytest

from functions.domain.series import Point, Rejected
from functions.errors import StoreError
from tests.cli.backfill.conftest import FUNCTION, NOW
from tests.functions.moving import everything, message

HOUR = 3_600_000
DAY = 24 * HOUR
POINTS = 12 * (2 + 1) + 12
"""Of `full`: what the one device sends with the dew point that is derived of it, and what the other sends."""


@pytest.fixture
def full(cloud):
    """A lake of several objects and what ingest made of it, in `old`."""
    for seq in range(12):
        at = NOW - 3 * DAY + seq * 6 * HOUR
        cloud.take(message(seq, at, (at, "good", {"temperature": seq, "humidity": 40})))
        cloud.take(message(seq, at, (at - 5 * HOUR, "bad", {"x": True}), thing="stranger"))
        cloud.deliver([1])
    return cloud


def same(cloud):
    return all(
        everything(cloud.new, device, NOW) == everything(cloud.old, device, NOW) != {}
        for device in ("pump-1", "stranger")
    )


def document(result):
    return json.loads(result.stdout)


@pytest.mark.parametrize("source", ["lake", "old"])
def test_history_is_moved_and_verified(move, full, source):
    result = move("--from", source)
    assert same(full)
    assert "Verified: the target holds what the source does." in result.stdout
    assert str(POINTS) in result.stdout.split("Points", 1)[1].splitlines()[0]


def test_json_says_what_was_done(move, full, tmp_path):
    done = document(move("--json", "--journal", tmp_path / "journal"))
    assert {key: done[key] for key in ("from", "to", "points", "messages", "lines", "verified", "unverified")} == {
        "from": "lake",
        "to": "new",
        "points": POINTS,
        "messages": 24,
        "lines": 24,
        "verified": True,
        "unverified": [],
    }
    assert done["journal"] == str(tmp_path / "journal")
    assert done["objects"] == 24


def test_a_second_run_changes_nothing_and_verifies(move, full, endpoint):
    move()
    before = everything(full.new, "pump-1", NOW)
    calls = len(endpoint.calls)
    again = document(move("--json"))
    assert everything(full.new, "pump-1", NOW) == before
    assert (again["verified"], again["points"]) == (True, POINTS)
    assert len(endpoint.calls) == 2 * calls


def test_a_report_has_a_row_for_each_device_and_day(move, full, tmp_path):
    move("--from", "old", "--report", tmp_path / "move.csv")
    rows = list(csv.DictReader((tmp_path / "move.csv").open()))
    days = {(device, ts // DAY) for device in ("pump-1", "stranger") for _, ts in everything(full.old, device, NOW)}
    assert len(rows) == len(days)
    assert sum(int(row["points"]) for row in rows) == POINTS
    assert all(row["verified"] == "true" and row["expected_checksum"] == row["found_checksum"] for row in rows)


def test_what_does_not_verify_is_listed_and_is_an_error(move, full, tmp_path):
    write = full.new.write
    full.new.write = lambda points: write([one for one in points if one.device != "stranger"])
    result = move("--json", "--report", tmp_path / "move.csv", fails=1)
    assert "error: The move does not verify." in result.stderr
    assert "- stranger 2025-11-21: 3 points expected, 0 found, 3 missing, 0 different" in result.stderr
    assert document(result)["verified"] is False
    assert {row["device"] for row in csv.DictReader((tmp_path / "move.csv").open()) if row["verified"] == "false"} == {
        "stranger"
    }
    full.new.write = write
    assert document(move("--json"))["verified"] is True
    assert same(full)


def test_points_that_the_target_will_never_take_are_an_error_unless_they_are_too_old(move, full, tmp_path):
    write = full.new.write

    def refusing(points):
        taken = [one for one in points if one.metric != "x"]
        return write(taken) + [Rejected(one, "unstorable", "no") for one in points if one.metric == "x"]

    full.new.write = refusing
    result = move("--json", "--report", tmp_path / "move.csv", fails=1)
    assert "error: The move does not verify." in result.stderr
    assert "- stranger 2025-11-21: 0 points expected, 0 found, 0 missing, 0 different, 3 unstorable" in result.stderr
    assert (document(result)["verified"], document(result)["refused"]) == (False, {"unstorable": 12})
    assert {
        row["verified"] for row in csv.DictReader((tmp_path / "move.csv").open()) if row["device"] == "stranger"
    } == {"false"}


def test_what_only_the_target_holds_is_shown_and_is_no_error(move, full, tmp_path):
    (ts,) = {ts for metric, ts in everything(full.old, "pump-1", NOW) if ts == NOW - 3 * DAY}
    full.new.write([Point("pump-1", "live", ts, 1.0, "good", late=False, received_at=NOW)])
    done = document(move("--from", "old", "--json", "--report", tmp_path / "move.csv"))
    assert (done["verified"], done["extra"], done["whole"]) == (True, 1, done["comparisons"])
    extra = [
        (row["device"], row["day"]) for row in csv.DictReader((tmp_path / "move.csv").open()) if row["extra"] != "0"
    ]
    assert extra == [("pump-1", "2025-11-21")]
    shown = move("--from", "old").stdout
    assert "1 points" in shown.split("Only in the target", 1)[1].splitlines()[0]
    from_lake = move("--from", "lake", "--report", tmp_path / "lake.csv")
    assert "Only in the target" not in from_lake.stdout
    assert {row["extra"] for row in csv.DictReader((tmp_path / "lake.csv").open())} == {""}


def test_lines_of_no_message_are_named_and_are_no_error(move, full):
    full.put(b"rubbish\n")
    done = document(move("--json"))
    assert (done["verified"], done["bad_lines"]) == (True, 1)
    assert done["bad"][0]["line"] == 0


def test_an_object_that_cannot_be_read_is_an_error_once_all_else_is_moved(move, full):
    key = full.put(b"rubbish\n" * 100)
    full.lake.stored[key] = full.lake.stored[key][:-9]
    result = move(fails=1)
    assert f"- {key}: its compressed data is damaged" in result.stderr
    assert same(full)


def test_a_dry_run_shows_the_plan_and_moves_nothing(move, full, environment, tmp_path):
    shown = move("--dry-run").stdout
    assert "Objects" in shown
    assert "24" in shown.split("Objects", 1)[1].splitlines()[0]
    plan = document(move("--dry-run", "--json"))
    assert (plan["pieces"], plan["objects"]) == (1, 24)
    assert document(move("--from", "old", "--dry-run", "--json"))["devices"] == 2
    assert everything(full.new, "pump-1", NOW) == {}
    assert not (tmp_path / "state").exists()


def test_what_no_store_keeps_any_more_is_told(move, full):
    assert "keep nothing from before 2025-10-25" in move("--since", "2025-01-01").stderr


def test_throttling_and_faults_of_the_service_pass(move, full, endpoint, waits):
    endpoint.refusals[:] = [
        (429, "TooManyRequestsException"),
        (500, "ServiceException"),
        (502, "EC2ThrottledException"),
    ]
    assert document(move("--json"))["verified"] is True
    assert waits == [0.5, 1.0, 2.0]
    assert same(full)


def test_a_store_that_is_down_for_a_while_delays_the_move(move, full, waits):
    write, left = full.new.write, [3]

    def sometimes(points):
        left[0] -= 1
        if left[0] >= 0:
            raise StoreError("down")
        return write(points)

    full.new.write = sometimes
    assert document(move("--json"))["verified"] is True
    assert len(waits) == 3


def test_a_function_that_fails_is_asked_for_less(move, full, endpoint):
    real = endpoint.functions[FUNCTION]

    def fails_on_much(event):
        if event["action"] == "copy" and event.get("max_points", 250_000) > 20_000:
            raise MemoryError("signal: killed")
        return real(event)

    endpoint.functions[FUNCTION] = fails_on_much
    assert document(move("--json"))["verified"] is True


def test_a_piece_that_cannot_be_copied_does_not_hold_up_the_others(move, full, endpoint, waits):
    real = endpoint.functions[FUNCTION]
    poison = 1_763_856_000_000  # 2025-11-23

    def fails_on_one(event):
        if event["action"] == "copy" and event["piece"]["day"] == poison:
            raise ValueError("a bug")
        return real(event)

    endpoint.functions[FUNCTION] = fails_on_one
    result = move("--from", "old", "--json", fails=1)
    assert "1 pieces were not copied: the same command tries them again." in result.stderr
    assert "ValueError: a bug" in result.stderr
    assert document(result)["failed_pieces"][0]["error"].endswith("ValueError: a bug.")
    endpoint.functions[FUNCTION] = real
    calls = len(endpoint.calls)
    assert document(move("--from", "old", "--json"))["points"] == POINTS
    assert len(endpoint.calls) == calls + 1
    assert same(full)


def test_when_nothing_goes_the_move_stops_and_goes_on_later(move, full, endpoint, waits):
    def down(_):
        raise StoreError("down")

    write, full.new.write = full.new.write, down
    result = move("--from", "old", "--parallel", 1, fails=8)
    assert "The function could not do it now: down" in result.stderr
    full.new.write = write
    assert "Going on with the move that was stopped" in move("--from", "old").stderr
    assert same(full)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--from", "new"], 2, "--to: expected another store than --from; got 'new' for both."),
        (["--to", "lake", "--from", "old"], 2, "--to: expected a store; the lake takes only what devices send."),
        (["--to", "nowhere"], 2, "--to: expected one of old, new, other; got 'nowhere'."),
        (["--from", "nowhere"], 2, "--from: expected one of lake, old, new, other; got 'nowhere'."),
        (["--to", "other"], 2, "--to: expected a store that is deployed, which is old and new; got 'other'."),
        (["--since", "2999-01-01"], 2, "--since: expected a time in the past; got 2999-01-01T00:00:00.000Z."),
        (["--since", "2d", "--until", "3d"], 2, "--since must be before --until; got '2d' and '3d'."),
        (["--since", "soon"], 2, "--since: expected a duration ago"),
        (["--function", "missing"], 4, "There is no function missing in this account and region. Is it deployed?"),
        (["--report", "/nonexistent/x.csv"], 2, "--report: expected a file in a folder that exists"),
        (["--port", "1"], 2, "--port chooses among laptop clouds: give --local too."),
        (["--local"], 2, "--local finds the function by itself"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_moved(move, full, endpoint, args, code, says):
    invoke = endpoint._invoke

    def known(name, payload):
        return (
            invoke(name, payload)
            if name == FUNCTION
            else (404, {"X-Amzn-ErrorType": "ResourceNotFoundException"}, b"{}")
        )

    endpoint._invoke = known
    result = move(*args, fails=code)
    assert says in " ".join(result.stderr.split())
    assert everything(full.new, "pump-1", NOW) == {}


def test_without_credentials_it_says_what_they_are_for(move, cloud):
    result = move(fails=3, env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    assert "lambda:InvokeFunction" in result.stderr


def test_without_a_region_it_says_so(move, cloud):
    assert "--region" in move(fails=2, env={"AWS_REGION": None}).stderr


def test_an_endpoint_that_nobody_listens_on_is_unreachable(move, cloud, waits):
    result = move("--endpoint-url", "http://127.0.0.1:9", fails=6)
    assert "127.0.0.1:9" in result.stderr
    assert len(waits) == 8


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b'{"v":2,"answer":"listing"}', "speaks version 2 of their common language and this command version 1"),
        (b'{"v":1,"answer":"what"}', "answered what no function for moves answers"),
        (b"null", "answered what no function for moves answers"),
        (b"rubbish", "answered what no function for moves answers"),
        (b'{"v":1,"answer":"copied"}', "answered a question for a plan with something else"),
    ],
)
def test_a_function_of_another_kind_or_version_is_told(move, endpoint, answer, says):
    endpoint.functions[FUNCTION] = lambda _: answer
    assert says in move(fails=8).stderr


def test_a_journal_of_another_move_is_not_gone_on_with(move, full, endpoint, tmp_path):
    def down(_):
        raise StoreError("down")

    full.new.write = down
    move("--from", "old", "--parallel", 1, "--journal", tmp_path / "journal", fails=8)
    result = move("--from", "lake", "--journal", tmp_path / "journal", fails=2)
    assert "is of a move from old to new" in result.stderr


def test_a_move_may_begin_anew(move, full, endpoint, waits):
    write = full.new.write

    def down(_):
        raise StoreError("down")

    full.new.write = down
    move("--from", "old", "--parallel", 1, fails=8)
    full.new.write = write
    result = move("--from", "old", "--restart")
    assert "Going on" not in result.stderr
    assert same(full)


def test_a_device_of_the_commands_name_is_reached_behind_two_dashes(run, signed_in):
    signed_in.documents["backfill"] = {"id": "backfill", "latest": {}}
    run("telemetry", "--", "backfill", "temperature")
    run("telemetry", "--since", "1h", "backfill", "temperature")
    assert len(signed_in.calls("/v1/devices/backfill/telemetry")) == 2
    assert "Usage: fieldline telemetry backfill" in run("telemetry", "backfill", "temperature", fails=2).stderr


def test_help_of_telemetry_is_that_of_the_question_and_names_the_move(run):
    text = run("telemetry", "--help").stdout
    assert "METRIC" in text
    assert "telemetry backfill" in text
    assert "Move history" in run("telemetry", "backfill", "--help").stdout
