import base64
import json
import stat
import sys

import pytest

from cli import fleet_file
from contract.fleet import load

WRITTEN = """\
# Line 2, as agreed with the plant. Keep sorted by hand.

[[device]]
name = 'press-3'   # the old one
group = "plant-1/line-2"
model = "machine"
csr = "requests/three.csr"

# Outside:
[[device]]
name = "yard"
model = "climate"
group = "plant-1/yard"
csr = "requests/yard.csr"
# The end.
"""


def request(seed):
    body = base64.b64encode(f"request of {seed}".encode() * 8).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "press-4.csr").write_text(request("press-4"))
    return tmp_path


@pytest.fixture
def plant(here):
    """A fleet file that somebody wrote."""
    (here / "requests").mkdir()
    (here / "requests" / "three.csr").write_text(request("three"))
    (here / "requests" / "yard.csr").write_text(request("yard"))
    (here / "fleet.toml").write_text(WRITTEN)
    return here


def add(run, *args, **kwargs):
    options = {"--model": "machine", "--group": "plant-1/line-2", "--csr": "press-4.csr"}
    options.update(zip(args[1::2], args[2::2], strict=True))
    flat = [part for pair in options.items() for part in pair]
    return run("fleet", "add", args[0] if args else "press-4", *flat, **kwargs)


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_device_is_added_to_a_fleet_that_the_contract_reads(run, here):
    result = add(run)
    assert "Added press-4" in result.stdout
    (device,) = load(here / "fleet.toml").devices
    assert (device.name, device.model, device.group) == ("press-4", "machine", "plant-1/line-2")
    assert device.csr_pem == request("press-4")


def test_the_request_is_kept_beside_the_fleet_file_wherever_that_is(run, here):
    (here / "plants").mkdir()
    add(run, "press-4", "--fleet", "plants/fleet.toml")
    assert (here / "plants" / "fleet" / "press-4.csr").read_text() == request("press-4")
    assert 'csr = "fleet/press-4.csr"' in (here / "plants" / "fleet.toml").read_text()


def test_comments_order_and_spelling_stay_as_they_were(run, plant):
    add(run)
    text = (plant / "fleet.toml").read_text()
    assert text.startswith(WRITTEN)
    assert [device.name for device in load(plant / "fleet.toml").devices] == ["press-3", "yard", "press-4"]


def test_devices_are_added_one_after_the_other(run, here):
    add(run)
    (here / "five.csr").write_text(request("five"))
    add(run, "press-5", "--csr", "five.csr")
    assert [device.name for device in load(here / "fleet.toml").devices] == ["press-4", "press-5"]


def test_a_file_without_a_last_line_end_gets_one(run, plant):
    (plant / "fleet.toml").write_text(WRITTEN.rstrip())
    add(run)
    assert (plant / "fleet.toml").read_text().startswith(f"{WRITTEN}\n[[device]]\n")


