"""rules test, rules validate: rules in files, checked and tried without a deployment."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import InputError
from cli.output import console, note, print_json, print_line
from cli.text import printable

if TYPE_CHECKING:
    from contract.errors import RuleError
    from contract.models import DeviceModel
    from contract.rules import Rule
    from contract.rules.folder import Folder
    from contract.rules.trial import Outcome, Trial

PathArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of rules and their tests, or one file.")]
ModelOption = Annotated[
    list[Path] | None,
    typer.Option("--model", metavar="FILE", help="A device model besides those that come along; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_COLOURS = {"=": "dim", "-": "red", "+": "green", "?": "dim"}


def validate(path: PathArgument, *, model: ModelOption = None, as_json: JsonOption = False) -> None:
    """Check rules and their tests without a deployment: every problem with its file, line, rule and path.

    Rules for a device model are checked against it: metrics, actuators and their parameters. Exit code 2 if anything
    is wrong.

    Example: fieldline rules validate rules/ --model models/press.json
    """
    found, trials, errors = _read(path, _models(model or []))
    if as_json:
        print_json({"rules": len(found.rules), "tests": len(trials), "problems": _problems(errors)})
        if errors:
            raise typer.Exit(InputError.exit_code)
        return
    _refuse(path, errors)
    print_line(f"{_count(len(found.rules), 'rule')} and {_count(len(trials), 'test')} are valid.")


def run_tests(
    path: PathArgument,
    *,
    rule: Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only the tests of this rule.")] = None,
    model: ModelOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also name the tests that pass.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the tests of rules without a deployment, through the same life cycle as in the cloud.

    Tests stand beside the rules in files that end in .test.yaml. Of one that fails is shown what came as expected (=),
    what did not come (-), what came instead (+), and why (?). Exit code 1 if a test fails, 2 if a file cannot be used.

    Example: fieldline rules test rules/ --verbose
    """
    from contract.rules.trial import run

    found, trials, errors = _read(path, _models(model or []))
    _refuse(path, errors)
    trials = [trial for trial in trials if rule in (None, trial.rule.id)]
    if not trials:
        raise InputError(f"There are no tests{'' if rule is None else f' of the rule {rule}'} in {path}.")
    outcomes = [run(trial) for trial in trials]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        print_json({"tests": [_told(outcome) for outcome in outcomes], "failed": len(failed)})
    else:
        for outcome in outcomes:
            if verbose or not outcome.passed:
                _print(outcome)
        untested = [one.rule.id for one in found.rules if all(one.rule.id != trial.rule.id for trial in trials)]
        if untested and rule is None:
            note(f"Without a test: {', '.join(untested)}.")
        print_line(f"{_count(len(outcomes), 'test')}: {len(outcomes) - len(failed)} passed, {len(failed)} failed.")
    if failed:
        raise typer.Exit(1)


def _read(path: Path, models: Mapping[str, "DeviceModel"]) -> "tuple[Folder, list[Trial], list[RuleError]]":
    from contract.errors import RuleError
    from contract.rules import of_model
    from contract.rules.folder import load, load_trials

    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    found = load(path, models)
    errors, trials = list(found.errors), list["Trial"]()
    if not found.rules and not found.tests and not errors:
        raise InputError(f"There are no rules in {path}: they are files that end in .yaml, .yml or .json.")
    rules: dict[str, Rule] = {one.id: one for model in models.values() for one in of_model(model)}
    rules |= {one.rule.id: one.rule for one in found.rules}
    for file in found.tests:
        try:
            trials += load_trials(file, rules)
        except RuleError as error:
            errors.append(error)
    _check_names(trials)
    return found, trials, errors


def _check_names(trials: "list[Trial]") -> None:
    """A name is what one looks for when a test fails."""
    counted = Counter((trial.source, trial.name) for trial in trials)
    twice = [f"{source}: {name}" for (source, name), times in counted.items() if times > 1]
    if twice:
        raise InputError("Tests of one file have the same name.", twice)


def _models(files: list[Path]) -> "dict[str, DeviceModel]":
    from contract import models
    from contract.errors import ModelError

    known = models.shipped()
    for file in files:
        try:
            model = models.load(file)
        except ModelError as error:
            raise InputError(str(error)) from error
        known[model.name] = model
    return known


def _refuse(path: Path, errors: "list[RuleError]") -> None:
    if errors:
        problems = [f"{error.source}: {sentence}" for error in errors for sentence in error.sentences()]
        raise InputError(f"{path}: {_count(len(problems), 'problem')}.", problems)


def _problems(errors: "list[RuleError]") -> list[dict[str, Any]]:
    return [
        {"file": error.source, "line": line, "field": field, "expected": expected, "got": got}
        for error in errors
        for (field, expected, got), line in zip(error.problems, error.lines, strict=True)
    ]


def _told(outcome: "Outcome") -> dict[str, Any]:
    trial = outcome.trial
    return {
        "test": trial.name,
        "rule": trial.rule.id,
        "file": trial.source,
        "line": trial.line,
        "passed": outcome.passed,
        "differences": list(outcome.differences),
        "steps": [{"at": step.at, "kind": step.kind, "severity": step.severity} for step in outcome.steps],
    }


def _print(outcome: "Outcome") -> None:
    from rich.text import Text

    trial, out = outcome.trial, console()
    where = trial.source if trial.line is None else f"{trial.source}:{trial.line}"
    verdict = Text("passed" if outcome.passed else "FAILED", style="green" if outcome.passed else "bold red")
    out.print(Text.assemble(verdict, f"  {printable(trial.rule.id)}: {printable(trial.name)}", (f"  ({where})", "dim")))
    for line in outcome.differences:
        out.print(Text(f"    {printable(line)}", style=_COLOURS[line[0]]))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
