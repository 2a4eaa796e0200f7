"""The installer's day, on a phone: add a device, type what the page says, see its first reading, pull its plug."""

import os
import re
import signal
import subprocess
import uuid
from contextlib import contextmanager

from playwright.sync_api import expect

from tests.e2e.cloud import BIN

SETTLED_MS = 120_000
"""A device is offline once it has not come back for half a minute."""


def test_an_installer_s_day(desk, ask, tmp_path):
    thing = f"pump-{uuid.uuid4().hex[:6]}"
    page = desk.page("/devices", role="admin", phone=True)
    page.get_by_role("button", name="Add a device").click()
    is_registered(page, thing)
    enrol, run = commands(page)

    typed(enrol, tmp_path)
    with typing(run, tmp_path) as agent:
        # By itself: the page is not touched.
        waiting = page.get_by_role("region", name="First reading")
        expect(waiting.get_by_role("link", name="Open the device")).to_be_visible(timeout=60_000)
        expect(waiting.get_by_role("listitem").filter(has_text="Temperature")).to_contain_text("°C")
        waiting.get_by_role("link", name="Open the device").click()
        expect(page.get_by_role("heading", level=1, name="Pump of the test")).to_be_visible()
        expect(status(page, "online")).to_be_visible()
        no_scroll_to_the_side(page)
        os.killpg(agent.pid, signal.SIGKILL)
        expect(status(page, "offline")).to_be_visible(timeout=SETTLED_MS)
    with typing(run, tmp_path):
        expect(status(page, "online")).to_be_visible(timeout=SETTLED_MS)
        assert ask("GET", f"/devices/{thing}")["presence"]["status"] == "online"


def is_registered(page, thing):
    page.get_by_role("button", name="Add it").click()
    # What is missing is named, and nothing was sent.
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name", exact=True).fill("Pump of the test")
    expect(page.get_by_label("Thing name")).to_have_value("pump-of-the-test")
    page.get_by_label("Thing name").fill(thing)
    page.get_by_label("Model").select_option("climate")
    page.get_by_label("Group").fill("test/site")
    no_scroll_to_the_side(page)
    page.get_by_role("button", name="Add it").click()


def commands(page):
    """As they stand on the page, for a machine without sensors."""
    section = page.get_by_role("region", name="On the Raspberry Pi")
    expect(section.locator("pre")).to_have_count(3)
    no_scroll_to_the_side(page)
    section.get_by_label("simulated, on any machine").check()
    expect(section.locator("pre")).to_have_count(2)
    return section.locator("pre").all_inner_texts()


def no_scroll_to_the_side(page):
    width, shown = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= shown, page.url


def status(page, word):
    return page.get_by_role("main").get_by_text(re.compile(f"^{word}$")).first


def shell(command):
    """With the agent that is installed beside the tests; the shell becomes the last command."""
    return ["/bin/bash", "-c", command], {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


def typed(command, folder):
    words, environment = shell(command)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


@contextmanager
def typing(command, folder):
    words, environment = shell(command)
    with (folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