def test_line_ends_of_another_system_are_kept(run, plant):
    (plant / "fleet.toml").write_bytes(WRITTEN.replace("\n", "\r\n").encode())
    add(run)
    assert (plant / "fleet.toml").read_bytes().startswith(WRITTEN.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["Press 4"], "thing"),
        (["../evil"], "thing"),
        (["press-4", "--group", "Plant"], "group"),
        (["press-4", "--model", "toaster"], "climate, machine, tracker"),
        (["press-4", "--csr", "absent.csr"], "absent.csr"),
        (["press-4", "--csr", "."], "--csr"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changed(run, plant, args, words):
    before = everything(plant)
    assert words in add(run, *args, fails=2).stderr
    assert everything(plant) == before


@pytest.mark.parametrize(
    "content", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x" * 100_000]
)
def test_a_file_that_is_no_request_is_refused_and_nothing_changed(run, plant, content):
    (plant / "press-4.csr").write_text(content)
    before = everything(plant)
    add(run, fails=2)
    assert everything(plant) == before


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_a_private_key_is_refused_in_words_and_never_copied(run, plant, kind):
    (plant / "press-4.csr").write_text(f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n{request('x')}")
    assert "must never leave the device" in add(run, fails=2).stderr
    assert not (plant / "fleet").exists()


def test_a_name_is_taken_once(run, plant):
    before = everything(plant)
    assert "'press-3' already" in add(run, "press-3", fails=2).stderr
    assert everything(plant) == before


def test_a_request_is_one_devices_own(run, plant):
    before = everything(plant)
    assert "press-3" in add(run, "press-5", "--csr", "requests/three.csr", fails=2).stderr
    assert everything(plant) == before


def test_another_request_of_that_name_is_not_overwritten(run, here):
    (here / "fleet").mkdir()
    (here / "fleet" / "press-4.csr").write_text(request("other"))
    assert "another request" in add(run, fails=2).stderr
    assert (here / "fleet" / "press-4.csr").read_text() == request("other")
    assert not (here / "fleet.toml").exists()


def test_a_request_that_lies_there_already_is_used(run, here):
    (here / "fleet").mkdir()
    (here / "press-4.csr").rename(here / "fleet" / "press-4.csr")
    add(run, "press-4", "--csr", "fleet/press-4.csr")
    assert [device.name for device in load(here / "fleet.toml").devices] == ["press-4"]


@pytest.mark.parametrize(
    "text",
    ["[[device", "device = 3\n", 'device = [{name = "x"}]\n', '[[device]]\nname = "x"\n', "other = 1\n", "\ufeff"],
)
def test_a_broken_fleet_file_is_told_and_left_alone(run, here, text):
    (here / "fleet.toml").write_text(text)
    before = everything(here)
    stderr = add(run, fails=2).stderr
    assert "fleet.toml is not valid:" in stderr
    assert "\n- " in stderr
    assert everything(here) == before


def test_a_fleet_file_that_is_no_text_is_told_and_left_alone(run, here):
    (here / "fleet.toml").write_bytes(b"\xff\xfe")
    assert "fleet.toml is not valid:" in add(run, fails=2).stderr
    assert (here / "fleet.toml").read_bytes() == b"\xff\xfe"


def test_a_folder_that_is_not_there_is_named(run, here):
    assert "absent" in add(run, "press-4", "--fleet", "absent/fleet.toml", fails=1).stderr


def test_an_edit_made_meanwhile_is_not_lost(run, plant, monkeypatch):
    appended = fleet_file._appended

    def while_somebody_edits(*args):
        with (plant / "fleet.toml").open("a") as file:
            file.write("# mine\n")
        return appended(*args)

    monkeypatch.setattr(fleet_file, "_appended", while_somebody_edits)
    assert "changed meanwhile" in add(run, fails=1).stderr
    assert (plant / "fleet.toml").read_text() == WRITTEN + "# mine\n"
    assert not (plant / "fleet" / "press-4.csr").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_the_files_mode_stays(run, plant):
    (plant / "fleet.toml").chmod(0o640)
    add(run)
    assert stat.S_IMODE((plant / "fleet.toml").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(run, plant):
    (plant / "link.toml").symlink_to(plant / "fleet.toml")
    add(run, "press-4", "--fleet", "link.toml")
    assert (plant / "link.toml").is_symlink()
    assert len(load(plant / "fleet.toml").devices) == 3


def test_no_draft_is_left_behind(run, plant):
    add(run)
    add(run, fails=2)
    assert not list(plant.rglob(".*"))


def test_no_folder_is_left_behind_by_a_refusal(run, here):
    (here / "press-4.csr").write_text("none")
    add(run, fails=2)
    assert not (here / "fleet").exists()


def test_the_fleet_is_listed(run, plant):
    lines = run("fleet", "list").stdout.splitlines()
    assert lines[0].split() == ["Device", "Model", "Group"]
    assert [line.split() for line in lines[2:]] == [
        ["press-3", "machine", "plant-1/line-2"],
        ["yard", "climate", "plant-1/yard"],
    ]


def test_the_fleet_is_listed_as_json(run, plant):
    assert json.loads(run("fleet", "list", "--json").stdout)["items"][1] == {
        "name": "yard",
        "model": "climate",
        "group": "plant-1/yard",
    }


def test_listing_tells_every_problem_of_the_file(run, plant):
    (plant / "requests" / "three.csr").unlink()
    (plant / "requests" / "yard.csr").unlink()
    assert run("fleet", "list", fails=2).stderr.count("\n- ") == 2


def test_listing_without_a_file_names_the_command_that_makes_one(run, here):
    assert "fieldline fleet add" in run("fleet", "list", fails=2).stderr
