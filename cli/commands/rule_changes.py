"""rules apply and rules diff: files on one side, what is installed on the other."""

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.api import Api
from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.errors import CliError, InputError
from cli.output import console, note, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.rule_files import FromFile, origin_of, read_rules
from cli.rule_plan import COLOURS, Installed, Plan, Step, differences, plan, summary, told

_MOST_RULES = 2_000
_PAGE = 200

FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of rules in YAML or JSON, with all below it, or one file.")
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete installed rules that came from these files and are in none any more.")
]
OriginOption = Annotated[
    str | None,
    typer.Option("--origin", metavar="NAME", help="What the set of files is called; the folder's own name if absent."),
]


def apply(
    folder: FolderArgument,
    *,
    prune: PruneOption = False,
    origin: OriginOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to go on.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Install the rules of a folder: show what would change, ask, and change it.

    Only rules that came from these files are ever deleted, and only with --prune.

    Example: fieldline rules apply rules/ --dry-run

    Example: fieldline rules apply rules/ --prune --yes
    """
    wanted = read_rules(folder)
    name = origin or origin_of(folder)
    with signed_in(profile) as api:
        made = plan(wanted, _installed(api), name, prune=prune)
        _print_plan(made)
        _check(api, made)
        if dry_run or not made.steps:
            return
        if not yes and not confirmed():
            note("Nothing was changed.")
            raise typer.Exit(1)
        _carry_out(api, made)


def diff(
    folder: FolderArgument,
    *,
    prune: PruneOption = False,
    origin: OriginOption = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 where anything differs.")] = False,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show how the rules of a folder differ from those that are installed.

    Example: fieldline rules diff rules/ --exit-code
    """
    wanted = read_rules(folder)
    name = origin or origin_of(folder)
    with signed_in(profile) as api:
        made = plan(wanted, _installed(api), name, prune=prune)
    if as_json:
        print_json(_document(made))
    else:
        _print_plan(made)
    if exit_code and made.steps:
        raise typer.Exit(1)


def rule_path(rule: str) -> str:
    return f"/rules/{quote(rule, safe=':')}"


def _installed(api: Api) -> dict[str, Installed]:
    pages = api.pages("/rules", [("defaults", "false")], _MOST_RULES, largest=_PAGE)
    found = [
        Installed(str(one["id"]), int(one["version"]), one.get("origin"), one["document"])
        for page in pages
        for one in page["items"]
    ]
    return {one.id: one for one in found}


def _check(api: Api, made: Plan) -> None:
    """Has the API look at everything that is to be written, so that nothing is changed if anything is refused."""
    problems: list[str] = []
    for step in made.steps:
        if step.after is None:
            continue
        found = api.change("POST", "/rules/validate", {"document": step.after.document})
        problems += [f"{_where(step.after)}: {_problem(one)}" for one in found.get("problems", ())]
        for remark in found.get("remarks", ()):
            note(f"{step.id}: {remark['field']}: {remark['detail']}.")
    if problems:
        raise InputError("The deployment does not take these rules; nothing was changed.", problems)


def _carry_out(api: Api, made: Plan) -> None:
    for done, step in enumerate(made.steps):
        try:
            print_line(_carried_out(api, step, made.origin), flush=True)
        except CliError:
            note(f"{done} of {len(made.steps)} changes were made; run the command again to go on.")
            raise


def _carried_out(api: Api, step: Step, origin: str) -> str:
    if step.after is None:
        tag = None if step.before is None else f'"{step.before.version}"'
        api.change("DELETE", rule_path(step.id), if_match=tag)
        return f"Deleted {step.id}."
    body = {"document": step.after.document, "origin": origin}
    if step.before is None:
        made = api.create("/rules", body)
        return f"Created {step.id} (version {made['version']})."
    made = api.change("PUT", rule_path(step.id), body, if_match=f'"{step.before.version}"')
    return f"Changed {step.id} (version {made['version']})."


def _print_plan(made: Plan) -> None:
    out = console()
    for sign, line in told(made):
        out.print(f"{sign} {line}", style=COLOURS.get(sign, ""), soft_wrap=True)
    for id_ in made.left:
        note(f"{id_} came from these files and is in none any more: --prune deletes it.")
    print_line(f"{summary(made)} (origin {made.origin}).")


def _document(made: Plan) -> dict[str, Any]:
    return {
        "origin": made.origin,
        "unchanged": made.unchanged,
        "left": list(made.left),
        "steps": [
            {
                "kind": step.kind,
                "rule": step.id,
                "version": None if step.before is None else step.before.version,
                "differences": [one._asdict() for one in differences(step, made.origin)],
            }
            for step in made.steps
        ],
    }


def confirmed(question: str = "Change this?") -> bool:
    """Raises InputError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InputError("Nobody can be asked whether to go on: give --yes.")
    return typer.confirm(question, err=True)


def _where(one: FromFile) -> str:
    return f"{one.file}, {one.id}"


def _problem(one: dict[str, Any]) -> str:
    field = f"`{one['field']}`" if one.get("field") else "it"
    return f"{field} must be {one.get('expected')}, got {one.get('got')}"
