"""Both stages, synthesized once for the whole run and without bundles; templates are read as plain JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from infra.check import SKIP_BUNDLING, sample_fleet
from infra.node import use_packaged_node

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
    """The templates of one stage. `render` turns intrinsics into readable text: `CoreTable97EB8292.Arn`."""

    stage: str
    templates: dict[str, dict[str, Any]]
    manifest: dict[str, Any]

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
            case {"Fn::ImportValue": name}:
                return self.render(self._exports[name])
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
    from infra.app import build_app

    outdir = directory / "cdk.out"
    # `host` leaves out CDK's own validation, which `infra.check` runs; templates are the same.
    app = build_app(outdir, {**SKIP_BUNDLING, "target": "host", **context})
    app.synth()
    templates = {
        path.name.split(".")[0].split("-")[-1]: json.loads(path.read_text())
        for path in sorted(outdir.glob("*.template.json"))
    }
    return Deployment(context["stage"], templates, json.loads((outdir / "manifest.json").read_text()))


@pytest.fixture(scope="session")
def dev(tmp_path_factory) -> Deployment:
    directory = tmp_path_factory.mktemp("dev")
    return synthesize(directory, stage="dev", fleet=str(sample_fleet(directory)))


@pytest.fixture(scope="session")
def prod(tmp_path_factory) -> Deployment:
    directory = tmp_path_factory.mktemp("prod")
    return synthesize(directory, stage="prod", fleet=str(sample_fleet(directory)))


@pytest.fixture(scope="session", params=["dev", "prod"])
def deployment(request) -> Deployment:
    return request.getfixturevalue(request.param)


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
