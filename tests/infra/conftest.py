"""Every deployment, synthesized once for the whole run and without bundles; templates are read as plain JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from functions.catalogue import FUNCTIONS, FunctionSpec, StoreAccess
from functions.settings import INFLUXDB, LIVEANALYTICS
from infra.check import DEPLOYMENTS, SKIP_BUNDLING, Deployed, sample_fleet
from infra.config import DEFAULT_STORES
from infra.node import use_packaged_node
from tests.once import once_in_a_run

use_packaged_node()


@dataclass(frozen=True)
class Resource:
    stack: str
    id: str
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        return self.body.get("Properties", {})


@dataclass(frozen=True)
class Deployment:
    """The templates of one choice. `render` turns intrinsics into readable text: `CoreTable97EB8292.Arn`."""

    stage: str
    store: str
    previous: str | None
    templates: dict[str, dict[str, Any]]
    manifest: dict[str, Any]

    @property
    def stores(self) -> set[str]:
        return {self.store, self.previous} - {None}

    @property
    def specs(self) -> list[FunctionSpec]:
        """The functions of the catalogue that belong to it."""
        return [spec for spec in FUNCTIONS if self.stores & {*spec.stores} and self._is_needed(spec)]

    def _is_needed(self, spec: FunctionSpec) -> bool:
        # Nobody asks a store that is only moved from.
        return spec.store_access is not StoreAccess.READ or self.store in spec.stores

    def store_of(self, spec: FunctionSpec) -> tuple[str, str | None]:
        """The store that a function works for, and the one that it moves from: the set-up works for its own store."""
        return (self.store, self.previous) if self.store in spec.stores else (spec.stores[0], None)

    def all(self, kind: str, stack: str | None = None) -> list[Resource]:
        return [r for r in self._resources if r.body["Type"] == kind and (stack is None or r.stack == stack)]

    def one(self, kind: str, stack: str | None = None) -> Resource:
        (found,) = self.all(kind, stack)
        return found

    def function(self, name: str) -> Resource:
        (found,) = (
            f
            for f in self.all("AWS::Lambda::Function")
            if f.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name
        )
        return found

    def render(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return name
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": ["", list(parts)]}:
                return "".join(self.render(part) for part in parts)
            case {"Fn::Sub": str(text)}:
                value = re.sub(r"\$\{([^}]+)\}", r"\1", text)
            case {"Fn::ImportValue": name}:
                return self.render(self._exports[name])
            case {"Fn::GetStackOutput": {"StackName": str(stack), "OutputName": str(name)}}:
                return self.render(self.templates[stack.split("-")[-1]]["Outputs"][name]["Value"])
            case dict():
                value = {key: self.render(item) for key, item in value.items()}
            case list():
                value = [self.render(item) for item in value]
        return value

    @cached_property
    def _resources(self) -> list[Resource]:
        return [
            Resource(stack, id_, body)
            for stack, template in self.templates.items()
            for id_, body in template["Resources"].items()
        ]

    @cached_property
    def _exports(self) -> dict[str, Any]:
        outputs = [output for template in self.templates.values() for output in template.get("Outputs", {}).values()]
        return {output["Export"]["Name"]: output["Value"] for output in outputs if "Export" in output}


def synthesize(directory: Path, **context: Any) -> Deployment:
    write(directory, **context)
    return read(directory, context["stage"], context.get("previous_store"))


def write(directory: Path, **context: Any) -> None:
    from infra.app import build_app

    # `host` leaves out CDK's own validation, which `infra.check` runs; templates are the same.
    app = build_app(directory / "cdk.out", {**SKIP_BUNDLING, "target": "host", **context})
    app.synth()


def read(directory: Path, stage: str, previous: str | None) -> Deployment:
    outdir = directory / "cdk.out"
    templates = {
        path.name.split(".")[0].split("-")[-1]: json.loads(path.read_text())
        for path in sorted(outdir.glob("*.template.json"))
    }
    store = templates["Data"]["Outputs"]["TelemetryStore"]["Value"]
    manifest = json.loads((outdir / "manifest.json").read_text())
    return Deployment(stage, store, previous, templates, manifest)


@pytest.fixture(scope="session")
def deployments(tmp_path_factory):
    """Synthesizes a deployment the first time that somebody asks for it."""

    @cache
    def deploy(deployed: Deployed) -> Deployment:
        def make(directory: Path) -> None:
            write(
                directory,
                stage=deployed.stage,
                telemetry_store=deployed.store,
                previous_store=deployed.previous,
                fleet=str(sample_fleet(directory)),
            )

        name = f"deployment-{deployed.stage}-{deployed.store}-{deployed.previous}"
        return read(once_in_a_run(tmp_path_factory, name, make), deployed.stage, deployed.previous)

    return deploy


@pytest.fixture(scope="session")
def dev(deployments) -> Deployment:
    return deployments(Deployed("dev", DEFAULT_STORES["dev"]))


@pytest.fixture(scope="session")
def prod(deployments) -> Deployment:
    return deployments(Deployed("prod", DEFAULT_STORES["prod"]))


@pytest.fixture(scope="session", params=["dev", "prod"])
def deployment(request) -> Deployment:
    """Either stage with its own store: for what has nothing to do with stores."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session", params=DEPLOYMENTS, ids=str)
def any_deployment(request, deployments) -> Deployment:
    """Each stage with each store, and moves between them."""
    return deployments(request.param)


@pytest.fixture(scope="session", params=[d for d in DEPLOYMENTS if INFLUXDB in (d.store, d.previous)], ids=str)
def influx(request, deployments) -> Deployment:
    return deployments(request.param)


@pytest.fixture(scope="session", params=["dev", "prod"])
def liveanalytics(request, deployments) -> Deployment:
    return deployments(Deployed(request.param, LIVEANALYTICS))


def statements(deployment: Deployment, role: Resource) -> Iterator[dict[str, Any]]:
    """Every statement that a role holds, inline or attached, rendered."""
    documents = [policy["PolicyDocument"] for policy in role.properties.get("Policies", [])]
    attached = [p.properties for p in deployment.all("AWS::IAM::Policy", role.stack)]
    documents += [policy["PolicyDocument"] for policy in attached if {"Ref": role.id} in policy["Roles"]]
    for document in documents:
        for statement in document["Statement"]:
            yield deployment.render(statement)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture
def statements_of():
    return statements


@pytest.fixture
def listed():
    return as_list


@pytest.fixture
def synthesized():
    return synthesize
