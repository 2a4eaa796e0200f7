"""The operator's day: an alarm, the device, yesterday beside today, the relay until it confirms, what is to be said."""

import json
import re
import time

import httpx
import pytest
from playwright.sync_api import expect

from tests.dashboard.agents import running
from tests.e2e.cloud import wait_for

RULE = {
    "rule": "press-warm",
    "title": "Press is warm",
    "scope": "device:press",
    "severity": "critical",
    "when": {"metric": "temperature", "above": 80, "for": "2s"},
    "clear": {"metric": "temperature", "below": 10},
    "message": "{device}: {temperature:.1f} degrees",
    "actions": [],
}
DAY_MS = 86_400_000
YESTERDAY = 41.5


@pytest.fixture
def rule(ask):
    """Gives what installs it."""
    yield lambda: ask("POST", "/rules", body={"document": RULE})
    ask("DELETE", "/rules/press-warm")


@pytest.fixture
def yesterday(cloud, ask):
    """What the press measured a day ago, and half an hour around."""
    key = ask("POST", "/devices/press/keys", body={"name": "yesterday"})["key"]
    now = int(time.time() * 1000)
    readings = [{"ts": now - DAY_MS + at * 30_000, "values": {"temperature": YESTERDAY}} for at in range(-60, 20)]
    envelope = {"v": 1, "boot": f"yesterday-{now}", "seq": 0, "sent": now, "m": readings}
    answer = httpx.post(
        f"{cloud.details['api']}/telemetry",
        content=json.dumps(envelope),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        timeout=60,
    )
    assert answer.status_code < 300, answer.text


def test_an_operator_s_day(desk, cloud, ask, person, rule, yesterday, tmp_path):
    person("shift", ("operator", "group:test/hall"))
    with running(cloud, "press", "machine", [84.0, 85.0, 86.0], tmp_path) as agent:
        # That it was silent until now is an alarm of its model, which ends with its first reading.
        wait_for("a quiet press", lambda: alarms(ask) == [])
        page = desk.page("/", role="shift")
        expect(page.get_by_role("button", name="Live data: Live")).to_be_visible()
        expect(page.get_by_text("All is well")).to_be_visible()
        expect(page).to_have_title("Overview · Fieldline")

        rule()
        is_told(page)
        is_understood(page)
        is_compared_with_yesterday(page)
        the_relay_is_switched(page, agent)
        a_command_goes_its_way(page)
        is_dealt_with(page)


def alarms(ask):
    return [one["id"] for one in ask("GET", "/devices/press/alarms")["items"] if one["state"] == "active"]


def is_told(page):
    """By itself: nobody has touched the page since it was opened. A rule is in force within 20 seconds."""
    expect(page).to_have_title("(1) Overview · Fieldline", timeout=60_000)
    expect(page.get_by_text("New critical alarm: Press is warm on press").first).to_be_visible()
    alarms = page.get_by_role("navigation", name="Main").get_by_role("link", name="Alarms")
    expect(alarms).to_have_accessible_name(re.compile(r"1\s+not acknowledged"))
    alarms.click()
    page.get_by_role("main").get_by_role("link", name="Press is warm", exact=True).click()


def is_understood(page):
    expect(page.get_by_role("heading", level=1, name="Press is warm")).to_be_visible()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_text("temperature above 80")).to_contain_text(re.compile("it was 8[456]"))
    page.get_by_role("region", name="Facts").get_by_role("link", name="press", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="press")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("online", exact=True)).to_be_visible()


def is_compared_with_yesterday(page):
    page.get_by_role("region", name="Live values").get_by_role("link", name="Temperature").click()
    page.get_by_label("Compare with").select_option("1d")
    key = page.get_by_role("listitem").filter(has_text="earlier")
    expect(key).to_contain_text(re.compile(r"41[.,]5"))
    page.get_by_role("button", name="Table", exact=True).click()
    rows = page.get_by_role("region", name="as a table").get_by_role("row")
    expect(rows.filter(has_text=re.compile(r"41[.,]5")).first).to_be_visible()


def the_relay_is_switched(page, agent):
    page.goto("/devices/press/control")
    relay = page.get_by_role("region", name="Switch the relay")
    switch = relay.get_by_role("switch", name="Closed")
    expect(switch).not_to_be_checked()
    expect(switch).to_contain_text("off")
    with agent.held():
        switch.click()
        expect(relay.get_by_text("on its way", exact=True)).to_be_visible()
        expect(sides(relay, "Reported")).to_contain_text("off")
        expect(sides(relay, "Desired")).to_contain_text("on")
        expect(switch).not_to_be_checked()
        expect(switch).to_have_accessible_description("on is desired, and not reported yet")
    expect(relay.get_by_text("as desired", exact=True)).to_be_visible()
    expect(sides(relay, "Reported")).to_contain_text("on")
    expect(switch).to_be_checked()
    expect(page.get_by_text(re.compile("Switch the relay on press: .*as the device reports")).first).to_be_visible()


def sides(relay, name):
    return relay.locator("dl").filter(has=relay.page.get_by_text(name, exact=True)).locator("dd").first


def a_command_goes_its_way(page):
    relay = page.get_by_role("region", name="Switch the relay")
    relay.get_by_text("With all parameters, or as a command").click()
    relay.get_by_label("Then go back after").fill("60")
    relay.get_by_role("button", name="Send as a command").click()
    steps = page.get_by_role("list", name="Way of the command").first
    expect(steps.get_by_text("succeeded")).to_be_visible()
    expect(steps.get_by_role("listitem")).to_have_text(
        [re.compile(status) for status in ("created", "sent", "delivered", "succeeded")]
    )


def is_dealt_with(page):
    page.get_by_role("navigation", name="Parts of the device").get_by_role("link", name="Alarms").click()
    page.get_by_role("link", name="Press is warm", exact=True).first.click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("button", name="Take the acknowledgement back")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\S+ · Alarm · Fieldline$"))
    page.get_by_label("New comment").fill("The fan is off; switched it on.")
    page.get_by_role("button", name="Comment", exact=True).click()
    comments = page.get_by_role("region", name="Comments")
    expect(comments.get_by_text("The fan is off; switched it on.")).to_be_visible()
    expect(comments.get_by_label("New comment")).to_have_value("")
