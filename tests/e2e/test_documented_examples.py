"""Every example of docs/api.md, run as a reader would run it, against the laptop cloud."""

import os

from tests.documented import Shell, agrees, steps
from tests.e2e.cloud import BIN, ROOT

PAGE = ROOT / "docs" / "api.md"


def test_every_example_of_the_api_s_page_prints_what_the_page_shows(cloud, tmp_path):
    page = PAGE.read_text().replace("8420", str(cloud.port))
    shell = Shell(ROOT, {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)})
    try:
        for step in steps(page):
            status, printed = shell.run(step.command)
            said = f"docs/api.md:{step.line}\n{step.command}\nprinted {printed!r}\nis shown as {step.shown!r}"
            assert status == 0, said
            assert agrees(step.shown, printed), said
    finally:
        shell.close()
