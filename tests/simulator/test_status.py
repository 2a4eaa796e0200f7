import json

from simulator import status
from simulator.fleet import DeviceStatus

DEVICES = {
    "d-1": DeviceStatus(connected=True, sent=3, queued=1),
    "d-2": DeviceStatus(refused=2, last_error="not authorized"),
}


def test_the_line_sums_the_fleet_up():
    assert status.line(DEVICES) == "1 of 2 connected, 3 messages sent, 1 queued, 2 refused"


def test_the_file_holds_every_device_and_is_replaced_whole(tmp_path):
    file = tmp_path / "status.json"
    file.write_text("old")

    status.write(file, DEVICES, 1_764_000_000_000)

    found = json.loads(file.read_text())
    assert (found["updated_at"], found["total"], found["connected"]) == (1_764_000_000_000, 2, 1)
    assert found["devices"]["d-1"]["sent"] == 3
    assert found["devices"]["d-2"]["last_error"] == "not authorized"
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
