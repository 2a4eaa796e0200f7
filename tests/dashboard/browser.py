"""Debian's Chromium as a person has it: at a desk or in the hand, by day or by night, signed in or not."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, expect, sync_playwright

from tests.debian import browser as installed

DESKTOP = {"viewport": {"width": 1360, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PATIENCE_MS = 30_000
"""For what the page shall show by itself, on a machine that is busy."""
COOKIE = "fieldline_refresh"


@contextmanager
def chromium() -> Iterator[Browser]:
    """One for all tests; each has contexts of its own."""
    executable = str(installed())
    # In a container the shared memory is small, and Chromium's sandbox is not for root.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


def signed_in(api: str, user: str, password: str) -> dict[str, Any]:
    """A context's `storage_state`: the cookie that a sign-in in the browser leaves. It is spent by no use."""
    answer = httpx.post(f"{api}/auth/login", json={"user": user, "password": password}, timeout=120)
    cookie = {
        "name": COOKIE,
        "value": answer.raise_for_status().cookies[COOKIE],
        "domain": httpx.URL(api).host,
        "path": "/v1/auth",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Strict",
    }
    return {"cookies": [cookie], "origins": []}


class Watch:
    """What a page complained about: exceptions, errors of the console, and with them what its CSP forbade."""

    def __init__(self) -> None:
        self._complaints: list[str] = []
        self._expected: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.on("weberror", self._raised)
        context.on("console", self._said)

    def expects(self, *patterns: str) -> None:
        """Complaints that match one of these belong to the test; each is a regular expression."""
        self._expected += patterns

    def verify(self) -> None:
        left = [one for one in self._complaints if not any(re.search(pattern, one) for pattern in self._expected)]
        assert left == [], "the page complained:\n" + "\n".join(left)

    def forget(self) -> None:
        """Where several tests share a page: the next one answers for its own."""
        self._complaints.clear()

    def _raised(self, error: WebError) -> None:
        self._complaints.append(f"exception: {error.error}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"console: {message.text} ({message.location.get('url', '')})")


class Desk:
    """Opens the dashboard of one cloud, as many people on as many machines as the test wants."""

    def __init__(self, browser: Browser, origin: str, states: dict[str, Any], watch: Watch) -> None:
        self._browser = browser
        self._states = states
        self.origin = origin
        self.watch = watch
        self._contexts: list[BrowserContext] = []

    def machine(
        self, role: str | None = "admin", *, phone: bool = False, dark: bool = False, **more: Any
    ) -> BrowserContext:
        """A browser of its own. `role`: admin, operator, viewer, or None for nobody signed in."""
        settings = {
            **(PHONE if phone else DESKTOP),
            "base_url": self.origin,
            "color_scheme": "dark" if dark else "light",
            "locale": "en-GB",
            "timezone_id": "UTC",
            "storage_state": None if role is None else self._states[role],
            **more,
        }
        context = self._browser.new_context(**settings)
        context.set_default_timeout(PATIENCE_MS)
        if role is None:
            self.watch.expects(r"status of 401.*/v1/auth/refresh")  # nobody is known yet
        self.watch.over(context)
        self._contexts.append(context)
        return context

    def page(self, path: str = "/", **machine: Any) -> Page:
        page = self.machine(**machine).new_page()
        page.goto(path)
        return page

    def pages(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages]

    def close(self) -> None:
        for context in self._contexts:
            context.close()
