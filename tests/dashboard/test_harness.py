"""The harness tells a page that is right from one that is not."""

import pytest
from playwright.sync_api import expect

from tests.dashboard.axe import no_axe_violations
from tests.dashboard.browser import Watch


@pytest.mark.parametrize("page", [{}, {"phone": True, "dark": True}], indirect=True, ids=["desk", "phone by night"])
def test_the_overview_opens_for_whoever_is_signed_in(page):
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    expect(page.get_by_role("button", name="Live data: Live")).to_be_visible()
    no_axe_violations(page)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("setTimeout(() => { throw new Error('broken') })", "exception: .*broken"),
        ("console.error('told')", "console: told"),
        (
            "document.body.append(Object.assign(document.createElement('img'), {src: 'http://elsewhere.test/x'}))",
            "violates",
        ),
    ],
    ids=["exception", "console", "CSP"],
)
def test_what_a_page_complains_of_fails_its_test(desk, script, complaint):
    watch = Watch()
    page = desk.page()
    watch.over(page.context)
    desk.watch.expects(".")
    with page.context.expect_event("weberror" if "throw" in script else "console"):
        page.evaluate(script)
    with pytest.raises(AssertionError, match=complaint):
        watch.verify()
    watch.expects(complaint)
    watch.verify()


def test_axe_finds_what_it_objects_to(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    with pytest.raises(AssertionError, match="label"):
        no_axe_violations(page)
