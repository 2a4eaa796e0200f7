"""The benchmark's hostile messages: what comes of each, and that none costs much more than a valid one."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract.telemetry import MAX_MESSAGE_BYTES, decode

BENCH = Path(__file__).parents[2] / "bench" / "contract.py"


def load_bench():
    spec = importlib.util.spec_from_file_location("bench_contract", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load_bench()


@pytest.mark.parametrize("size", [512, 4_096, MAX_MESSAGE_BYTES])
@pytest.mark.parametrize("case", bench.HOSTILE, ids=lambda case: case.name)
def test_a_hostile_message_is_read_or_refused_for_its_reason(case, size):
    raw = case.build(size)
    assert size * 0.5 < len(raw) <= size
    assert bench.outcome(raw) in case.outcomes


@pytest.mark.parametrize("size", [512, 4_096, MAX_MESSAGE_BYTES])
def test_the_message_to_compare_with_is_valid_and_of_the_size(size):
    assert len(bench.valid(size)) == size
    assert decode(bench.valid(size)).rejected == ()


def test_the_benchmark_prints_a_list_that_a_program_can_read_and_nothing_is_far_over_its_goal_each_time():
    far = set()
    # A busy machine blurs a ratio now and then; a cost that grows faster than the message multiplies it always.
    for time in range(3):
        run = subprocess.run([sys.executable, BENCH, "--quick", "--json"], capture_output=True, text=True, check=True)
        figures = json.loads(run.stdout)
        assert {"name", "value", "unit", "against", "ratio", "goal", "ok"} == set().union(*figures)
        over = {figure["name"] for figure in figures if figure["ratio"] > 2 * figure["goal"]}
        far = over if time == 0 else far & over
        if not far:
            return
    assert far == set()
