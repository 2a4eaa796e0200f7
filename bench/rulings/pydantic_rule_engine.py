"""pydantic v2 reads and checks, rule-engine (PyPI) compares with ten thresholds: no duration, dedupe or state."""

import sys
from typing import Annotated, Literal

from pydantic import BaseModel, Field, create_model
from rule_engine import Context, Rule, resolve_attribute

from bench.rulings.rounds import serve
from bench.rulings.workload import METRICS, RANGES, messages, thresholds

Values = create_model(  # type: ignore[call-overload] - fields by name
    "Values",
    **{metric: (Annotated[float, Field(ge=RANGES[metric][0], le=RANGES[metric][1])], ...) for metric in METRICS},
)


class Measurement(BaseModel):
    ts: int
    values: Values
    q: Literal["good", "estimated", "stale", "bad"] = "good"


class Message(BaseModel):
    v: Literal[1]
    boot: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")]
    seq: Annotated[int, Field(ge=0)]
    sent: Annotated[int, Field(ge=0)]
    m: list[Measurement]


if __name__ == "__main__":
    BATCH = [payload for _, payload in messages(int(sys.argv[1]))]
    CONTEXT = Context(resolver=resolve_attribute)
    SIGNS = {"above": ">", "below": "<"}
    RULES = [Rule(f"{metric} {SIGNS[side]} {limit}", context=CONTEXT) for metric, side, limit, _ in thresholds()]

    def work() -> int:
        for payload in BATCH:
            for measurement in Message.model_validate_json(payload).m:
                for rule in RULES:
                    rule.matches(measurement.values)
        return len(BATCH)

    serve(work)
