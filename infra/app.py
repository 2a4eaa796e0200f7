"""Composes the app: context in, stacks out."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from contract.errors import ContractError
from functions.settings import INFLUXDB
from infra.bundling import Bundles, drop_unused
from infra.config import ROOT, DeployConfig
from infra.errors import ConfigError, InfraError
from infra.platform import Platform
from infra.stacks.alarms import AlarmsStack
from infra.stacks.api import ApiStack
from infra.stacks.commands import CommandsStack
from infra.stacks.data import DataStack
from infra.stacks.fleet import FleetStack
from infra.stacks.ingest import IngestStack
from infra.stacks.live import LiveStack
from infra.stacks.store import StoreStack
from infra.stacks.web import WebStack
from infra.stage import stage_policy
from infra.telemetry_store import Stores

VALIDATION_FAILED = "ValidationFailed"
"""How CDK's error begins when a plugin has findings; it has no type of its own in Python."""


def build_app(outdir: Path, context: Mapping[str, Any]) -> cdk.App:
    """The app with every stack, not yet synthesized. Raises InfraError where the context cannot be deployed."""
    chosen = {**_defaults(), **context}
    config = DeployConfig.from_context(chosen.get)
    # Validation takes seconds: it stands before every deployment, but not before every start of a laptop.
    validated = config.target == "lambda"
    app = cdk.App(
        outdir=str(outdir),
        analytics_reporting=False,
        builtin_cloud_formation_validation=validated,
        # The last to be merged, so that cdk.json cannot differ between a run under the CLI and one without it.
        post_cli_context=chosen,
    )
    platform = Platform(config, stage_policy(config.stage), Bundles(config.target))
    try:
        _stacks(app, platform)
    except RuntimeError as error:
        raise platform.bundles.failure or error from None
    cdk.Tags.of(app).add("fieldline:stage", config.stage)
    if validated:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _stacks(app: cdk.App, platform: Platform) -> None:
    prefix = f"Fieldline-{platform.stage.name}"
    data = DataStack(app, f"{prefix}-Data", platform=platform)
    live = LiveStack(app, f"{prefix}-Live", platform=platform, data=data)
    commands = CommandsStack(app, f"{prefix}-Commands", platform=platform, data=data, live=live)
    alarms = AlarmsStack(app, f"{prefix}-Alarms", platform=platform, data=data, live=live, commands=commands)
    stores = _telemetry_stores(app, prefix, platform, data, live, alarms)
    fleet = FleetStack(app, f"{prefix}-Fleet", platform=platform, data=data, alarms=alarms)
    ingest = IngestStack(
        app,
        f"{prefix}-Ingest",
        platform=platform,
        data=data,
        live=live,
        commands=commands,
        alarms=alarms,
        stores=stores,
    )
    api = ApiStack(
        app,
        f"{prefix}-Api",
        platform=platform,
        data=data,
        live=live,
        commands=commands,
        alarms=alarms,
        fleet=fleet,
        ingest=ingest,
        stores=stores,
    )
    WebStack(app, f"{prefix}-Web", platform=platform, live=live, api=api)


def _telemetry_stores(
    app: cdk.App, prefix: str, platform: Platform, data: DataStack, live: LiveStack, alarms: AlarmsStack
) -> Stores:
    config = platform.config
    known = dict(data.stores)
    if INFLUXDB in config.stores:
        resources = {name: arn for store in data.stores.values() for name, arn in store.resources.items()}
        known[INFLUXDB] = StoreStack(
            app,
            f"{prefix}-Store",
            platform=platform,
            resources={**data.resources, **live.resources, **alarms.resources, **resources},
        ).store
    return Stores(known[config.telemetry_store], known[config.previous_store] if config.previous_store else None)


def main(arguments: Sequence[str] = ()) -> None:
    """Synthesize into CDK_OUTDIR (or cdk.out). Context: cdk.json, then CDK_CONTEXT_JSON, then `-c key=value`."""
    outdir = Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out")).absolute()
    try:
        context = {**_cli_context(), **_context_arguments(arguments)}
        build_app(outdir, context).synth()
        drop_unused(outdir)
    except (InfraError, ContractError) as error:
        sys.exit(f"fieldline: {error}")
    except RuntimeError as error:
        if VALIDATION_FAILED not in str(error):
            raise
        sys.exit(f"fieldline: the templates do not pass validation\n{error}")


def _defaults() -> dict[str, Any]:
    """cdk.json's context: the CLI would pass it, but `app.py` also runs without the CLI."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return context


def _cli_context() -> dict[str, Any]:
    """What the CDK CLI hands over: cdk.json's context and its own `-c`."""
    text = os.environ.get("CDK_CONTEXT_JSON", "{}")
    try:
        context = json.loads(text)
    except json.JSONDecodeError:
        context = None
    if not isinstance(context, dict):
        raise ConfigError([f"CDK_CONTEXT_JSON: expected a JSON object, got {text!r}"])
    return context


def _context_arguments(arguments: Sequence[str]) -> dict[str, str]:
    pairs = iter(arguments)
    context = {}
    for argument in pairs:
        key, equals, value = next(pairs, "").partition("=") if argument in {"-c", "--context"} else ("", "", "")
        if not (key and equals):
            raise ConfigError([f"arguments: expected `-c key=value`, got {argument!r}"])
        context[key] = value
    return context
