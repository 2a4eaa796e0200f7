import os
import re
from pathlib import Path

import pytest

from tests.documented import CURL, PAGES_WITH_CURL, Shell, agrees, blocks, steps

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "clients").glob("*/README.md"))]

PAGE = """\
Words.

```sh
export WHO=world
echo "hello $WHO"   # a comment
# hello world
for n in 1 2; do
  echo $n
done
# 1
# 2
```

```json
{"not": "run"}
```

```sh
echo "{\\"id\\": \\"$WHO\\", \\"at\\": 12}" \\
  | cat
# {"id": "world", "at": …}
```
"""


def test_each_command_is_found_with_its_line_and_what_it_shows():
    assert [(one.line, one.shown) for one in steps(PAGE)] == [
        (4, ""),
        (5, "hello world"),
        (7, "1\n2"),
        (19, '{"id": "world", "at": …}'),
    ]


def test_only_the_blocks_that_have_something_are_taken():
    assert [one.line for one in steps(PAGE, re.compile("cat"))] == [19]


def test_every_curl_that_a_reader_is_shown_is_run():
    """By tests/e2e/test_documented_examples.py, which takes the `sh` blocks of these pages."""
    shown = {}
    for page in PAGES:
        text = page.read_text()
        if found := len(CURL.findall(text)):
            shown[str(page.relative_to(ROOT))] = found - sum(len(CURL.findall(one[1])) for one in blocks(text))
    assert shown == dict.fromkeys(PAGES_WITH_CURL, 0)


def test_blocks_share_a_shell():
    shell = Shell("/", dict(os.environ))
    try:
        ran = [(*shell.run(one.command), one.shown) for one in steps(PAGE)]
        assert shell.run("false")[0] == 1
    finally:
        shell.close()
    assert all(status == 0 and agrees(shown, printed) for status, printed, shown in ran)


@pytest.mark.parametrize(
    ("shown", "printed", "right"),
    [
        ("", "anything", True),
        ('{"a": 1, …}', '{"a":1,"b":2}', True),
        ('{"a": 1, …}', '{"a":2,"b":2}', False),
        ("HTTP/1.1 412", "HTTP/1.1 412 Precondition Failed", True),
        ("[…, 3]", "[1, 2, 3]", True),
    ],
)
def test_three_dots_stand_for_anything_and_space_for_nothing(shown, printed, right):
    assert agrees(shown, printed) is right
