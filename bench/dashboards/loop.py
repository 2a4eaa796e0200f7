"""From a wish for a device's state to the pixels that show what its agent reports, through all that is between.

The wish is sent by the API, as another person's; the page of the device shows what it reported last. Its clock and ours
are the same machine's.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page

from bench.agents.figures import Figure, at_most
from bench.apis.percentiles import percentile
from bench.dashboards.browser import machine
from bench.dashboards.cloud import Cloud
from device_agent.shadow.named import LEAST_INTERVAL_S

GOAL_MS = 1000.0
MODEL, ACTUATOR = "machine", "relay"
WARM_UP = 3
LOOK_MS, FRAME_WAIT_MS = 50, 20_000
PAUSE_MS = 1_500
AGENT_RESTS_MS = LEAST_INTERVAL_S * 1000
"""An agent asks its shadow once a second at most: first what is desired, then to take what it did.

PAUSE_MS is longer, so that what it did before holds up nothing.
"""
# Each text that is reported, with when the frame that shows it was handed over.
WATCHED = """
() => {
  window.reports = [];
  const shown = () =>
    [...document.querySelectorAll("dt")].find((name) => name.textContent === "Reported").nextElementSibling.textContent;
  let last = shown();
  new MutationObserver(() => {
    const text = shown();
    if (text === last) return;
    last = text;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.reports.push({ text, at: Date.now() });
      port2.postMessage(null);
    });
  }).observe(document.querySelector("main"), { childList: true, characterData: true, subtree: true });
}
"""


def measure(browser: Browser, cloud: Cloud, times: int) -> Iterator[Figure]:
    device = cloud.find(MODEL)
    state = f"/devices/{device}/state"
    reported = cloud.wait(f"{device}: a report of its {ACTUATOR}", lambda: _reported(cloud, state))
    on = bool(reported["on"])
    taken, of_report, frames = [], [], []
    with machine(browser, cloud.origin, cloud.signed_in()) as context:
        page = context.new_page()
        # Playwright marks the function that it is given, which a method of a list does not allow.
        page.on("websocket", lambda socket: socket.on("framereceived", lambda text: frames.append(text)))  # noqa: PLW0108
        page.goto(f"/devices/{device}/control")
        page.get_by_role("term").filter(has_text="Reported").wait_for()
        page.wait_for_timeout(8_000)  # until nothing of what is watched can be missed
        page.evaluate(WATCHED)
        for number in range(WARM_UP + times):
            on = not on
            known = page.evaluate("window.reports.length")
            frames.clear()
            begun = time.time() * 1000
            cloud.ask("PATCH", state, {"values": {ACTUATOR: {"on": on}}})
            report = _next(page, known, device)
            if number >= WARM_UP:
                taken.append(report["at"] - begun)
                of_report.append(report["at"] - _reported_at(page, frames, on=on))
            page.wait_for_timeout(PAUSE_MS)
        if _reported(cloud, state) != {"on": on}:
            raise SystemExit(f"{device}: what it reports is not what was wanted last, {ACTUATOR} {on}")
    what = "from the cloud's receipt of a report to its pixels"
    yield Figure(f"{what}, p50", percentile(of_report, 50), "ms")
    yield at_most(f"{what}, p95", percentile(of_report, 95), "ms", GOAL_MS)
    for percent in (50, 95):
        name = f"from a wish by the API to the reported state in pixels, p{percent}"
        yield Figure(name, percentile(taken, percent), "ms", f"of it {AGENT_RESTS_MS:g} ms in which the agent rests")


def _reported(cloud: Cloud, state: str) -> dict[str, Any] | None:
    values: dict[str, dict[str, Any]] = cloud.ask("GET", state)["reported"]["values"]
    return values.get(ACTUATOR)


def _reported_at(page: Page, frames: list[Any], *, on: bool) -> int:
    """When the cloud was told, as the first frame says that tells of it. The page may have read it before that came."""
    for _ in range(FRAME_WAIT_MS // LOOK_MS):
        for event in (event for frame in map(json.loads, frames) for event in frame.get("events", ())):
            told = event["kind"] == "state" and "version" not in event["data"]
            if told and event["data"]["reported"].get(ACTUATOR, {}).get("on") is on:
                return int(event["at"])
        page.wait_for_timeout(LOOK_MS)
    raise SystemExit(f"no frame tells of {ACTUATOR} {on}, only {frames}")


def _next(page: Page, known: int, device: str) -> dict[str, Any]:
    page.wait_for_function("known => window.reports.length > known", arg=known, polling=50)
    report: dict[str, Any] = page.evaluate("known => window.reports[known]", known)
    if page.evaluate("window.reports.length") > known + 1:
        raise SystemExit(f"{device}: one wish showed more than one report: {page.evaluate('window.reports')}")
    return report
