"""Every example with `curl`, and every one of docs/api.md, run as a reader would run it, against the laptop cloud."""

import os

import pytest

from tests.documented import CURL, PAGES_WITH_CURL, Shell, agrees, steps
from tests.e2e.cloud import BIN, ROOT

API, *OTHERS = PAGES_WITH_CURL


@pytest.fixture
def shell(tmp_path):
    shell = Shell(ROOT, {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)})
    yield shell
    shell.close()


def read(page, cloud):
    """The page, of this instance."""
    text = (ROOT / page).read_text()
    return text.replace("http://127.0.0.1:8421", cloud.details["aws"]).replace("8420", str(cloud.port))


def run(shell, page, some):
    for step in some:
        status, printed = shell.run(step.command)
        said = f"{page}:{step.line}\n{step.command}\nprinted {printed!r}\nis shown as {step.shown!r}"
        assert status == 0, said
        assert agrees(step.shown, printed), said


def test_every_example_of_the_api_s_page_prints_what_the_page_shows(cloud, shell):
    run(shell, API, steps(read(API, cloud)))


@pytest.mark.parametrize("page", OTHERS)
def test_every_curl_of_another_page_prints_what_the_page_shows(cloud, shell, page):
    api = read(API, cloud)
    signing_in = api[: api.index("### Create a device")]
    run(shell, API, steps(signing_in))
    examples = steps(read(page, cloud), CURL)
    assert examples
    run(shell, page, examples)
