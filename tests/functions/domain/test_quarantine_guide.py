"""docs/quarantine.md names every reason, every queue, and shows a derived metric that is one."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from contract import models
from contract.models import Rejected
from tests.functions.api_harness import DEAD_LETTERS

TEXT = (Path(__file__).parents[3] / "docs" / "quarantine.md").read_text()
CLIMATE = json.loads((files("contract") / "device_models" / "climate.json").read_bytes())


def rows(heading):
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        row for line in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for row in re.findall(r"`([^`]+)`", line)
    ]


def test_every_reason_is_explained():
    reasons = {*get_args(get_type_hints(Rejected)["reason"])}
    reasons |= {"malformed", "too_large", "unsupported_version", "bad_value", "future", "too_many_metrics"}
    reasons |= {"expired", "unstorable", "refused"}
    assert {*rows("Validation")} >= reasons


def test_every_queue_of_dead_letters_is_named():
    assert {*rows("Dead letters")} >= {*DEAD_LETTERS, "alarms", "actions", "backtests"}


def test_the_derived_metric_is_one():
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    properties = {**CLIMATE["properties"], **json.loads(f"{{{example}}}")}
    model = models.decode(json.dumps({**CLIMATE, "properties": properties}).encode())
    assert model.metrics["dew_point"].derived in example


@pytest.mark.parametrize("outcome", ["stored", "partly", "refused"])
def test_what_becomes_of_a_replay_is_explained(outcome):
    assert f"`{outcome}` (" in TEXT
