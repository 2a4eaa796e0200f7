"""What applying files would change of the rules that are installed: worked out, and told."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from cli.rule_files import FromFile
from cli.text import printable, shown
from contract.durations import spelled

Kind = Literal["create", "update", "delete"]
SIGNS: Mapping[str, str] = {"create": "+", "update": "~", "delete": "-"}
COLOURS: Mapping[str, str] = {"+": "green", "~": "yellow", "-": "red"}


class Installed(NamedTuple):
    id: str
    version: int
    origin: str | None
    document: dict[str, Any]


class Step(NamedTuple):
    kind: Kind
    id: str
    before: Installed | None
    after: FromFile | None


class Plan(NamedTuple):
    """`left` are rules that came from these files, are in none of them any more, and stay."""

    origin: str
    steps: tuple[Step, ...]
    unchanged: int
    left: tuple[str, ...]


class Difference(NamedTuple):
    """Of one place in a document; None where there was or is nothing."""

    path: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    @property
    def text(self) -> str:
        if self.before is None:
            return f"{self.path}: {self.after}"
        return f"{self.path}: {self.before}" if self.after is None else f"{self.path}: {self.before} → {self.after}"


def plan(wanted: Mapping[str, FromFile], installed: Mapping[str, Installed], origin: str, *, prune: bool) -> Plan:
    """Only what came from files of this `origin` is pruned; a rule of the same id is taken over, whoever made it."""
    steps: list[Step] = []
    unchanged = 0
    for id_, after in sorted(wanted.items()):
        before = installed.get(id_)
        if before is None:
            steps.append(Step("create", id_, None, after))
        elif before.document != after.document or before.origin != origin:
            steps.append(Step("update", id_, before, after))
        else:
            unchanged += 1
    gone = [one for id_, one in sorted(installed.items()) if one.origin == origin and id_ not in wanted]
    if prune:
        steps += [Step("delete", one.id, one, None) for one in gone]
    return Plan(origin, tuple(steps), unchanged, () if prune else tuple(one.id for one in gone))


def differences(step: Step, origin: str) -> list[Difference]:
    """Where the documents differ, with the origin as if it were part of them."""
    before = {} if step.before is None else step.before.document
    after = {} if step.after is None else step.after.document
    if step.before is not None and step.after is not None:
        before, after = {**before, "origin": step.before.origin or "none"}, {**after, "origin": origin}
    return between(before, after)


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Where two documents differ."""
    old, new = dict(_flat(before)), dict(_flat(after))
    places = [*old, *(path for path in new if path not in old)]
    return [Difference(path, old.get(path), new.get(path)) for path in places if old.get(path) != new.get(path)]


def told(plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan as lines, each with its sign, which is empty for what is only told."""
    for step in plan.steps:
        document = (step.after or step.before or FromFile("", {}, "")).document
        version = f" (version {step.before.version})" if step.before is not None else ""
        about = f"{printable(str(document.get('title', '')))}, {printable(str(document.get('scope')))}"
        yield SIGNS[step.kind], f"{step.id}{version}: {about}"
        if step.kind == "update":
            for one in differences(step, plan.origin):
                yield one.sign, f"    {one.text}"
        elif step.kind == "create":
            for path, value in _flat(document):
                if path not in {"rule", "title", "scope"}:
                    yield "+", f"    {path}: {value}"


def summary(plan: Plan) -> str:
    counts = {kind: sum(step.kind == kind for step in plan.steps) for kind in SIGNS}
    changes = f"{counts['create']} to create, {counts['update']} to change, {counts['delete']} to delete"
    return f"{changes}, {plan.unchanged} unchanged"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a document by its place; durations as people write them."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else printable(str(key)))
    elif isinstance(value, list) and value and any(isinstance(one, dict | list) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    elif path.endswith("_ms") and isinstance(value, int):
        yield path.removesuffix("_ms"), spelled(value)
    else:
        yield path, _value(value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return "{}" if value == {} else shown(value)
