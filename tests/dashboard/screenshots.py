"""Pictures of every page: light, dark and as on a phone, of a plant at work in a laptop cloud.

    python -m tests.dashboard.screenshots [--port P] [--docs] [--only WORD] [--origin URL]

They come to `.local/screenshots/`; `--docs` has the best of them in `docs/images/dashboard/` as well. A cloud that runs
on the port is taken and left as it runs.
"""

import argparse
import base64
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooLate

from tests.dashboard.browser import PHONE, chromium, signed_in
from tests.dashboard.scene import SILENT, Scene
from tests.e2e.cloud import ROOT, Cloud

PORT = 18660
SIMULATED = 9
FOLDER = ROOT / ".local" / "screenshots"
DOCS = ROOT / "docs" / "images" / "dashboard"
DESK = {"viewport": {"width": 1280, "height": 800}}
HEAVIEST = 150_000
"""A picture in the docs weighs no more bytes than that."""
MODES: dict[str, dict[str, Any]] = {
    "light": {**DESK, "color_scheme": "light"},
    "dark": {**DESK, "color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "light"},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
}
BUSY_MS = 10_000
QUIET_MS = 1500
"""After nothing is on its way any more: charts are drawn, and the first live values have come."""


@dataclass(frozen=True)
class View:
    """A picture to take: of `path`, once `prepare` has done what a person would."""

    name: str
    path: str
    prepare: Callable[[Page], None] | None = None
    in_docs: tuple[str, ...] = ()
    signed_in: bool = True


def _named(button: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=button).first.click()


def views(alarm: str, user: str) -> tuple[View, ...]:
    """Every page. `alarm` and `user` are those whose pages are shown."""
    return (
        View("sign-in", "/", signed_in=False),
        View("overview", "/", in_docs=("light", "dark", "phone")),
        View("devices", "/devices", in_docs=("light", "phone")),
        View("device", "/devices/machine-002", in_docs=("light", "phone")),
        View("device-control", "/devices/machine-008/control", in_docs=("light",)),
        View("device-control-offline", f"/devices/{SILENT}/control"),
        View("device-history", "/devices/climate-007/history"),
        View("device-configuration", "/devices/machine-002/configuration"),
        View("device-alarms", "/devices/machine-008/alarms"),
        View("device-rules", "/devices/machine-008/rules"),
        View("device-events", "/devices/machine-002/events"),
        View("device-quarantine", "/devices/cold-store-2/quarantine"),
        View("device-access", f"/devices/{SILENT}/access"),
        View("charts", CHARTS, in_docs=("light", "dark", "phone")),
        View("alarms", "/alarms", in_docs=("light", "phone")),
        View("alarm", f"/alarms/{alarm}", in_docs=("light",)),
        View("rules", "/rules"),
        View("rule", "/rules/server-room-hot", in_docs=("light",)),
        View("rule-new", "/rules/new"),
        View("map", "/map", in_docs=("light", "dark")),
        View("add", "/devices/new", in_docs=("phone",)),
        View("users", "/users"),
        View("user", f"/users/{user}"),
        View("keys", "/keys"),
        View("audit", "/audit", in_docs=("light",)),
        View("system", "/system", in_docs=("light",)),
        View("account", "/", prepare=_named("Account")),
        View("shortcuts", "/devices", prepare=lambda page: page.keyboard.press("?")),
        View("nowhere", "/nowhere"),
    )


CHARTS = (
    "/charts?s=climate-007%3Atemperature&s=climate-004%3Atemperature&s=machine-002%3Acurrent"
    "&s=machine-005%3Acurrent&from=now-24h"
)


def settled(page: Page) -> str | None:
    """Until what was asked for has come: there is a heading, and no part is busy. Says what it waited for in vain."""
    try:
        page.wait_for_function(
            "() => document.querySelector('h1') && !document.querySelector('[aria-busy=true]')"
            " && !document.body.innerText.includes('counting…')",
            timeout=BUSY_MS,
        )
    except TooLate:
        return "has no heading, or is still busy"
    page.wait_for_timeout(QUIET_MS)
    return None


def taken(
    browser: Browser, origin: str, state: dict[str, Any], modes: list[str], shown: tuple[View, ...], *, full: bool
) -> list[str]:
    """One context a mode, as of somebody who was there before. Gives what is wrong with the pages."""
    wrong = []
    for mode in modes:
        contexts = {
            one: browser.new_context(
                base_url=origin, locale="en-GB", timezone_id="UTC", storage_state=state if one else None, **MODES[mode]
            )
            for one in (True, False)
        }
        pages = {one: context.new_page() for one, context in contexts.items()}
        for view in shown:
            page = pages[view.signed_in]
            page.goto(view.path)
            missed = settled(page)
            if view.prepare:
                view.prepare(page)
                page.wait_for_timeout(300)
            # An alarm that has just come would lie over the page.
            page.evaluate("document.querySelectorAll('.notices button').forEach((one) => one.click())")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if missed or wide > 0:
                wrong.append(f"{view.name}, {mode}: {missed or f'{wide} px wider than the window'}")
            page.screenshot(path=FOLDER / f"{view.name}-{mode}.png", full_page=full)
        for context in contexts.values():
            context.close()
    return wrong


_SMALLER = """async ([png, quality, width]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(width, image.naturalWidth);
  canvas.height = Math.round(image.naturalHeight * canvas.width / image.naturalWidth);
  const drawn = canvas.getContext("2d");
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


def to_docs(browser: Browser, shown: tuple[View, ...]) -> None:
    """The best as WebP, each as good as its weight allows."""
    DOCS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page()
    for view in shown:
        for mode in view.in_docs:
            png = base64.b64encode((FOLDER / f"{view.name}-{mode}.png").read_bytes()).decode()
            named = "" if mode == "light" else f"-{mode}"
            width = 600 if mode.startswith("phone") else 1280
            for quality in (0.92, 0.85, 0.75, 0.6):
                webp = base64.b64decode(page.evaluate(_SMALLER, [png, quality, width]))
                if len(webp) <= HEAVIEST:
                    break
            (DOCS / f"{view.name}{named}.webp").write_bytes(webp)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=PORT, help="of the laptop cloud")
    parser.add_argument("--origin", help="where the dashboard is served instead, as by `npm run dev`")
    parser.add_argument("--only", default="", metavar="WORD", help="pages whose name begins so")
    parser.add_argument("--mode", action="append", choices=MODES, help="light, dark, phone, phone-dark; else all")
    parser.add_argument("--full", action="store_true", help="the whole page, and not what the window shows")
    parser.add_argument("--docs", action="store_true", help="the best go to docs/images/dashboard/")
    asked = parser.parse_args()
    modes = asked.mode or list(MODES)
    FOLDER.mkdir(parents=True, exist_ok=True)

    cloud = Cloud(asked.port, FOLDER)
    started = not cloud.status().get("ready")
    began = time.monotonic()

    def say(what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {what}\n")
        sys.stdout.flush()

    try:
        if started:
            say(f"starting a laptop cloud on port {asked.port}")
            cloud.run("local", "up", "--detach", "--port", str(asked.port), "--devices", str(SIMULATED))
        scene = Scene(cloud)
        scene.set_up(say)
        shown = tuple(view for view in views(*scene.subjects()) if view.name.startswith(asked.only))
        scene.close()
        state = signed_in(cloud.details["api"], cloud.details["user"], cloud.details["password"])
        with chromium() as browser:
            origin = (asked.origin or cloud.details["dashboard"]).rstrip("/")
            say(f"{len(shown)} pages, each {len(modes)} times")
            wrong = taken(browser, origin, state, modes, shown, full=asked.full)
            if asked.docs:
                to_docs(browser, shown)
        say(f"{FOLDER.relative_to(ROOT)} has them")
    finally:
        if started:
            cloud.run("local", "down", "--purge", "--port", str(asked.port), check=False)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
