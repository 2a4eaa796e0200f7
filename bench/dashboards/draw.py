"""A chart of many points while readings come, one draw for each."""

from collections.abc import Iterator

from playwright.sync_api import Browser

from bench.agents.figures import Figure, at_most
from bench.apis.percentiles import percentile
from bench.dashboards import builds
from bench.dashboards.browser import MainThread, machine
from bench.dashboards.generated import serving

POINTS = 10_000
HZ = 10
GOAL_MS = 3.0
WARM_UP = 20


def measure(browser: Browser, draws: int) -> Iterator[Figure]:
    with serving(builds.pages(), builds.PAGES) as cloud, machine(browser, cloud.origin) as context:
        page = context.new_page()
        page.goto(f"/chart.html?points={POINTS}&hz={HZ}")
        page.evaluate("draws => window.measure(draws)", WARM_UP)
        thread = MainThread(page)
        before = thread.spent()
        taken = page.evaluate("draws => window.measure(draws)", draws)
        spent = thread.spent() - before
    if taken["points"] != POINTS:
        raise SystemExit(f"the chart: expected {POINTS:,} points, got {taken['points']:,}")
    what = f"{POINTS:,} points at {HZ} Hz"
    yield at_most(f"{what}: a draw, p50", percentile(taken["draws"], 50), "ms", GOAL_MS)
    yield Figure(f"{what}: a draw, p95", percentile(taken["draws"], 95), "ms")
    name = f"{what}: all scripts for a draw, from the reading on, mean"
    yield at_most(name, spent.scripts / draws, "ms of processor", GOAL_MS)
    name = f"{what}: all that the main thread does for a draw, mean"
    yield Figure(name, spent.tasks / draws, "ms of processor", "with the canvas' pixels, which no GPU draws here")
