"""Recipients, maintenance windows and deliveries on the command line, against the real API's code in memory."""

import json

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.deliveries import Answer, Attempt, Outcome, Reason
from tests.functions.api_harness import api_harness, person
from tests.functions.domain.deliveries_of import notice

HOOK = "https://hooks.example.com/alarms"


@pytest.fixture
def platform(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))
    api.register("press-4", "plant-1/line-2", "machine")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode()
        )
        headers = {name.lower(): value for name, value in api.headers.items() if name in {"Content-Type", "ETag"}}
        return says(status, json.dumps(document).encode() if document is not None else b"", headers)

    signed_in.authorized = authorized
    return api


def made(run, *options):
    return run("recipients", "create", "on-call", *(options or ("--webhook", HOOK)))


def test_a_secret_is_printed_once(platform, run):
    created = made(run)
    secret = created.stdout.split("secret: ")[1].split()[0]
    assert secret.startswith("whsec_")
    shown = run("recipients", "show", "on-call")
    assert secret not in shown.output
    rotated = run("recipients", "rotate", "on-call", "--json")
    assert json.loads(rotated.stdout)["secret"] not in {secret, None}


def test_quiet_hours_are_given_as_people_say_them(platform, run):
    made(
        run,
        *("--email", "ann@example.com", "--quiet", "mon-wed,sun 22:00-06:00", "--quiet", "fri-mon 12:00-13:00"),
        *("--zone", "Europe/Vienna", "--unless", "critical", "--per-hour", "20", "--digest", "30m"),
    )
    document = json.loads(run("recipients", "show", "on-call", "--json").stdout)
    assert document["quiet_hours"] == {
        "zone": "Europe/Vienna",
        "spans": [
            {"days": ["mon", "tue", "wed", "sun"], "from": "22:00", "to": "06:00"},
            {"days": ["mon", "fri", "sat", "sun"], "from": "12:00", "to": "13:00"},
        ],
        "unless": "critical",
    }
    assert (document["per_hour"], document["digest_ms"]) == (20, 1_800_000)
    table = run("recipients", "show", "on-call").stdout
    assert "mon,tue,wed,sun 22:00-06:00; mon,fri,sat,sun 12:00-13:00 (Europe/Vienna), unless critical" in table


