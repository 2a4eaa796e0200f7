"""Debian's Chromium, and what its main thread did."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from tests.debian import MissingError, fetch_browser

SIZE = {"width": 1920, "height": 1200}
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    try:
        executable = str(fetch_browser())
    except MissingError as exc:
        raise SystemExit(str(exc)) from None
    # In a container the shared memory is small, and Chromium's sandbox is not for root.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


@contextmanager
def machine(browser: Browser, origin: str, state: Any = None) -> Iterator[BrowserContext]:
    """Somebody's browser that was never here: nothing is kept but `state`, and nothing is compiled."""
    settings = {"viewport": SIZE, "base_url": origin, "storage_state": state, "locale": "en-GB", "timezone_id": "UTC"}
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@dataclass(frozen=True)
class Spent:
    """Of the page's main thread, in ms of processor time: of all tasks, and of the scripts in them."""

    tasks: float
    scripts: float

    def __sub__(self, earlier: "Spent") -> "Spent":
        return Spent(self.tasks - earlier.tasks, self.scripts - earlier.scripts)


class MainThread:
    """Counts from the first look on, and over navigations within a site."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        # Not by the clock: what else the machine does is none of the page's.
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent(self) -> Spent:
        told = self._session.send("Performance.getMetrics")["metrics"]
        seconds = {metric["name"]: metric["value"] for metric in told}
        return Spent(seconds["TaskDuration"] * 1000, seconds["ScriptDuration"] * 1000)
