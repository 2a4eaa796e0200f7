"""What the agent's benchmark prints: rows that a person and a program can read."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`ratio` is the value's to that of the peer, or to the limit; without a goal it is only told, and `ok`."""

    name: str
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    goal: float | None = None
    ok: bool = True

    def row(self) -> dict[str, Any]:
        ratio = None if self.ratio is None else round(self.ratio, 3)
        return {**asdict(self), "value": round(self.value, 2), "ratio": ratio}


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(name, value, unit, "a limit", value / limit, limit, ok=value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(name, value, unit, "a limit", value / limit, limit, ok=value >= limit)


def beside(name: str, value: float, unit: str, peer: str, theirs: float, goal: float | None = None) -> Figure:
    """The goal, if any, is the highest ratio that meets it; to a peer that has none of it there is no ratio."""
    ratio = value / theirs if theirs else None
    return Figure(
        name,
        value,
        unit,
        f"{peer}: {theirs:,.{0 if theirs >= 100 else 1}f} {unit}",
        ratio,
        goal,
        ok=goal is None or (ratio is not None and ratio <= goal),
    )


def none_of(name: str, count: int, unit: str, peer: str, theirs: int) -> Figure:
    """Something that must not happen at all, whatever happens to the peer."""
    ratio = count / theirs if theirs else None
    return Figure(name, count, unit, f"{peer}: {theirs} {unit}", ratio, 0, ok=count == 0)


def line(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"  ratio {figure.ratio:.2f}"
    goal = "" if figure.goal is None else f"  goal {figure.goal:g} {'met' if figure.ok else 'MISSED'}"
    return f"{figure.name}: {figure.value:,.2f} {figure.unit}  {figure.against}{ratio}{goal}"
