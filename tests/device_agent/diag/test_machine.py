from device_agent.diag import machine


def test_the_machine_tells_what_it_is(tmp_path):
    for path, content in (
        ("proc/device-tree/model", "Raspberry Pi 4 Model B\0"),
        ("proc/uptime", "3600.5 100.0\n"),
        ("proc/loadavg", "0.5 0.4 0.3 1/100 42\n"),
        ("proc/meminfo", "MemTotal:  948304 kB\nMemAvailable:  512000 kB\nBuffers: 1 kB\n"),
        ("etc/os-release", 'NAME="x"\nPRETTY_NAME="Debian 12"\n'),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    found = machine.system(tmp_path)
    assert found["model"] == "Raspberry Pi 4 Model B"
    assert found["os"] == "Debian 12"
    assert found["uptime"] == "3600.5 100.0"
    assert found["memory"] == {"MemTotal": "948304 kB", "MemAvailable": "512000 kB"}


def test_a_machine_without_these_files_tells_the_rest(tmp_path):
    found = machine.system(tmp_path)
    assert found["model"] is None
    assert found["memory"] == {}
    assert found["machine"]


def test_disk_is_told_also_for_a_folder_that_is_not_there_yet(tmp_path):
    found = machine.disk(tmp_path, tmp_path / "queue" / "of" / "it")
    assert found[str(tmp_path)]["there"]
    missing = found[str(tmp_path / "queue" / "of" / "it")]
    assert not missing["there"]
    assert missing["total_mib"] >= missing["free_mib"] > 0
    assert missing["read_only"] is False


def test_versions_name_the_packages_that_can_be_imported():
    found = machine.versions()
    assert found["packages"]["msgspec"]
    assert found["python"][0] == "3"


def test_clocks_tell_what_the_clock_says(clock):
    clock.set_synced(False)
    assert machine.clocks(clock) == {
        "wall_ms": 1_764_000_000_000,
        "synchronised": False,
        "boot_ms": 60_000,
        "machine_boot": "00000000-0000-4000-8000-000000000000",
    }
