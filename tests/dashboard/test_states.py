"""Pages while the API is slow, fails, is gone, has nothing, refuses, or no longer knows who asks.

Every page times every state is some hundred, each a page that is loaded and looked over twice: minutes of a processor.
So a run deals them out: each page is seen in some of the states, each state on a third of the pages, and where a page
has nothing on all. FIELDLINE_EVERY_STATE=1 runs the whole.
"""

import json
import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.dashboard.axe import no_axe_violations
from tests.dashboard.browser import Desk, Watch
from tests.dashboard.places import PLACES, dealt, named

API = re.compile(r"/v1/(?!auth/|me\b|live/)")
"""What pages show; who asks is another matter."""
SESSION = re.compile(r"/v1/auth/refresh")
REQUEST_ID = "7f3c0d52-0000-4000-8000-00000000beef"
FAULT = {
    "type": "urn:fieldline:problem:internal",
    "title": "Internal error",
    "status": 500,
    "detail": "The store of telemetry did not answer.",
    "request_id": REQUEST_ID,
}
FORBIDDEN = {**FAULT, "title": "Forbidden", "status": 403, "detail": "You lack a permission: rules:read over *."}
READING = [place for place in PLACES if place.name != "new rule"]
"""A new rule takes nothing from the API that it cannot do without."""
HELD_MS = 3_000


@pytest.fixture(scope="module")
def office(chromium, origin, states):
    """One browser for all of them, so that each test costs no more than a page. What it logs of answers is expected."""
    watch = Watch()
    watch.expects("Failed to load resource", "WebSocket connection")
    office = Desk(chromium, origin, states, watch)
    yield office
    office.close()


@pytest.fixture(scope="module")
def machine(office):
    """On which somebody was signed in before."""
    machine = office.machine("admin", service_workers="block")
    page = machine.new_page()
    page.goto("/")
    one_heading(page)
    page.close()
    return machine


@pytest.fixture
def page(office, machine):
    """A new tab; the test fails if its page raises an exception, or breaks its CSP."""
    office.watch.forget()
    page = machine.new_page()
    yield page
    page.close()
    office.watch.verify()


@pytest.fixture
def address(subjects):
    return lambda place: place.path.format(**subjects)


def answering(page, status, problem):
    told = {"status": status, "content_type": "application/problem+json", "body": json.dumps(problem)}
    page.route(API, lambda route: route.fulfill(**told))


def busy(page):
    return page.locator("main [aria-busy=true]")


def failures(page):
    return page.locator("main").get_by_role("alert").filter(has_text=REQUEST_ID)


def by_day_and_night(page):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        no_axe_violations(page)


def one_heading(page):
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("place", dealt([place for place in PLACES if place.waits], 0), ids=named)
def test_while_the_api_does_not_answer_a_page_shows_that_it_waits(page, place, address):
    page.route(API, lambda route: None)
    page.goto(address(place))
    expect(busy(page).first).to_be_visible()
    one_heading(page)
    by_day_and_night(page)
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("place", dealt(READING, 1), ids=named)
def test_a_failure_is_told_with_its_request_and_trying_again_mends_it(page, place, address):
    """Also what the API forbids is told so, and where to get what is missing."""
    answering(page, 500, FAULT)
    page.goto(address(place))
    expect(failures(page).first).to_contain_text(FAULT["detail"])
    expect(failures(page).first).to_contain_text(FAULT["title"])
    expect(busy(page), "what failed is not on its way any more").to_have_count(0)
    one_heading(page)
    by_day_and_night(page)

    page.unroute_all()
    answering(page, 403, FORBIDDEN)
    try_again(page)
    expect(failures(page).filter(has_text=FORBIDDEN["detail"]).first).to_contain_text(
        "Ask an administrator for the role"
    )

    page.unroute_all()
    left = failures(page)
    while seen := left.count():
        try_again(page)
        page.wait_for_function(
            "([id, seen]) => [...document.querySelectorAll('main [role=alert]')]"
            ".filter((one) => one.textContent.includes(id)).length < seen",
            arg=[REQUEST_ID, seen],
        )
    expect(busy(page)).to_have_count(0)
    one_heading(page)


def try_again(page):
    """At once, since another part's success may mend this one meanwhile."""
    page.evaluate(
        "(id) => [...document.querySelectorAll('main [role=alert]')].find((one) => one.textContent.includes(id))"
        "?.querySelectorAll('button').values().find((one) => one.textContent === 'Try again').click()",
        REQUEST_ID,
    )


@pytest.mark.parametrize("place", dealt(PLACES, 2), ids=named)
def test_without_a_network_a_page_says_so_and_waits_for_nothing(page, place, address):
    """Whether this browser has seen it before or not."""
    page.route(re.compile("/v1/"), lambda route: route.abort("internetdisconnected"))
    page.goto(address(place))
    expect(page.get_by_text("The API cannot be reached").first).to_be_visible()
    expect(busy(page)).to_have_count(0)
    one_heading(page)
    no_axe_violations(page)


@pytest.mark.parametrize("place", [place for place in PLACES if place.nothing], ids=named)
def test_where_there_is_nothing_a_page_says_what_to_do(page, place, address):
    page.route(API, emptied)
    page.goto(address(place))
    main = page.locator("main")
    expect(main.get_by_text(re.compile(f"^{place.nothing}")).first).to_be_visible()
    expect(busy(page)).to_have_count(0)
    by_day_and_night(page)
    page.unroute_all(behavior="ignoreErrors")


