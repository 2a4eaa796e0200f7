"""`python -m infra.check`: that it finds what is wrong. That nothing is wrong is what `make check` runs it for."""

import json
from concurrent.futures import Future
from itertools import product

import pytest

from contract.fleet import load
from functions.settings import DYNAMODB, INFLUXDB
from infra import check
from infra.config import STAGES, STORES


def test_the_sample_fleet_is_a_fleet(tmp_path):
    assert [device.name for device in load(check.sample_fleet(tmp_path)).devices] == list(check.SAMPLE_DEVICES)


WRONG = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": 1}}}})


class InThisProcess:
    """Runs at once what the command hands to other processes, and counts it."""

    def __init__(self):
        self.runs = 0

    def submit(self, function, *arguments):
        self.runs += 1
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_a_wrong_template_is_a_finding_with_its_line():
    linted = check.Linter(InThisProcess()).begin(WRONG)
    (finding,) = check.Check((), {"Bad.template.json": linted}).findings()
    assert finding.startswith("E3002 at Bad.template.json:1: ")


def test_a_template_that_several_deployments_share_is_linted_once():
    processes = InThisProcess()
    linter = check.Linter(processes)
    assert linter.begin(WRONG) is linter.begin(WRONG)
    assert processes.runs == 1


def test_every_stage_meets_every_store_and_there_is_a_move_each_way():
    chosen = {(d.stage, d.store) for d in check.DEPLOYMENTS if d.previous is None}
    assert chosen == {*product(STAGES, STORES)}
    assert {(d.previous, d.store) for d in check.DEPLOYMENTS if d.previous} == {
        (DYNAMODB, INFLUXDB),
        (INFLUXDB, DYNAMODB),
    }


def test_a_violation_is_a_finding_with_its_place(tmp_path):
    report = tmp_path / "validation-report.json"
    violation = {
        "ruleName": "AwsSolutions-SQS3",
        "description": "The queue has no DLQ.",
        "violatingConstructs": [{"constructPath": "Stack/Queue"}, {"constructPath": "Stack/Other"}],
    }
    report.write_text(json.dumps({"pluginReports": [{"violations": [violation]}]}))
    assert list(check._report(report)) == [
        "AwsSolutions-SQS3 at Stack/Queue: The queue has no DLQ.",
        "AwsSolutions-SQS3 at Stack/Other: The queue has no DLQ.",
    ]


class Acknowledged:
    """Stands in for CDK's Validations: notes what would be acknowledged, and acknowledges nothing."""

    def __init__(self):
        self.noted = []

    def of(self, construct):
        self._path = construct.node.path
        return self

    def acknowledge(self, rule):
        assert len(rule.reason.split()) > 3, f"{rule.id}: a reason is a sentence"
        self.noted.append((self._path, rule.id))


@pytest.mark.parametrize("store", STORES)
def test_every_finding_that_is_acknowledged_still_exists(tmp_path, monkeypatch, store):
    noted = Acknowledged()
    monkeypatch.setattr("infra.findings.Validations", noted)
    fleet = str(check.sample_fleet(tmp_path))
    context = {**check.SKIP_BUNDLING, "stage": "dev", "telemetry_store": store, "fleet": fleet}
    findings = [line.partition(": ")[0] for line in check.synthesize(tmp_path / "cdk.out", context)]
    assert findings
    for path, rule in noted.noted:
        # CDK's own validator names its plugin too.
        found = f"{rule.removeprefix('CloudFormation-Validate::')} at {path}"
        assert [line for line in findings if line.startswith(found)], f"{rule} at {path} is not needed"


def told(monkeypatch, capsys, violations):
    """What the command prints, with the deployments' violations given."""
    monkeypatch.setattr(check, "begin", lambda deployed, directory, linter: check.Check(violations(deployed), {}))
    code = check.main()
    return code, capsys.readouterr().out.splitlines()


def test_findings_fail_the_command_and_are_printed(monkeypatch, capsys):
    code, lines = told(monkeypatch, capsys, lambda d: ("X at Y: Z",) if d == check.DEPLOYMENTS[1] else ())
    assert code == 1
    assert lines[:4] == [
        "dev, dynamodb: clean",
        "dev, timestream-influxdb: 1 findings",
        "  X at Y: Z",
        "dev, timestream-liveanalytics: clean",
    ]
    assert lines[-1] == "prod, dynamodb, moving from timestream-influxdb: clean"


def test_no_findings_pass(monkeypatch, capsys):
    code, lines = told(monkeypatch, capsys, lambda _: ())
    assert code == 0
    assert [line.endswith(": clean") for line in lines] == [True] * len(check.DEPLOYMENTS)
