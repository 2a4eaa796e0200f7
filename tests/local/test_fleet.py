import stat
import tomllib

import pytest

from local import fleet
from local.errors import SetupError


def test_models_take_turns_and_names_count_up():
    names = [device.name for device in fleet.simulated(5)]
    assert names == ["climate-001", "machine-002", "tracker-003", "climate-004", "machine-005"]


def test_a_larger_fleet_begins_with_the_smaller_one():
    assert fleet.simulated(20)[:7] == fleet.simulated(7)


def test_groups_fill_line_by_line():
    groups = [device.group for device in fleet.simulated(30)]
    assert groups[0] == groups[5] == "plant-1/line-1"
    assert groups[6] == "plant-1/line-2"
    assert groups[24] == "plant-2/line-1"


@pytest.mark.parametrize("count", [-1, 91])
def test_a_count_that_a_stack_cannot_hold_is_refused(count):
    with pytest.raises(SetupError, match=f"between 0 and 90, got {count}"):
        fleet.simulated(count)


def test_the_fleet_file_names_a_csr_for_each_device(tmp_path):
    devices = fleet.simulated(2)
    path = fleet.write_fleet_file(tmp_path, devices)
    tables = tomllib.loads(path.read_text())["device"]
    assert [(table["name"], table["model"]) for table in tables] == [
        ("climate-001", "climate"),
        ("machine-002", "machine"),
    ]
    for table in tables:
        assert "BEGIN CERTIFICATE REQUEST" in (tmp_path / table["csr"]).read_text()


def test_identities_are_made_once_with_keys_that_only_the_owner_reads(tmp_path):
    fleet.write_fleet_file(tmp_path, fleet.simulated(1))
    key = tmp_path / "identities" / "climate-001.key"
    made = key.read_bytes()
    fleet.write_fleet_file(tmp_path, fleet.simulated(3))
    assert key.read_bytes() == made
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_half_an_identity_is_made_anew(tmp_path):
    fleet.write_fleet_file(tmp_path, fleet.simulated(1))
    request = tmp_path / "identities" / "climate-001.csr"
    request.unlink()
    fleet.write_fleet_file(tmp_path, fleet.simulated(1))
    assert request.exists()
