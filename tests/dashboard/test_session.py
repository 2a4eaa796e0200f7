"""How long somebody is signed in, where, and what stays of the page when it ends or the network does."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.e2e.cloud import wait_for

HOUR_MS = 3_600_000


def signed_in(page):
    return page.get_by_role("heading", level=1, name="Overview")


def signed_out(page):
    return page.get_by_role("heading", level=1, name="Sign in")


def leave(page, how):
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name=how, exact=True).click()


def test_a_reload_keeps_the_session(desk):
    page = desk.page()
    expect(signed_in(page)).to_be_visible()
    page.reload()
    expect(signed_in(page)).to_be_visible()
    kept = page.evaluate("[Object.values(localStorage), Object.values(sessionStorage), document.cookie].join()")
    assert not re.search(r"eyJ[\w-]+\.", kept), "a token lies where a script could read it"


def test_who_gives_a_wrong_password_is_told_and_comes_in_with_the_right_one(desk, cloud):
    page = desk.page("/devices", role=None)
    desk.watch.expects("status of 401.*/v1/auth/login")
    page.get_by_label("E-mail or name").fill(cloud.details["user"])
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="Name or password is wrong")).to_have_count(1)
    page.get_by_label("Password", exact=True).fill(cloud.details["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Devices")).to_be_visible()


def test_signing_out_in_one_tab_ends_the_other(desk, person):
    person("two-tabs", ("viewer", "*"))
    machine = desk.machine("two-tabs")
    one, other = machine.new_page(), machine.new_page()
    for page in (one, other):
        page.goto("/")
        expect(signed_in(page)).to_be_visible()

    leave(one, "Sign out")

    for page in (one, other):
        expect(signed_out(page)).to_be_visible()
    desk.watch.expects("status of 401.*/v1/auth/refresh")
    other.reload()
    expect(signed_out(other)).to_be_visible()


def test_signing_out_everywhere_ends_another_machine(desk, person):
    person("two-machines", ("viewer", "*"))
    here, there = desk.page(role="two-machines"), desk.page(role="two-machines", phone=True)
    for page in (here, there):
        expect(signed_in(page)).to_be_visible()

    leave(here, "Sign out everywhere")

    expect(signed_out(here)).to_be_visible()
    desk.watch.expects("status of 401.*/v1/auth/refresh")
    there.reload()
    expect(signed_out(there)).to_be_visible()


@pytest.fixture
def refusing(desk):
    """The API takes no token of the page, and the cookie is spent; gives what ends that."""

    def refuse(page):
        desk.watch.expects("status of 401")
        problem = {
            "status": 401,
            "content_type": "application/problem+json",
            "json": {
                "type": "urn:fieldline:problem:unauthorized",
                "title": "Unauthorized",
                "status": 401,
                "detail": "the session has ended",
                "request_id": "3d689b60-0000",
            },
        }
        refused = re.compile(r"/v1/(?!auth/log|auth/challenge)")
        page.route(refused, lambda route: route.fulfill(**problem))
        return lambda: page.unroute(refused)

    return refuse


def test_a_session_that_ends_asks_over_the_page_and_loses_no_form(desk, person, refusing):
    from tests.e2e.people import PASSWORD

    email = person("typist", ("admin", "*"))
    page = desk.page("/devices/new", role="typist")
    page.get_by_label("Name", exact=True).fill("Half-filled")
    page.get_by_label("Group").fill("test/half")
    page.get_by_label("Model").select_option("climate")
    end = refusing(page)
    # No click: what the page asks for by itself may have ended the session already, with the dialog before the button.
    page.get_by_role("button", name="Add it").dispatch_event("click")

    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog, "there is nothing to do without a session").to_be_visible()

    end()
    dialog.get_by_label("E-mail or name").fill(email)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half-filled")
    expect(page.get_by_label("Group")).to_have_value("test/half")
    expect(page.get_by_label("Model")).to_have_value("climate")
    expect(page.get_by_role("button", name=re.compile("Live data: Live"))).to_be_visible()


RULE = {
    "rule": "while-away",
    "title": "Raised while away",
    "scope": "device:climate-001",
    "severity": "info",
    "when": {"metric": "temperature", "above": -30},
    "actions": [],
}


@pytest.fixture
def raised(ask):
    """Raises an alarm, and has it end with the test."""

    def found():
        alarms = ask("GET", "/devices/climate-001/alarms")["items"]
        return next((one for one in alarms if (one["rule"], one["state"]) == (RULE["rule"], "active")), None)

    def install():
        ask("POST", "/rules", body={"document": RULE})
        return wait_for("the alarm", found)

    yield install
    ask("DELETE", f"/rules/{RULE['rule']}")


def test_a_lost_connection_is_said_and_what_was_missed_is_fetched(desk, cloud, raised):
    """An alarm is raised and readings come while the page hears nothing: neither is told a second time."""
    network = Network()
    page = desk.machine("admin").new_page()
    page.route_web_socket(re.compile(r"/ws\b"), network)
    page.goto("/charts?s=climate-001:temperature&from=now-15m&view=table")
    live = page.get_by_role("button", name=re.compile("^Live data: Live"))
    expect(live).to_be_visible()
    expect(page.get_by_role("cell").first).to_be_visible()

    network.fail()
    expect(page.get_by_role("button", name=re.compile("^Live data: Reconnecting"))).to_be_visible()
    lost = int(time.time() * 1000)
    raised()
    missed = wait_for("a reading", lambda: cloud.points("climate-001", "temperature", lost, lost + HOUR_MS))[0]["ts"]
    expect(page.get_by_role("cell", name=at(missed))).to_have_count(0)
    network.recover()

    expect(live).to_be_visible(timeout=60_000)
    expect(page.get_by_role("cell", name=at(missed)).first).to_be_visible()
    alarms = page.get_by_role("navigation", name="Main").get_by_role("link", name="Alarms")
    expect(alarms).to_have_accessible_name(re.compile("not acknowledged"))
    alarms.click()
    expect(page.get_by_role("link", name="Raised while away", exact=True)).to_be_visible()


def at(ms):
    """As a table tells that time; a bin begins up to a second before its reading."""
    return re.compile("|".join(time.strftime("%H:%M:%S", time.gmtime((ms - back) / 1000)) for back in (0, 1000)))


class Network:
    """Between the page's WebSockets and the API."""

    def __init__(self):
        self._there = True
        self._sockets = []

    def __call__(self, socket):
        if self._there:
            socket.connect_to_server()
            self._sockets.append(socket)
        else:
            socket.close(code=1001, reason="the network is gone")

    def fail(self):
        self._there = False
        for socket in self._sockets:
            socket.close(code=1001, reason="the network is gone")

    def recover(self):
        self._there = True


