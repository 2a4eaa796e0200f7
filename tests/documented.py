"""The examples of a page, run as a reader would run them: its `sh` blocks in order, in one shell."""

import re
import subprocess
from dataclasses import dataclass

_DONE = "__done__"
CURL = re.compile(r"(?:^ *|\$\()curl\b", re.MULTILINE)
PAGES_WITH_CURL = ("docs/api.md", "docs/access.md", "docs/audit.md", "docs/live.md", "docs/local.md")
"""The first one signs in for all."""


@dataclass(frozen=True)
class Step:
    """A command with the output that the page shows after it, which is empty where the page shows none."""

    line: int
    command: str
    shown: str


def blocks(page, having=re.compile("")):
    """The `sh` blocks of a page that have something."""
    found = re.finditer(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [block for block in found if having.search(block[1])]


def steps(page, having=re.compile("")):
    """Of the blocks that have something. Comments at the beginning of a line after a command are what it prints."""
    found = []
    for block in blocks(page, having):
        number = page[: block.start(1)].count("\n") + 1
        command, shown, started = [], [], number
        for offset, line in enumerate([*block[1].splitlines(), ""]):
            is_output = line.startswith("# ")
            if command and not is_output and (shown or _complete("\n".join(command))):
                found.append(Step(started, "\n".join(command), "\n".join(shown)))
                command, shown = [], []
            if is_output and command:
                shown.append(line[2:])
            elif line.strip() and not line.startswith("#"):
                started = started if command else number + offset
                command.append(line)
    return found


def _complete(command):
    checked = subprocess.run(["bash", "-n"], input=command + "\n", capture_output=True, text=True, check=False)
    return checked.returncode == 0 and not checked.stderr and not command.endswith("\\")


def agrees(shown, printed):
    """Whether what is printed holds what is shown, where `…` stands for anything and space for nothing."""
    pattern = ".*?".join(re.escape(part) for part in re.split("…", re.sub(r"\s+", "", shown)))
    return re.search(pattern, re.sub(r"\s+", "", printed), re.DOTALL) is not None


class Shell:
    """A bash that stays, so that variables and functions of one block hold in the next."""

    def __init__(self, cwd, env):
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command):
        """`(exit status, output)`."""
        self._bash.stdin.write(f"{command}\nprintf '\\n{_DONE} %s\\n' $?\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.startswith(_DONE):
                return int(line.split()[1]), "".join(lines).strip()
            lines.append(line)
        return self._bash.wait(), "".join(lines).strip()

    def close(self):
        self._bash.stdin.close()
        self._bash.wait(timeout=10)
