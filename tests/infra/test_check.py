"""`python -m infra.check`: that it finds what is wrong. That nothing is wrong is what `make check` runs it for."""

import json

from contract.fleet import load
from infra import check


def test_the_sample_fleet_is_a_fleet(tmp_path):
    assert [device.name for device in load(check.sample_fleet(tmp_path)).devices] == list(check.SAMPLE_DEVICES)


def test_a_wrong_template_is_a_finding_with_its_line(tmp_path):
    template = tmp_path / "Bad.template.json"
    template.write_text(json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": 1}}}}))
    (finding,) = check._lint([template])
    assert finding.startswith("E3002 at Bad.template.json:1: ")


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


def test_every_finding_that_is_acknowledged_still_exists(tmp_path, monkeypatch):
    noted = Acknowledged()
    monkeypatch.setattr("infra.findings.Validations", noted)
    context = {**check.SKIP_BUNDLING, "stage": "dev", "fleet": str(check.sample_fleet(tmp_path))}
    findings = [line.partition(": ")[0] for line in check._synthesize(tmp_path / "cdk.out", context)]
    assert findings
    for path, rule in noted.noted:
        assert [line for line in findings if line.startswith(f"{rule} at {path}")], f"{rule} at {path} is not needed"


def test_findings_fail_the_command_and_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(check, "findings_of", lambda stage, store, directory: ["X at Y: Z"] if stage == "prod" else [])
    assert check.main() == 1
    assert capsys.readouterr().out == "dev, dynamodb: clean\nprod, dynamodb: 1 findings\n  X at Y: Z\n"


def test_no_findings_pass(monkeypatch, capsys):
    monkeypatch.setattr(check, "findings_of", lambda stage, store, directory: [])
    assert check.main() == 0
    assert "clean" in capsys.readouterr().out