def test_an_update_leaves_what_is_not_named(platform, run):
    made(run, "--webhook", HOOK, "--min-severity", "major", "--per-hour", "20", "--scope", "group:plant-1")
    run("recipients", "update", "on-call", "--name", "Nights", "--digest", "none")
    one = platform.recipients.recipients["on-call"]
    assert (one.name, one.minimum, one.per_hour, one.digest_ms, one.scope, one.address) == (
        "Nights",
        "major",
        20,
        None,
        "group:plant-1",
        HOOK,
    )
    run("recipients", "update", "on-call", "--per-hour", "none")
    assert platform.recipients.recipients["on-call"].per_hour is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give one of --email, --sms, --webhook and --slack."),
        (("--email", "a@example.com", "--sms", "+4366012345"), "Give one of --email and --sms"),
        (("--webhook", HOOK, "--quiet", "mon 22-6", "--zone", "UTC"), "expected days and times"),
        (("--webhook", HOOK, "--quiet", "montag 22:00-06:00", "--zone", "UTC"), "expected days of mon"),
        (("--webhook", HOOK, "--quiet", "mon 22:00-06:00"), "--zone: expected beside --quiet"),
        (("--webhook", HOOK, "--zone", "UTC"), "--quiet: expected beside --zone"),
        (("--webhook", HOOK, "--per-hour", "many"), "--per-hour: expected a number"),
        (("--webhook", HOOK, "--digest", "soon"), "--digest: expected a duration"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_asked(platform, run, options, said):
    result = run("recipients", "create", "on-call", *options, fails=2)
    assert said in result.output
    assert platform.recipients.recipients == {}


def test_what_the_api_refuses_is_told_in_its_words(platform, run):
    result = run("recipients", "create", "on-call", "--webhook", "http://hooks.example.com/", fails=1)
    assert "https://" in result.output


def test_recipients_are_listed_and_deleted(platform, run):
    made(run)
    listed = run("recipients", "list")
    assert "on-call" in listed.stdout
    assert "https://hooks.example.com/…" in listed.stdout
    run("recipients", "delete", "on-call")
    run("recipients", "show", "on-call", fails=4)


def test_a_test_says_where_to_look_for_what_became_of_it(platform, run):
    made(run)
    result = run("recipients", "test", "on-call")
    delivery = result.stdout.split("deliveries show ")[1].strip()
    shown = run("deliveries", "show", delivery)
    assert "PENDING" in shown.stdout


def test_a_window_is_made_listed_shown_and_ended(platform, run):
    result = run("maintenance", "create", "group:plant-1", "--for", "2h", "--reason", "Change of filters", "--json")
    window = json.loads(result.stdout)
    assert window["to"] - window["from"] == pytest.approx(7_200_000, abs=5_000)
    listed = run("maintenance", "list").stdout
    assert window["id"] in listed
    assert "Change of filters" in listed
    assert "holds" in run("maintenance", "show", window["id"]).stdout
    run("maintenance", "end", window["id"])
    assert window["id"] not in run("maintenance", "list").stdout
    assert "over" in run("maintenance", "list", "--all").stdout


def test_a_window_may_begin_later(platform, run):
    result = run("maintenance", "create", "*", "--from", "+1h", "--to", "+3h", "--reason", "Power", "--json")
    window = json.loads(result.stdout)
    assert (window["state"], window["to"] - window["from"]) == ("planned", 7_200_000)
    later = run("maintenance", "create", "*", "--from", "+1h", "--for", "30m", "--reason", "Power", "--json")
    window = json.loads(later.stdout)
    assert window["to"] - window["from"] == 1_800_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give either --for or --to."),
        (("--for", "1h", "--to", "+1h"), "Give either --for or --to."),
        (("--for", "soon"), "--for: expected a duration"),
        (("--to", "soon"), "--to: expected"),
    ],
)
def test_a_window_without_an_end_is_refused(platform, run, options, said):
    result = run("maintenance", "create", "*", "--reason", "Power", *options, fails=2)
    assert said in result.output


def test_what_failed_is_listed_shown_and_replayed(platform, run):
    now = platform.clock.now_ms()
    one = notice("on-call", thing="press-4", at=now)
    failed = one.beginning(now).ended(now, Answer(outcome=Outcome.REFUSED, status=400, note="answered 400"), lambda: 0)
    platform.deliveries.deliveries[one.id] = failed
    attempt = Attempt(number=1, at=now, outcome=Outcome.REFUSED, ended_at=now, status=400, note="answered 400")
    platform.deliveries.ledger[one.id] = {1: attempt}
    muted = notice("managers", thing="press-4", at=now)
    platform.deliveries.deliveries[muted.id] = muted.muted(Reason.MAINTENANCE, now)
    listed = run("deliveries", "list", "--state", "failed").stdout
    assert one.id in listed
    assert muted.id not in listed
    assert "tell on-call" in listed
    of_alarm = run("deliveries", "list", "--alarm", "press-4.42", "--json")
    assert len(json.loads(of_alarm.stdout)["items"]) == 2
    shown = run("deliveries", "show", one.id).stdout
    assert "answered 400" in shown
    platform.deliveries.deliveries[muted.id] = muted.held(Reason.PARENT_OFFLINE, now, None, "its gateway is offline")
    waits = run("deliveries", "show", muted.id).stdout.split("waits", 1)[1]
    assert "parent_offline" in waits
    assert "its gateway is offline" in waits
    replayed = run("deliveries", "replay", one.id)
    assert "It is tried again" in replayed.stdout
    run("deliveries", "replay", one.id, fails=9)


def test_an_alarm_s_deliveries_are_not_filtered(platform, run):
    result = run("deliveries", "list", "--alarm", "press-4.42", "--state", "failed", fails=2)
    assert "--alarm: expected without" in result.output
