"""axe-core over a page as it stands: nothing that WCAG 2.2 AA, or axe's own good practice, objects to."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"

# A colour that is still moving from one to the other has no contrast of its own.
_RUN = """async () => {
  const moving = document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity);
  await Promise.allSettled(moving.map((one) => one.finished));
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => ({
    id, help, nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`),
  }));
}"""


def no_axe_violations(page: Page) -> None:
    """Fails with each rule that is violated, and the elements that do."""
    found: list[dict[str, Any]] = _run(page)
    told = [f"{one['id']}: {one['help']}\n  " + "\n  ".join(one["nodes"]) for one in found]
    assert told == [], f"axe, on {page.url}:\n" + "\n".join(told)


def _run(page: Page) -> list[dict[str, Any]]:
    # By the debugger, to which the page's CSP does not apply.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    return page.evaluate(_RUN)


@cache
def _source() -> str:
    return SOURCE.read_text()
