"""docs/rules.md, followed as a reader would: against the API's own code, with rules that run as in ingest."""

import json
import os
from itertools import count
from pathlib import Path

import pytest

from contract import ingest as wrapper
from contract.models import shipped
from contract.rules import parse_rules
from functions.adapters.clock import SystemClock
from functions.adapters.memory import MemoryLake
from functions.adapters.memory_replays import MemoryReplays
from functions.services.backtests import RunBacktest
from functions.services.engine import Engine
from functions.services.ingest import Ingest
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook
from tests.documented import Shell, agrees, steps
from tests.functions.api_harness import api_harness, person

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text()


class Platform:
    """Whatever an answer leaves in a queue is done before the next request."""

    def __init__(self, says):
        self.api = api_harness(SystemClock(), who=person("admin", name="ada"))
        self._says = says
        self._ids = map(str, count())
        self._done = 0

    def answer(self, asked):
        path, sent = asked.path.removeprefix("/v1"), asked.body.decode() or None
        status, document = self.api.call(asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=sent)
        headers = {name: self.api.headers[name] for name in ("Content-Type", "ETag") if name in self.api.headers}
        for work, _ in self.api.backtests_queue.work[self._done :]:
            RunBacktest(self.api.backtests, self.api.store, self.api.clock).run(work.id)
        self._done = len(self.api.backtests_queue.work)
        if self.api.telemetry_queue.messages:
            self.ingest()
        return self._says(status, ("" if document is None else json.dumps(document)).encode(), headers)

    def ingest(self):
        api = self.api
        rulebook = Rulebook(api.rules, api.registry, api.clock, shipped=shipped())
        engine = Engine(states=api.states, actions=api.actions_queue, live=api.live, clock=api.clock)
        usual = {"store": api.store, "engine": engine, "rulebook": rulebook, "attempts": range(3), "live": api.live}
        replays = ReplayQuarantined(replays=MemoryReplays(api.quarantine), clock=api.clock, **usual)
        ingest = Ingest(lake=MemoryLake(), quarantine=api.quarantine, replays=replays, **usual)
        report = ingest.take({next(self._ids): wrapper.encode(one) for one in api.telemetry_queue.messages})
        api.telemetry_queue.messages.clear()
        assert not report.failed, report.problems


@pytest.fixture
def shell(signed_in, says, config_dir, tmp_path):
    signed_in.authorized = Platform(says).answer
    folder = tmp_path / "coldstore"
    folder.mkdir()
    env = {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "FIELDLINE_CONFIG_DIR": str(config_dir),
        "COLUMNS": "200",
    }
    shell = Shell(folder, env)
    yield shell
    shell.close()


def test_every_example_of_the_page_prints_what_the_page_shows(shell):
    for step in steps(PAGE):
        status, printed = shell.run(step.command)
        said = f"docs/rules.md:{step.line}\n{step.command}\nprinted {printed}\nis shown as {step.shown}"
        assert status == 0, said
        assert agrees(step.shown, printed), said


def conditions():
    """The first column of the table of conditions; what begins with dots goes on with the line before."""
    table = PAGE.partition("| written | holds |\n|---|---|\n")[2].partition("\n\n")[0]
    before = "metric: temperature, above: 8"
    for line in table.splitlines():
        text = line.split("|")[1].strip()
        written = text.replace("…", "").strip().strip("`")
        if "[]" in written or "{not: }" in written:
            continue
        if not text.startswith("…"):
            yield written
        elif "above" in written:
            yield f"{{metric: temperature, {written}}}"
        else:
            yield f"{{{before}, {written}}}"


@pytest.mark.parametrize("condition", list(conditions()))
def test_every_condition_that_the_page_shows_can_be_written(condition):
    (rule,) = parse_rules(f"rule: r\nscope: '*'\nseverity: info\nwhen: {condition}\n", "the page")
    assert rule.bands[0].when


def test_the_actions_that_the_page_shows_can_be_written():
    actions = PAGE.partition("```yaml\n")[2].partition("```")[0]
    rule = "rule: r\nscope: model:machine\nseverity: info\nwhen: {metric: temperature, above: 1}\n"
    (read,) = parse_rules(rule + actions, "the page", shipped())
    assert len(read.actions) == 3
    assert read.escalation
