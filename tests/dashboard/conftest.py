"""The dashboard in a browser, on a laptop cloud with real agents.

    FIELDLINE_KEEP_CLOUD=1 python -m pytest tests/dashboard -q -k operator

leaves the cloud running and takes the one that runs, which saves its start while a test is written.
FIELDLINE_DASHBOARD_TEST_PORT chooses another one, FIELDLINE_DASHBOARD_ORIGIN another build than `dashboard/dist`, as
`vite preview` serves it.
"""

import os
import uuid
from pathlib import Path

import pytest

from device_agent import identity
from tests.e2e.cloud import ROOT, Cloud
from tests.e2e.people import PASSWORD, Asking

PORT = int(os.environ.get("FIELDLINE_DASHBOARD_TEST_PORT", "18620"))
ORIGIN = os.environ.get("FIELDLINE_DASHBOARD_ORIGIN")
KEPT = bool(os.environ.get("FIELDLINE_KEEP_CLOUD"))
DEVICES = {"press": "machine"}
"""Those whose agents the tests start themselves."""
SIMULATED = 6
ROLES = ("operator", "viewer")


def pytest_ignore_collect(collection_path, config):
    # None of these is a unit test, and a worker need not import Playwright to find out.
    return True if config.option.markexpr == "not cloud" else None


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cloud)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """One laptop cloud, with simulated devices and `DEVICES`, which serves the dashboard as it was built."""
    if not ORIGIN and not (ROOT / "dashboard" / "dist" / "index.html").is_file():
        pytest.fail("dashboard/dist is missing: build it with `make dashboard`", pytrace=False)
    folder = ROOT / ".local" / f"dashboard-{PORT}" if KEPT else tmp_path_factory.mktemp("fleet")
    cloud = Cloud(PORT, folder)
    if KEPT and folder.exists() and cloud.status().get("ready"):
        yield cloud
        return
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, model in DEVICES.items():
        identity.create(name, folder)
        entries.append(f'[[device]]\nname = "{name}"\nmodel = "{model}"\ngroup = "test/hall"\ncsr = "{name}.csr"\n')
    (folder / "fleet.toml").write_text("\n".join(entries))
    cloud.run("local", "down", "--purge", "--port", str(PORT), check=False)
    try:
        cloud.up("--devices", str(SIMULATED))
        yield cloud
    finally:
        if not KEPT:
            cloud.run("local", "down", "--purge", "--port", str(PORT), check=False)


@pytest.fixture(scope="session")
def asking(cloud):
    """The API, as root and as those who were added."""
    asking = Asking(cloud)
    yield asking
    asking.close()


@pytest.fixture(scope="session")
def ask(asking):
    """The API as the administrator: the document of an answer that is none of refusal."""

    def ask(method, path, **more):
        answer = asking("root", method, path, **more)
        assert answer.status < 400, answer
        return answer.document

    return ask


@pytest.fixture(scope="session")
def states(cloud, asking):
    """By role: what a browser holds that is signed in. `admin` is the cloud's own."""
    from tests.dashboard.browser import signed_in

    api = cloud.details["api"]
    known = {"admin": signed_in(api, cloud.details["user"], cloud.details["password"])}
    for role in ROLES:
        email = f"{role}@example.com"
        if asking("nobody", "POST", "/auth/login", body={"user": email, "password": PASSWORD}).status != 200:
            asking.add_user(role, email, [{"role": role, "scope": "*"}])
        known[role] = signed_in(api, email, PASSWORD)
    return known


@pytest.fixture(scope="session")
def person(cloud, asking, states):
    """Adds somebody with grants, who is a role of `desk` then; gives the address. The password is `people.PASSWORD`."""
    from tests.dashboard.browser import signed_in

    def add(name, *grants):
        email = f"{name}-{uuid.uuid4().hex[:8]}@example.com"
        asking.add_user(name, email, [{"role": role, "scope": scope} for role, scope in grants])
        states[name] = signed_in(cloud.details["api"], email, PASSWORD)
        return email

    return add


@pytest.fixture(scope="session")
def chromium():
    from tests.dashboard.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def origin(cloud):
    """Where the dashboard is, without a slash at its end."""
    return (ORIGIN or cloud.details["dashboard"]).rstrip("/")


@pytest.fixture(scope="session")
def subjects(ask):
    """Whose pages are looked at: an alarm that is open, a rule, and somebody."""
    from tests.e2e.cloud import wait_for

    when = {"metric": "temperature", "above": -40}
    rule = {"rule": "looked-at", "title": "Looked at", "scope": "device:climate-004", "severity": "info", "when": when}
    if "looked-at" not in {one["id"] for one in ask("GET", "/rules", query={"limit": 200})["items"]}:
        ask("POST", "/rules", body={"document": rule})

    def raised():
        found = ask("GET", "/devices/climate-004/alarms")["items"]
        return next((one["id"] for one in found if (one["rule"], one["state"]) == ("looked-at", "active")), None)

    yield {"alarm": wait_for("the alarm", raised), "rule": "looked-at", "user": ask("GET", "/users")["items"][0]["id"]}
    ask("DELETE", "/rules/looked-at")


@pytest.fixture
def watch():
    """Fails the test whose page complains of what it did not `expect`."""
    from tests.dashboard.browser import Watch

    watch = Watch()
    yield watch
    watch.verify()


@pytest.fixture
def desk(request, chromium, origin, states, watch, tmp_path):
    """Browsers to open: `desk.page("/devices", role="viewer", phone=True, dark=True)`."""
    from tests.dashboard.browser import Desk

    desk = Desk(chromium, origin, states, watch)
    yield desk
    if request.node.stash.get(FAILED, False):
        for number, page in enumerate(desk.pages()):
            request.node.add_report_section(
                "teardown", f"page {number}: {page.url}", _seen(page, tmp_path / f"page-{number}.png")
            )
    desk.close()


def _seen(page, picture):
    page.screenshot(path=picture)
    return f"{picture}\n{page.locator('body').aria_snapshot()}"


@pytest.fixture
def page(desk, request):
    """The overview, as the administrator at a desk; `indirect` parameters are those of `desk.page`."""
    return desk.page(**getattr(request, "param", {}))
