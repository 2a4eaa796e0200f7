"""From the address in the browser until the overview's figures are shown, signed in, on a laptop cloud that is warm."""

import statistics
from collections.abc import Iterator

from playwright.sync_api import Browser

from bench.agents.figures import Figure, at_most
from bench.dashboards.browser import MainThread, Spent, machine
from bench.dashboards.cloud import Cloud

GOAL_MS = 350.0
# A file of the same site that is no app: the process that will run the app is there, and has done nothing yet.
BEFORE = "/icon.svg"
SHOWN = """
window.shown = new Promise((done) => {
  new MutationObserver((_changes, observer) => {
    if (!document.querySelector("main a[href^='/devices?status='] strong")) return;
    observer.disconnect();
    done(performance.now());
  }).observe(document, { childList: true, subtree: true });
});
"""


def measure(browser: Browser, cloud: Cloud, times: int) -> Iterator[Figure]:
    _once(browser, cloud)  # what the cloud's functions do for the first time is not the page's
    taken = [_once(browser, cloud) for _ in range(times)]
    of_all = statistics.median(spent.tasks for spent, _ in taken)
    yield at_most(f"overview usable: main thread, median of {times}", of_all, "ms of processor", GOAL_MS)
    scripts = statistics.median(spent.scripts for spent, _ in taken)
    yield Figure("overview usable: scripts in it", scripts, "ms of processor")
    waited = statistics.median(ms for _, ms in taken)
    yield Figure("overview usable: by the clock, with the API's answers", waited, "ms")


def _once(browser: Browser, cloud: Cloud) -> tuple[Spent, float]:
    with machine(browser, cloud.origin, cloud.signed_in()) as context:
        page = context.new_page()
        page.goto(BEFORE)
        page.add_init_script(SHOWN)
        thread = MainThread(page)
        before = thread.spent()
        page.goto("/", wait_until="commit")
        ms: float = page.evaluate("window.shown")
        return thread.spent() - before, ms
