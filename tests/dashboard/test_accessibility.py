"""For everybody: axe finds nothing, the keyboard reaches all, nothing is too wide, fingers hit what they aim at."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.axe import no_axe_violations
from tests.dashboard.browser import Desk, Watch
from tests.dashboard.places import PLACES, dealt, named

WIDTHS = (320, 390, 640, 768)
"""Two phones, a desk's window of 1280 at 200 %, and a tablet."""
TAP = 44
BARS = "header, nav[aria-label='Main'], main .title, main .row, main [role=toolbar]"
"""Rows of buttons. A link within a sentence or a table is as high as its line."""

_SMALL = """([bars, least]) => [...document.querySelectorAll(bars)]
  .flatMap((bar) => [...bar.querySelectorAll("button, a.btn, nav a, select, input[type=search]")])
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .filter((one) => !one.closest(".visually-hidden, .leaflet-container"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < least - 0.5 || box.width < least - 0.5))
  .map(([one, box]) => `${one.outerHTML.slice(0, 120)}: ${box.width} x ${box.height}`)"""

_WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility())
  .slice(-3).map((one) => one.outerHTML.slice(0, 160))"""

_TOLD = """() => [...document.querySelectorAll("[aria-live]:not([aria-live=off]), [role=status], [role=alert]")]
  .filter((one) => one.checkVisibility()).map((one) => one.textContent.trim())"""


@pytest.fixture(scope="module")
def office(chromium, origin, states):
    office = Desk(chromium, origin, states, Watch())
    yield office
    office.close()


@pytest.fixture(scope="module")
def desks(office):
    """A tab of a desk, and one of a phone, that go from page to page."""
    return {phone: office.machine("admin", phone=phone, service_workers="block").new_page() for phone in (False, True)}


@pytest.fixture
def desktop(desks, office):
    office.watch.forget()
    yield desks[False]
    office.watch.verify()


@pytest.fixture
def phone(desks, office):
    office.watch.forget()
    yield desks[True]
    office.watch.verify()


@pytest.fixture
def address(subjects):
    return lambda place: place.path.format(**subjects)


def opened(page, path):
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)


def by_day_and_night(page):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(f"html[data-shade={scheme}]")).to_be_attached()
        no_axe_violations(page)


@pytest.mark.parametrize("place", dealt(PLACES, 0, 2), ids=named)
def test_axe_objects_to_nothing_at_a_desk(desktop, place, address):
    """Nor does anything reach beyond a window that is made as narrow as a phone."""
    opened(desktop, address(place))
    by_day_and_night(desktop)
    fits(desktop)


@pytest.mark.parametrize("place", dealt(PLACES, 1, 2), ids=named)
def test_a_page_suits_a_phone(phone, place, address):
    """axe by day and night; whatever its width, nothing reaches beyond it; buttons are as large as a fingertip."""
    opened(phone, address(place))
    by_day_and_night(phone)
    assert phone.evaluate(_SMALL, [BARS, TAP]) == []
    fits(phone)


def fits(page):
    """Whatever its width, nothing reaches beyond it."""
    held = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{width} px: {over} px too wide: {page.evaluate(_WIDE)}"
    page.set_viewport_size(held)


@pytest.mark.parametrize(
    "path", ["/", "/devices", "/devices/machine-002", "/charts?s=climate-004%3Atemperature", "/map"]
)
def test_values_that_change_all_the_time_are_read_out_by_nobody(desktop, path):
    """What is live to a screen reader stays as it is while readings come in."""
    opened(desktop, path)
    before = desktop.evaluate(_TOLD)
    values = desktop.locator("main").inner_text()
    desktop.wait_for_function("(before) => document.querySelector('main').innerText !== before", arg=values)
    desktop.wait_for_timeout(300)
    assert desktop.evaluate(_TOLD) == before


def test_the_keyboard_comes_to_every_control_and_one_sees_where_it_is(desktop):
    """From the address bar through the whole page: each that can be used is passed, in the order in which it stands."""
    opened(desktop, "/alarms")
    desktop.evaluate("document.activeElement.blur()")
    wanted = desktop.evaluate(
        "() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]"
        ".filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)"
        ".map((one, at) => { one.dataset.order = at; return at })"
    )
    passed = []
    for _ in wanted:
        desktop.keyboard.press("Tab")
        at, outline, shadow = desktop.evaluate(
            "() => { const one = document.activeElement, style = getComputedStyle(one);"
            " return [Number(one.dataset.order), style.outlineStyle, style.boxShadow] }"
        )
        assert outline != "none" or shadow != "none", f"nobody sees that {at} has the focus"
        passed.append(at)
    assert passed == wanted


def test_the_skip_link_leads_to_the_content(desktop):
    opened(desktop, "/")
    desktop.keyboard.press("Tab")
    skip = desktop.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    desktop.keyboard.press("Enter")
    expect(desktop.locator("main")).to_be_focused()
    desktop.keyboard.press("Tab")
    assert desktop.evaluate("document.activeElement.closest('main') !== null")


def test_shortcuts_help_search_and_go(desktop):
    opened(desktop, "/")
    desktop.keyboard.press("?")
    help_ = desktop.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_be_visible()
    for keys in ("/", "?", "Esc", "g"):
        expect(help_.locator("kbd", has_text=re.compile(f"^{re.escape(keys)}$")).first).to_be_visible()
    no_axe_violations(desktop)
    desktop.keyboard.press("Escape")
    expect(help_).to_be_hidden()

    desktop.keyboard.press("g")
    desktop.keyboard.press("d")
    expect(desktop.get_by_role("heading", level=1, name="Devices")).to_be_visible()
    desktop.keyboard.press("/")
    expect(desktop.get_by_role("searchbox", name="Search devices")).to_be_focused()
    desktop.keyboard.type("g")
    desktop.keyboard.type("a?")
    expect(desktop.get_by_role("searchbox")).to_have_value("ga?")
    expect(desktop.get_by_role("heading", level=1, name="Devices"), "letters go into the field").to_be_visible()


@pytest.mark.parametrize(
    ("path", "opener"),
    [("/", "Account"), ("/", "Keyboard shortcuts"), ("/users", "Invite"), ("/keys", "Make a key")],
)
def test_escape_closes_a_dialog_and_gives_the_focus_back(desktop, path, opener):
    opened(desktop, path)
    button = desktop.get_by_role("button", name=re.compile(opener))
    button.focus()
    desktop.keyboard.press("Enter")
    dialog = desktop.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert desktop.evaluate("document.activeElement.closest('dialog') !== null"), "the focus is within"
    by_day_and_night(desktop)
    desktop.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_the_rest_of_the_menu_of_a_phone_opens_and_closes(phone):
    opened(phone, "/")
    more = phone.get_by_role("button", name="More")
    link = phone.get_by_role("navigation", name="Main").get_by_role("link", name="Audit")
    expect(link).to_be_hidden()
    more.tap()
    expect(link).to_be_visible()
    assert phone.evaluate(_SMALL, [BARS, TAP]) == []
    by_day_and_night(phone)
    phone.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(more).to_be_focused()


def test_who_wants_no_motion_sees_none(office):
    page = office.machine("admin", reduced_motion="reduce", service_workers="block").new_page()
    page.route(re.compile("/v1/fleet/"), lambda route: None)
    page.goto("/")
    expect(page.locator("main [aria-busy=true]").first).to_be_visible()
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0
    page.unroute_all(behavior="ignoreErrors")
    page.close()


def test_axe_objects_to_nothing_where_one_signs_in(office):
    for phone in (False, True):
        page = office.page("/", role=None, phone=phone)
        expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
        by_day_and_night(page)
        page.get_by_role("button", name="Forgot the password?").click()
        by_day_and_night(page)
        page.close()


def test_what_is_too_small_or_too_wide_is_found(phone):
    opened(phone, "/")
    phone.evaluate(
        "const bar = document.querySelector('main').appendChild(document.createElement('div'));"
        "bar.className = 'row'; bar.innerHTML = '<button>x</button><p>y</p>';"
        "Object.assign(bar.style, { width: '2000px' }); bar.firstChild.style.height = '20px'"
    )
    assert len(phone.evaluate(_SMALL, [BARS, TAP])) == 1
    assert phone.evaluate("document.documentElement.scrollWidth") > phone.viewport_size["width"]
    assert phone.evaluate(_WIDE)
