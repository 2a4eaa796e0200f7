"""The administrator's day: invite somebody, let them see one group, and no more; take it back; what the audit tells."""

import re
import uuid

import httpx
from playwright.sync_api import expect

from tests.e2e.cloud import wait_for

PASSWORD = "Chosen-by-a-newcomer-7"
GROUP = "plant-1/line-1"
WITHIN_S = 90
"""Within which a change of grants holds: a minute, and what a busy machine takes."""


def test_an_administrator_s_day(desk, cloud):
    email = f"newcomer-{uuid.uuid4().hex[:8]}@example.com"
    page = desk.page("/users")
    invites(page, email)

    theirs = desk.page("/", role=None)
    desk.watch.expects("status of 403.*/v1/me")
    signs_in_for_the_first_time(theirs, email, first_password(cloud, email))
    is_told_to_have_no_role(theirs)

    grants_viewer(page, email)
    comes_in(theirs)
    sees_one_group(theirs)
    may_only_look(theirs)

    takes_it_away(page)
    desk.watch.expects("status of 40[34]")
    has_lost_it(theirs)
    is_told_to_have_no_role(theirs)
    leaves(theirs)

    reads_the_audit(page)


def invites(page, email):
    page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("E-mail").fill(email)
    dialog.get_by_role("button", name="Take role 1 away").click()
    dialog.get_by_role("button", name="Invite", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("row").filter(has_text=email)).to_contain_text("invited")


def first_password(cloud, email):
    def mailed():
        messages = httpx.get(f"{cloud.details['aws']}/_ministack/ses/messages", timeout=30).json()["messages"]
        bodies = [one["BodyText"] for some in messages.values() for one in some if email in one["To"]]
        found = [match for body in bodies if (match := re.search(r"temporary password is (\S+) and", body))]
        return found and found[-1][1]

    return wait_for(f"mail to {email}", mailed, within_s=30)


def signs_in_for_the_first_time(page, email, first):
    page.get_by_label("E-mail or name").fill(email)
    page.get_by_label("Password", exact=True).fill(first)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Choose a new password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def grants_viewer(page, email):
    page.get_by_role("row").filter(has_text=email).get_by_role("link").click()
    roles = page.get_by_role("region", name="Roles")
    expect(roles.get_by_text("None: nothing is allowed.")).to_be_visible()
    roles.get_by_role("button", name="Add a role").click()
    roles.get_by_label("Role 1", exact=True).select_option("viewer")
    roles.get_by_label("Scope of role 1").fill(f"group:{GROUP}")
    roles.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The roles are saved.").first).to_be_visible()


def is_told_to_have_no_role(page):
    expect(page.get_by_role("heading", level=1, name="You have no access")).to_be_visible()
    expect(page.get_by_text("Ask an administrator for one")).to_be_visible()


def comes_in(page):
    """Without another sign-in."""

    def inside():
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Try again").or_(overview)).to_be_visible()
        return overview.is_visible()

    overview = page.get_by_role("heading", level=1, name="Overview")
    wait_for("a role", inside, WITHIN_S)


def sees_one_group(page):
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Devices").click()
    expect(page.get_by_role("link", name="machine-002")).to_be_visible()
    expect(page.get_by_role("link", name="press", exact=True)).to_have_count(0)
    page.get_by_role("searchbox", name="Search devices").fill("press")
    expect(page.get_by_text("No device matches")).to_be_visible()


def may_only_look(page):
    """What they may not do is there, does nothing, and says why."""
    page.goto("/devices/machine-002/control")
    switch = page.get_by_role("switch", name="Closed")
    expect(switch).to_be_disabled()
    expect(switch).to_have_accessible_description(re.compile("Your roles do not allow this here"))
    was = switch.get_attribute("aria-checked")
    switch.click(force=True)
    expect(switch).to_have_attribute("aria-checked", was)
    decommission = page.get_by_role("button", name="Decommission")
    expect(decommission).to_be_disabled()
    decommission.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)


def takes_it_away(page):
    roles = page.get_by_role("region", name="Roles")
    roles.get_by_role("button", name="Take role 1 away").click()
    roles.get_by_role("button", name="Save").click()
    expect(roles.get_by_text("None: nothing is allowed.")).to_be_visible()
    expect(roles.get_by_role("button", name="Save")).to_be_disabled()


def has_lost_it(page):
    """By the next load, within a minute."""

    def refused():
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page.get_by_role("heading", level=1, name="You have no access").is_visible()

    wait_for("an end of access", refused, WITHIN_S)


def leaves(page):
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()


def reads_the_audit(page):
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit").click()
    newest = page.get_by_role("group").filter(has_text="grants.replace").first
    newest.get_by_text("grants.replace").click()
    row = newest.get_by_role("row").filter(has_text="scope")
    expect(row).to_contain_text(f"group:{GROUP}")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("region", name="Is it as it was written?").get_by_text("intact")).to_be_visible()
