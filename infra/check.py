"""Every template that can be deployed, past cdk-nag and cfn-lint: `python -m infra.check`. Bundles are not built."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from functions.settings import DYNAMODB, INFLUXDB
from infra.config import STAGES, STORES
from infra.node import use_packaged_node

REGIONS = ("eu-west-1", "us-east-1")
IGNORED_CHECKS = ("W3005",)
"""CDK repeats a function's dependency on its role, which costs nothing."""
SKIP_BUNDLING: Mapping[str, list[str]] = {"aws:cdk:bundling-stacks": []}
"""CDK's own switch: no stack's assets are built."""
SAMPLE_DEVICES = ("press-4", "van-12")
Matches = list[tuple[str, int, str]]
"""What cfn-lint finds: rule, line, message."""


@dataclass(frozen=True)
class Deployed:
    stage: str
    store: str
    previous: str | None = None

    def __str__(self) -> str:
        return f"{self.stage}, {self.store}" + (f", moving from {self.previous}" if self.previous else "")


DEPLOYMENTS = (
    *(Deployed(stage, store) for stage, store in product(STAGES, STORES)),
    Deployed("prod", INFLUXDB, DYNAMODB),
    Deployed("prod", DYNAMODB, INFLUXDB),
)
"""Each stage with each store, and a move there and back."""


def main() -> int:
    use_packaged_node()
    found = False
    with (
        tempfile.TemporaryDirectory(prefix="fieldline-check-") as root,
        ProcessPoolExecutor(mp_context=get_context("spawn")) as processes,
    ):
        linter = Linter(processes)
        begun = [begin(deployed, Path(root) / str(number), linter) for number, deployed in enumerate(DEPLOYMENTS)]
        for deployed, check in zip(DEPLOYMENTS, begun, strict=True):
            findings = list(check.findings())
            print(f"{deployed}: {f'{len(findings)} findings' if findings else 'clean'}")  # noqa: T201 - a command
            for finding in findings:
                print(f"  {finding}")  # noqa: T201 - a command
            found = found or bool(findings)
    return 1 if found else 0


class Linter:
    """cfn-lint in other processes, while this one synthesizes. Many a stack is the same with every store: read once."""

    def __init__(self, processes: Executor) -> None:
        self._processes = processes
        self._begun: dict[str, Future[Matches]] = {}

    def begin(self, template: str) -> "Future[Matches]":
        if template not in self._begun:
            self._begun[template] = self._processes.submit(lint, template)
        return self._begun[template]


@dataclass(frozen=True)
class Check:
    """A deployment that is synthesized, and perhaps still being linted."""

    violations: tuple[str, ...]
    linted: "Mapping[str, Future[Matches]]"

    def findings(self) -> Iterator[str]:
        """One line for each, cdk-nag's first; waits for cfn-lint."""
        yield from self.violations
        for name, matches in self.linted.items():
            for rule, line, message in matches.result():
                yield f"{rule} at {name}:{line}: {message}"


def begin(deployed: Deployed, directory: Path, linter: Linter) -> Check:
    directory.mkdir()
    outdir = directory / "cdk.out"
    context = {
        **SKIP_BUNDLING,
        "stage": deployed.stage,
        "telemetry_store": deployed.store,
        "previous_store": deployed.previous,
        "fleet": str(sample_fleet(directory)),
    }
    violations = tuple(synthesize(outdir, context))
    templates = sorted(outdir.glob("*.template.json"))
    return Check(violations, {path.name: linter.begin(path.read_text(encoding="utf-8")) for path in templates})


def sample_fleet(directory: Path, names: Sequence[str] = SAMPLE_DEVICES) -> Path:
    """A fleet file whose requests only look like some: enough for a template, useless for a certificate."""
    request = "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n"
    fleet = directory / "fleet.toml"
    tables = []
    for name in names:
        (directory / f"{name}.csr").write_text(request.format(name), encoding="ascii")
        tables.append(f'[[device]]\nname = "{name}"\nmodel = "machine"\ngroup = "plant-1/line-2"\ncsr = "{name}.csr"\n')
    fleet.write_text("\n".join(tables), encoding="utf-8")
    return fleet


def synthesize(outdir: Path, context: Mapping[str, object]) -> Iterator[str]:
    # Only now: importing CDK starts Node.
    from infra.app import VALIDATION_FAILED, build_app

    try:
        build_app(outdir, context).synth()
    except RuntimeError as error:
        if VALIDATION_FAILED not in str(error):
            raise
    yield from _report(outdir / "validation-report.json")


def _report(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    for plugin in json.loads(path.read_text(encoding="utf-8"))["pluginReports"]:
        for violation in plugin["violations"]:
            for construct in violation["violatingConstructs"]:
                yield f"{violation['ruleName']} at {construct['constructPath']}: {violation['description']}"


def lint(template: str) -> Matches:
    from cfnlint.decode import decode_str
    from cfnlint.runner import run_template_by_data

    config, rules = _rules()
    read, unreadable = decode_str(template)
    # Not `cfnlint.api.lint`: it takes these rules for none and loads them again, for every template.
    found = unreadable or run_template_by_data(read, config, rules)
    return [(match.rule.id, match.linenumber, match.message) for match in found]


@cache
def _rules() -> tuple[Any, Any]:
    """cfn-lint's configuration and rules: loading them takes about as long as a template."""
    from cfnlint.config import ConfigMixIn, ManualArgs
    from cfnlint.runner import Runner

    config = ConfigMixIn(**ManualArgs(regions=list(REGIONS), ignore_checks=list(IGNORED_CHECKS)))
    return config, Runner(config).rules


if __name__ == "__main__":
    sys.exit(main())
