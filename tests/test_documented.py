import os

import pytest

from tests.documented import Shell, agrees, steps

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
