"""Every template that can be deployed, past cdk-nag and cfn-lint: `python -m infra.check`. Bundles are not built."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from infra.config import STAGES, STORES
from infra.node import use_packaged_node

REGIONS = ("eu-west-1", "us-east-1")
IGNORED_CHECKS = ("W3005",)
"""CDK repeats a function's dependency on its role, which costs nothing."""
SKIP_BUNDLING: Mapping[str, list[str]] = {"aws:cdk:bundling-stacks": []}
"""CDK's own switch: no stack's assets are built."""
SAMPLE_DEVICES = ("press-4", "van-12")


def main() -> int:
    use_packaged_node()
    found = False
    for stage, store in product(STAGES, STORES):
        with tempfile.TemporaryDirectory(prefix="fieldline-check-") as directory:
            findings = list(findings_of(stage, store, Path(directory)))
        print(f"{stage}, {store}: {f'{len(findings)} findings' if findings else 'clean'}")  # noqa: T201 - a command
        for finding in findings:
            print(f"  {finding}")  # noqa: T201 - a command
        found = found or bool(findings)
    return 1 if found else 0


def findings_of(stage: str, store: str, directory: Path) -> Iterator[str]:
    """One line for each finding, cdk-nag's first."""
    outdir = directory / "cdk.out"
    context = {**SKIP_BUNDLING, "stage": stage, "telemetry_store": store, "fleet": str(sample_fleet(directory))}
    yield from _synthesize(outdir, context)
    yield from _lint(sorted(outdir.glob("*.template.json")))


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


def _synthesize(outdir: Path, context: Mapping[str, object]) -> Iterator[str]:
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


def _lint(templates: list[Path]) -> Iterator[str]:
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    config = ManualArgs(regions=list(REGIONS), ignore_checks=list(IGNORED_CHECKS))
    for template in templates:
        for match in lint(template.read_text(encoding="utf-8"), config=config):
            yield f"{match.rule.id} at {template.name}:{match.linenumber}: {match.message}"


if __name__ == "__main__":
    sys.exit(main())