def emptied(route):
    """The API's own answer, with nothing in it."""
    answer = route.fetch()
    if answer.status != 200 or "json" not in answer.headers.get("content-type", ""):
        return route.fulfill(response=answer)
    document = answer.json()
    if "items" in document:
        document = {**document, "items": [], "cursor": None}
    if "/fleet/summary" in route.request.url:
        document = {key: _none(value) for key, value in document.items()}
    return route.fulfill(response=answer, json=document)


def _none(value):
    if isinstance(value, list):
        return []
    if isinstance(value, dict):
        return {}
    return 0 if isinstance(value, int) else None


@pytest.mark.parametrize("place", dealt(READING, 0), ids=named)
def test_a_session_that_ended_is_asked_for_over_the_page(page, place, address):
    page.goto("/nowhere")
    one_heading(page)
    unknown = {**FAULT, "type": "urn:fieldline:problem:unauthorized", "title": "Unauthorized", "status": 401}
    answering(page, 401, unknown)
    page.route(SESSION, lambda route: route.fulfill(status=401, content_type="application/problem+json", json=unknown))
    go(page, address(place))
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog.get_by_label("Password", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape(address(place)) + "$"))


def go(page, path):
    """Within the page that is open, as a link does."""
    page.evaluate("(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')) }", path)


@pytest.fixture(scope="module")
def visit(office):
    return office.machine("viewer", service_workers="block")


@pytest.mark.parametrize("place", [place for place in PLACES if place.needs], ids=named)
def test_somebody_without_the_role_is_told_which_permission_is_missing(visit, office, place):
    page = visit.new_page()
    page.goto(place.path)
    expect(page.locator("main").get_by_text(f"({place.needs})").first).to_be_visible()
    expect(busy(page)).to_have_count(0)
    no_axe_violations(page)
    page.close()
    office.watch.verify()


@pytest.mark.parametrize(
    ("path", "button", "permission"),
    [
        ("/devices", "Add a device", "devices:create"),
        ("/devices/new", "Add it", "devices:create"),
        ("/rules", "New rule", "rules:write"),
        ("/users", "Invite", "users:write"),
        ("/keys", "Make a key", "keys:write"),
        ("/alarms", "Acknowledge", "alarms:write"),
    ],
)
def test_what_one_may_not_do_is_there_and_says_why(visit, subjects, path, button, permission):
    page = visit.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.method))
    page.goto(path)
    control = page.locator("main").get_by_role("button", name=re.compile(button)).first
    expect(control).to_be_disabled()
    expect(control).to_have_accessible_description(re.compile(re.escape(permission)))
    asked.clear()
    control.click(force=True)
    page.wait_for_timeout(100)
    assert "POST" not in asked
    assert page.url.endswith(path)
    page.close()


@contextmanager
def slowly(page):
    """Whatever is changed takes its time; gives the requests that were sent."""
    sent = []

    def held(route):
        if route.request.method == "GET":
            return route.fallback()
        sent.append(route.request)
        page.wait_for_timeout(HELD_MS / 3)
        return route.fulfill(status=500, content_type="application/problem+json", body=json.dumps(FAULT))

    page.route(API, held)
    yield sent
    page.unroute_all(behavior="ignoreErrors")


def test_a_slow_api_is_asked_once_however_often_one_presses(page, subjects):
    """Each of them fails in the end, so that the cloud stays as it is: what was typed is still there then."""
    with slowly(page) as sent:
        page.goto("/users")
        page.get_by_role("button", name="Invite").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("E-mail").fill("slow@example.com")
        for _ in range(3):
            dialog.get_by_role("button", name="Invite").dispatch_event("click")
        expect(dialog.get_by_text(REQUEST_ID)).to_be_visible()
        assert [request.method for request in sent] == ["POST"]
        expect(dialog.get_by_label("E-mail")).to_have_value("slow@example.com")

        sent.clear()
        page.goto(f"/alarms/{subjects['alarm']}")
        page.get_by_label("New comment").fill("Seen.")
        for _ in range(3):
            page.get_by_role("button", name="Comment", exact=True).dispatch_event("click")
        expect(page.get_by_text(REQUEST_ID).first).to_be_visible()
        assert [request.method for request in sent] == ["POST"]
        expect(page.get_by_label("New comment")).to_have_value("Seen.")


def test_with_three_seconds_of_latency_pages_wait_and_come(page, machine, subjects):
    """Several at once, as somebody opens them who has the time."""
    paths = ["/", "/devices/climate-004", "/rules"]
    tabs = [machine.new_page() for _ in paths]
    for tab, path in zip(tabs, paths, strict=True):
        tab.add_init_script(
            f"const send = fetch; window.fetch = async (...all) =>"
            f" (await new Promise((done) => setTimeout(done, {HELD_MS})), send(...all))"
        )
        tab.goto(path, wait_until="commit")
    for tab in tabs:
        expect(tab.locator("[aria-busy=true]").first).to_be_attached()
    for tab in tabs:
        one_heading(tab)
        expect(tab.locator("[aria-busy=true]")).to_have_count(0)
        expect(tab.get_by_role("alert").filter(has_text="Request")).to_have_count(0)
        tab.close()


def test_without_any_network_the_app_opens_with_what_it_had(office):
    """The real thing: the service worker has the app, and the browser the last snapshot."""
    machine = office.machine("admin")
    page = machine.new_page()
    page.goto("/devices")
    expect(page.get_by_text("climate-001", exact=True).first).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.get_by_text("climate-001", exact=True).first).to_be_visible()

    machine.set_offline(True)
    page.reload()
    expect(page.get_by_text(re.compile("The API cannot be reached. This is what was there")).first).to_be_visible()
    expect(page.get_by_text("climate-001", exact=True).first).to_be_visible()
    machine.set_offline(False)
    expect(page.get_by_text("The API cannot be reached")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Live data: Live"))).to_be_visible()
    office.watch.verify()
