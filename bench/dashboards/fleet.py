"""The list of devices at its longest, in the middle of it, while what is seen changes ten times a second."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from bench.agents.figures import Figure, at_most, beside
from bench.apis.percentiles import percentile
from bench.dashboards import builds
from bench.dashboards.browser import PATIENCE_MS, MainThread, machine
from bench.dashboards.generated import Generated, name_of, serving

DEVICES = 5_000
ROWS = 20
HZ = 10
BUSY_GOAL_MS = 120.0
DOM_GOAL = 50
FILTER_GOAL_MS = 100.0
SEARCHES = ("pump 49", "maker-7", "plant-3/line-11", "floor=2", "hall 21")
SETTLED_MS = 3_000

ROW = "[role=rowgroup] [role=row]"
SCROLLED = """
() => {
  const list = document.querySelector("[role=rowgroup]");
  list.scrollTop = list.scrollHeight / 2;
}
"""
SEEN = """
() => {
  const list = document.querySelector("[role=rowgroup]").getBoundingClientRect();
  return [...document.querySelectorAll("[role=rowgroup] [role=row]")]
    .filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return top >= list.top && bottom <= list.bottom;
    })
    .map((row) => row.querySelector("a").pathname.split("/").at(-1));
}
"""
# From when the key arrived until the frame with its outcome is handed over: a message comes after the frame's painting.
TIMED_INPUT = """
() => {
  window.filtered = [];
  addEventListener("input", ({ timeStamp }) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.filtered.push(performance.now() - timeStamp);
      port2.postMessage(null);
    });
  }, { capture: true });
}
"""
# How often a row's text changed, of any.
COUNTED = """
() => {
  window.changed = 0;
  new MutationObserver((changes) => (window.changed += changes.length))
    .observe(document.querySelector("[role=rowgroup]"), { subtree: true, characterData: true, childList: true });
}
"""


@dataclass(frozen=True)
class Plan:
    seconds: float
    searches: int


def measure(browser: Browser, plan: Plan) -> Iterator[Figure]:
    with serving(builds.app(), devices=DEVICES) as cloud, machine(browser, cloud.origin) as context:
        page = context.new_page()
        page.goto("/devices")
        _all_there(page)
        thread = MainThread(page)
        page.evaluate(SCROLLED)
        page.wait_for_timeout(SETTLED_MS)
        rows = _seen(page, cloud)
        still = _busy(page, thread, plan.seconds)
        _changing(page, cloud, rows)
        busy = _busy(page, thread, plan.seconds)
        drawn = page.locator(ROW).count()
        cloud.update([], HZ)
        before = thread.spent()
        taken = _filter(page, plan.searches)
        spent = thread.spent() - before
    what = f"{DEVICES:,} devices, {ROWS} rows updated at {HZ} Hz"
    yield at_most(f"{what}: main thread", busy, "ms/s of processor", BUSY_GOAL_MS)
    yield beside(f"{what}: main thread", busy, "ms/s of processor", "the same without updates", still)
    yield at_most(f"{DEVICES:,} devices: rows in the DOM", drawn, "rows", DOM_GOAL)
    for percent in (50, 95):
        name = f"{DEVICES:,} devices: a key of the search until it is drawn, p{percent}"
        yield at_most(name, percentile(taken, percent), "ms", FILTER_GOAL_MS)
    name = f"{DEVICES:,} devices: all that the main thread does for a key, mean"
    yield at_most(name, spent.tasks / len(taken), "ms of processor", FILTER_GOAL_MS)


def _all_there(page: Page) -> None:
    page.wait_for_selector(ROW)
    page.wait_for_function(
        "most => Number(document.querySelector('[role=table]').getAttribute('aria-rowcount')) > most",
        arg=DEVICES,
        polling=500,
        timeout=PATIENCE_MS,
    )


def _seen(page: Page, cloud: Generated) -> list[str]:
    """Devices whose rows are wholly in view, and watched; none of the first or last ones of the list."""
    seen: list[str] = page.evaluate(SEEN)
    edges = {name_of(number) for number in (*range(ROWS), *range(DEVICES - ROWS, DEVICES))}
    rows = [name for name in seen if name not in edges][:ROWS]
    if len(rows) < ROWS or not cloud.watched.issuperset(rows):
        raise SystemExit(f"the list shows {len(seen)} rows and watches {len(cloud.watched)}: expected {ROWS} of both")
    return rows


def _changing(page: Page, cloud: Generated, rows: list[str]) -> None:
    """From now on; it is looked at that it is so."""
    page.evaluate(COUNTED)
    cloud.update(rows, HZ)
    page.wait_for_timeout(1_000)
    changed, told = page.evaluate("window.changed"), cloud.told
    if changed < told / 2:
        raise SystemExit(f"the list: of {told} readings only {changed} changed what it shows")


def _busy(page: Page, thread: MainThread, seconds: float) -> float:
    begun, before = time.perf_counter(), thread.spent()
    page.wait_for_timeout(seconds * 1000)
    spent, took = thread.spent() - before, time.perf_counter() - begun
    return spent.tasks / took


def _filter(page: Page, searches: int) -> list[float]:
    page.evaluate(TIMED_INPUT)
    search = page.get_by_role("searchbox")
    for text in SEARCHES[:searches]:
        search.fill("")
        page.wait_for_timeout(200)
        for key in text:
            search.press("Space" if key == " " else key)
            page.wait_for_timeout(50)
    keys = sum(map(len, SEARCHES[:searches]))
    page.wait_for_function("keys => window.filtered.length >= keys", arg=keys, polling=100)
    taken: list[float] = page.evaluate("window.filtered")
    found = int(page.locator("[role=table]").get_attribute("aria-rowcount") or 0) - 1
    if not 0 < found < DEVICES:
        raise SystemExit(f"the search for {text!r}: expected some of {DEVICES:,} devices, got {found:,}")
    return taken
