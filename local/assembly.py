"""Reads a synthesized cloud assembly (`cdk.out`): its stacks in deployment order, with their assets."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from local.errors import SynthesisError


@dataclass(frozen=True)
class Asset:
    """A folder or file that the template refers to by its key in the assets bucket."""

    key: str
    path: Path
    is_archive: bool


@dataclass(frozen=True)
class Stack:
    name: str
    template: Mapping[str, Any]
    assets: tuple[Asset, ...]


def read(folder: Path) -> tuple[Stack, ...]:
    """Every stack, each after those that it depends on. Raises SynthesisError when the folder is no assembly."""
    try:
        artifacts: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError) as exc:
        raise SynthesisError(f"{folder} holds no synthesized app (no readable manifest.json).") from exc
    stacks = {key: value for key, value in artifacts.items() if value["type"] == "aws:cloudformation:stack"}
    if not stacks:
        raise SynthesisError(f"{folder} holds an app without stacks.")
    order = TopologicalSorter(
        {key: [name for name in value.get("dependencies", ()) if name in stacks] for key, value in stacks.items()}
    )
    return tuple(_stack(folder, key, stacks[key]) for key in order.static_order())


def _stack(folder: Path, key: str, artifact: Mapping[str, Any]) -> Stack:
    properties = artifact["properties"]
    template = json.loads((folder / properties["templateFile"]).read_text(encoding="utf-8"))
    return Stack(properties.get("stackName", key), template, _assets(folder, key, properties["templateFile"]))


def _assets(folder: Path, key: str, template_file: str) -> tuple[Asset, ...]:
    manifest = folder / f"{key}.assets.json"
    if not manifest.exists():
        return ()
    found = []
    for file in json.loads(manifest.read_text(encoding="utf-8"))["files"].values():
        source = file["source"]
        if source.get("path") == template_file:
            continue  # the template itself: the transformed one is uploaded in its place
        for destination in file["destinations"].values():
            path = folder / source["path"]
            found.append(Asset(destination["objectKey"], path, source.get("packaging") == "zip"))
    return tuple(found)


def fingerprint(template: Mapping[str, Any], assets: tuple[Asset, ...], extra: str) -> str:
    """What a deployment of this stack depends on; asset keys are hashes of their content."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode())
    for asset in sorted(assets, key=lambda asset: asset.key):
        digest.update(asset.key.encode())
    digest.update(extra.encode())
    return digest.hexdigest()
