"""models: what devices of a type measure, do and can be set to."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.output import print_fields, print_heading, print_json, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.text import printable, shown
from cli.units import symbol

app = typer.Typer(no_args_is_help=True, help="Look at device models.")


@app.command("list")
def list_models(*, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """List the device models of the deployment.

    Example: fieldline models list
    """
    with signed_in(profile) as api:
        document = api.get("/models")
    if as_json:
        print_json(document)
        return
    columns = {"Model": "name", "Title": "title", "Version": "version", "Metrics": "metrics", "Actuators": "actuators"}
    print_table(list(columns), ([shown(one.get(key)) for key in columns.values()] for one in document["items"]))


@app.command("show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name, for example machine.")],
    *,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show a model's metrics and actuators; --json prints it as a W3C WoT Thing Model, with all schemas.

    Example: fieldline models show machine --json
    """
    with signed_in(profile) as api:
        document = api.get(f"/models/{quote(model, safe='')}")
    if as_json:
        print_json(document)
        return
    version = document.get("version")
    print_fields(
        [
            ("name", shown(document.get("fieldline:name"))),
            ("title", shown(document.get("title"))),
            ("version", shown(version.get("model") if isinstance(version, dict) else None)),
            ("interval_ms", shown(document.get("fieldline:intervalMs"))),
        ]
    )
    print_heading("metrics")
    rows = (
        [
            printable(key),
            shown(one.get("title")),
            shown(one.get("type")),
            printable(symbol(one.get("unit"))),
            _range(one),
        ]
        for key, one in _named(document.get("properties"))
    )
    print_table(["Metric", "Title", "Type", "Unit", "Range"], rows)
    if actions := _named(document.get("actions")):
        print_heading("actuators")
        print_table(
            ["Actuator", "Title", "Parameters"],
            ([printable(key), shown(one.get("title")), _parameters(one)] for key, one in actions),
        )


def _named(value: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(key, one) for key, one in value.items() if isinstance(one, dict)] if isinstance(value, dict) else []


def _range(metric: dict[str, Any]) -> str:
    if metric.get("enum"):
        return shown(metric["enum"])
    low, high = metric.get("minimum"), metric.get("maximum")
    return shown(None) if low is None and high is None else f"{shown(low)} … {shown(high)}"


def _parameters(action: dict[str, Any]) -> str:
    schema = action.get("input")
    return ", ".join(
        f"{printable(key)} ({shown(one.get('type'))})"
        for key, one in _named(schema.get("properties") if isinstance(schema, dict) else None)
    ) or shown(None)
