"""rules: what is watched for, in files and installed, and why it has found something or has not."""

from typing import Annotated, Any

import typer

from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.commands.rule_backtests import backtest
from cli.commands.rule_changes import apply, confirmed, diff, rule_path
from cli.commands.rule_reasons import explain, why
from cli.commands.rules_offline import run_tests, validate
from cli.durations import format_instant
from cli.output import print_fields, print_heading, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown

app = typer.Typer(no_args_is_help=True, help="Install rules, test them, and hear why they fired or did not.")

RuleArgument = Annotated[
    str, typer.Argument(metavar="RULE", help="Its id; MODEL:KEY of one that a model brings along.")
]
_LARGEST = 200


@app.command("list")
def list_rules(
    *,
    scope: Annotated[
        str | None,
        typer.Option("--scope", help="Only of exactly this scope: *, or model:, group: or device: and a name."),
    ] = None,
    origin: Annotated[str | None, typer.Option("--origin", help="Only those that came from this set of files.")] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults/--no-defaults", help="Also those that models bring along.")
    ] = True,
    limit: Annotated[int, typer.Option("--limit", min=1, max=2_000, help="The most rules to list.")] = 1_000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the rules that concern something that you may see.

    Example: fieldline rules list --scope group:plant-1

    Example: fieldline rules list --no-defaults --origin coldstore/rules
    """
    filters = [("defaults", "true" if defaults else "false")]
    filters += [(key, value) for key, value in (("scope", scope), ("origin", origin)) if value is not None]
    with signed_in(profile) as api:
        pages = list(api.pages("/rules", filters, limit, largest=_LARGEST))
    columns = ["Rule", "Title", "Scope", "Severity", "Version", "Origin"]
    print_list(pages, columns, _row, as_json=as_json, limit=limit, what="rules", right=["Version"])


@app.command("show")
def show_rule(rule: RuleArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a rule as it is installed, or as its model brings it along.

    Example: fieldline rules show too-warm
    """
    with signed_in(profile) as api:
        document = api.get(rule_path(rule))
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    by = document.get("by")
    print_fields(
        [
            ("rule", shown(document.get("id"))),
            ("title", shown(document.get("title"))),
            ("scope", shown(document.get("scope"))),
            ("severity", shown(document.get("severity"))),
            ("enabled", shown(document.get("enabled"))),
            ("version", shown(document.get("version"))),
            ("origin", _origin(document)),
            ("changed", age(document.get("updated_at"), now)),
            ("by", shown(by.get("name") if isinstance(by, dict) else None)),
        ]
    )
    print_heading("document")
    print_json(document.get("document"))
    if remarks := document.get("remarks"):
        print_heading("remarks")
        for one in remarks:
            print_line(f"{printable(str(one.get('field')))}: {printable(str(one.get('detail')))}")


@app.command("history")
def rule_history(
    rule: RuleArgument,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="The most versions to list.")] = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the versions of a rule, newest first, also of one that was deleted.

    Example: fieldline rules history too-warm
    """
    with signed_in(profile) as api:
        pages = list(api.pages(f"{rule_path(rule)}/versions", (), limit, largest=_LARGEST))
    print_versions(pages, limit, as_json=as_json)


@app.command("delete")
def delete_rule(
    rule: RuleArgument,
    *,
    if_version: Annotated[
        int | None, typer.Option("--if-version", min=1, help="Only if this is its version still.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Delete a rule; its active alarms are cleared, its versions stay.

    Example: fieldline rules delete too-warm --yes
    """
    if not yes and not confirmed(f"Delete {rule}?"):
        raise typer.Exit(1)
    with signed_in(profile) as api:
        api.change("DELETE", rule_path(rule), if_match=None if if_version is None else f'"{if_version}"')
    print_line(f"Deleted {rule}.")


app.command("apply")(apply)
app.command("diff")(diff)
app.command("why")(why)
app.command("explain")(explain)
app.command("backtest")(backtest)
app.command("test")(run_tests)
app.command("validate")(validate)


def print_versions(pages: list[dict[str, Any]], limit: int, *, as_json: bool) -> None:
    columns = ["Version", "From", "By", "Origin", ""]
    print_list(pages, columns, _version, as_json=as_json, limit=limit, what="versions", right=["Version"])


def _version(one: dict[str, Any]) -> list[str]:
    by = one.get("by")
    return [
        shown(one.get("version")),
        format_instant(one["at"]),
        shown(by.get("name") if isinstance(by, dict) else None),
        shown(one.get("origin")),
        "deleted" if one.get("deleted") else "",
    ]


def _row(one: dict[str, Any]) -> list[str]:
    severity = shown(one.get("severity")) if one.get("enabled") else "disabled"
    return [
        *(shown(one.get(key)) for key in ("id", "title", "scope")),
        severity,
        shown(one.get("version")),
        _origin(one),
    ]


def _origin(one: dict[str, Any]) -> str:
    return "the model" if one.get("default") else shown(one.get("origin"))