def test_without_a_network_it_opens_with_what_was_there_and_says_how_old_it_is(desk):
    machine = desk.machine("admin")
    page = machine.new_page()
    page.goto("/devices")
    expect(page.get_by_role("link", name="machine-002")).to_be_visible()
    # The first load is not controlled yet; the worker has kept every file once it is active.
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.goto("/")
    expect(signed_in(page)).to_be_visible()
    page.goto("/devices")
    expect(page.get_by_role("link", name="machine-002")).to_be_visible()

    desk.watch.expects("ERR_INTERNET_DISCONNECTED|Failed to fetch|ERR_FAILED")
    machine.set_offline(True)
    page.close()
    page = machine.new_page()
    page.goto("/devices")

    expect(page.get_by_role("link", name="machine-002")).to_be_visible()
    expect(page.get_by_text(re.compile(r"This is what was there .* ago"))).to_be_visible()
    expect(page.get_by_text("The API cannot be reached. It is tried again by itself.")).to_be_visible()
    cached = page.evaluate(
        """async () => {
          const names = await caches.keys();
          const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
          return requests.flat().map(({ url }) => new URL(url).pathname);
        }"""
    )
    assert cached
    assert not [path for path in cached if path.startswith("/v1")]

    machine.set_offline(False)
    expect(page.get_by_text("The API cannot be reached.")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Live data: Live"))).to_be_visible()
