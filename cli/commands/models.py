"""models: what devices of a type measure, do and can be set to."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.api import Api
from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.commands.rule_changes import confirmed
from cli.commands.rules import print_versions
from cli.errors import InputError, NotFoundError
from cli.output import console, note, print_fields, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.rule_plan import COLOURS, between
from cli.text import printable, shown
from cli.units import symbol

app = typer.Typer(no_args_is_help=True, help="Look at device models, and store versions of them.")

_DERIVED = "fieldline:derived"


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
        document = api.get(_path(model))
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
    if derived := [(key, one[_DERIVED]) for key, one in _named(document.get("properties")) if one.get(_DERIVED)]:
        print_heading("derived from others")
        print_table(["Metric", "Expression"], ([printable(key), shown(text)] for key, text in derived))
    if actions := _named(document.get("actions")):
        print_heading("actuators")
        print_table(
            ["Actuator", "Title", "Parameters"],
            ([printable(key), shown(one.get("title")), _parameters(one)] for key, one in actions),
        )


@app.command("apply")
def apply_models(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Models as W3C WoT Thing Models in JSON.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where installed rules name what the model no longer has.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to go on.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and change nothing.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Store models: show what would change of each, ask, and store it as the next version.

    A stored model takes the place of the one of its name that is shipped.

    Example: fieldline models apply models/boiler.json --dry-run
    """
    wanted = [_read(file) for file in files]
    with signed_in(profile) as api:
        changes = [one for document in wanted if (one := _change(api, document)) is not None]
        if not changes or dry_run:
            return
        if not yes and not confirmed("Store this?"):
            raise typer.Exit(1)
        for document, tag in changes:
            name = document["fieldline:name"]
            query = [("force", "true")] if force else []
            api.change("PUT", _path(name), document, if_match=tag, params=query)
            print_line(f"Stored {name}.", flush=True)


@app.command("delete")
def delete_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name, for example boiler.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where rules or devices would be without what it has.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Delete a stored model; the shipped one of its name, if there is one, stands again. Its versions stay.

    Example: fieldline models delete boiler --yes
    """
    with signed_in(profile) as api:
        _, tag = api.tagged(_path(model))
        if not yes and not confirmed(f"Delete {model}?"):
            raise typer.Exit(1)
        api.change("DELETE", _path(model), if_match=tag, params=[("force", "true")] if force else [])
    print_line(f"Deleted {model}.")


@app.command("history")
def model_history(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name, for example machine.")],
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="The most versions to list.")] = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the versions of a model that were stored, newest first.

    Example: fieldline models history boiler
    """
    with signed_in(profile) as api:
        pages = list(api.pages(f"{_path(model)}/versions", (), limit, largest=20))
    print_versions(pages, limit, as_json=as_json)


def _read(file: Path) -> dict[str, Any]:
    from contract import models
    from contract.errors import ModelError

    try:
        document: dict[str, Any] = json.loads(models.encode(models.load(file)))
    except ModelError as exc:
        raise InputError(str(exc)) from exc
    return document


def _change(api: Api, wanted: dict[str, Any]) -> tuple[dict[str, Any], str | None] | None:
    """The model with the tag of what it replaces, None where it is that already; what differs is printed."""
    name = wanted["fieldline:name"]
    try:
        known, tag = api.tagged(_path(name))
    except NotFoundError:
        known, tag = {}, None
    if known == wanted:
        print_line(f"{name}: unchanged")
        return None
    out = console()
    sign = "~" if known else "+"
    out.print(f"{sign} {name}: {printable(wanted['title'])}", style=COLOURS[sign], soft_wrap=True)
    for one in between(known, wanted) if known else ():
        out.print(f"{one.sign}     {printable(one.text)}", style=COLOURS[one.sign], soft_wrap=True)
    if known and known.get("version") == wanted["version"]:
        note(f"{name} says that it is version {wanted['version']['model']} still.")
    return wanted, tag


def _path(model: str) -> str:
    return f"/models/{quote(model, safe='')}"


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
