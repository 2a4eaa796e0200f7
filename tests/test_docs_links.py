"""Every link between the pages leads to a file that is there and to a heading that it has."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[`~]*\s*?$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
LINKS = (
    re.compile(r"\]\(\s*<?([^\s)>]+)>?(?:\s+[\"'(].*?[\"')])?\s*\)"),
    re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE),
    re.compile(r"<[a-z]+\s[^>]*?\b(?:href|src|srcset)=[\"']([^\"'\s]+)"),
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def anchors(text):
    """What GitHub makes of a page's headings: lower case, without punctuation, hyphens for spaces, and numbered."""
    seen, found = Counter(), set()
    text = FENCED.sub("", text)
    for heading in re.findall(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", text, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found | set(re.findall(r"<a\s[^>]*?\b(?:id|name)=[\"']([^\"']+)", text))


def links(text):
    """Targets within the repository, in the order of the patterns."""
    text = CODE.sub("", FENCED.sub("", text))
    return [target for pattern in LINKS for target in pattern.findall(text) if not ELSEWHERE.match(target)]


def broken(page):
    """What is wrong with the page's links."""
    for target in links(page.read_text()):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{target}: there is no {path}"
        elif not file.is_relative_to(ROOT):
            yield f"{target}: outside of the repository"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            yield f"{target}: {path or page.name} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert list(broken(page)) == []


def test_what_is_not_there_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# Other\n## The `agent`, too!\n## The agent too\n```\n# no heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n[a](other.md) [b](other.md#the-agent-too-1) ![c](#page) [d](https://example.com/x) `[e](code.md)`\n"
        "```\n[f](code.md)\n```\n"
        '[g](gone.md "title") [h](other.md#no-heading) [i](#nowhere) [j](../up.md)\n'
        '<img src="gone.svg">\n[k]: gone.txt\n'
    )

    assert list(broken(page)) == [
        "gone.md: there is no gone.md",
        "other.md#no-heading: other.md has no such heading",
        "#nowhere: page.md has no such heading",
        "../up.md: there is no ../up.md",
        "gone.txt: there is no gone.txt",
        "gone.svg: there is no gone.svg",
    ]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What it promises", "what-it-promises"),
        ("`run --json`: a log", "run---json-a-log"),
        ("Über I²C & GPIO", "über-i²c--gpio"),
        ("See [the agent](agent.md) ##", "see-the-agent"),
        ("snake_case", "snake_case"),
    ],
)
def test_anchors_are_githubs(heading, anchor):
    assert anchors(f"# {heading}\n") == {anchor}
