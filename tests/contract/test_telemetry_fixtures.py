"""Messages as bytes on disk, each beside what must come of it."""

import json
from pathlib import Path

import msgspec
import pytest

from contract.errors import EnvelopeError
from contract.telemetry import decode

FIXTURES = Path(__file__).parents[1] / "fixtures" / "contract"
VALID = sorted(path for path in (FIXTURES / "valid").glob("*.json") if not path.name.endswith(".expected.json"))
INVALID = sorted((FIXTURES / "invalid").glob("*.json"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_message_decodes_as_recorded(path):
    decoded = msgspec.to_builtins(decode(path.read_bytes()))
    assert json.dumps(decoded, indent=1) + "\n" == path.with_suffix(".expected.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_message_is_refused_with_the_recorded_text(path):
    with pytest.raises(EnvelopeError) as caught:
        decode(path.read_bytes())
    assert f"{caught.value.reason}\n{caught.value}\n" == path.with_suffix(".error.txt").read_text(encoding="utf-8")


def test_there_are_fixtures_to_try():
    assert len(VALID) >= 20
    assert len(INVALID) >= 50
