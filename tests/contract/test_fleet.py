import pytest

from contract.errors import ContractError, FleetError
from contract.fleet import Fleet, FleetDevice, load

CSR = "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n"


@pytest.fixture
def fleet_file(tmp_path):
    """Writes a fleet file of the given text, beside two requests, and returns its path."""
    for name in ("press-4", "office"):
        (tmp_path / f"{name}.csr").write_text(CSR.format(name), encoding="ascii")

    def write(text):
        path = tmp_path / "fleet.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def device(name="press-4", model="machine", group="plant-1/line-2", csr="press-4.csr"):
    fields = {"name": name, "model": model, "group": group, "csr": csr}
    return "[[device]]\n" + "".join(f'{key} = "{value}"\n' for key, value in fields.items() if value is not None)


def problems_of(path):
    with pytest.raises(FleetError) as caught:
        load(path)
    return caught.value.problems


def test_a_fleet_is_its_devices_with_their_requests(fleet_file):
    path = fleet_file(device() + device("office", "climate", "hq", "office.csr"))
    assert load(path) == Fleet(
        (
            FleetDevice("press-4", "machine", "plant-1/line-2", CSR.format("press-4")),
            FleetDevice("office", "climate", "hq", CSR.format("office")),
        )
    )


def test_an_empty_fleet_is_a_fleet(fleet_file):
    assert load(fleet_file("")) == Fleet(())


def test_a_request_is_found_from_the_fleet_file_wherever_one_stands(fleet_file, monkeypatch, tmp_path_factory):
    path = fleet_file(device())
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load(path).devices[0].csr_pem == CSR.format("press-4")


def test_an_end_of_line_of_windows_or_a_missing_one_is_no_other_request(fleet_file, tmp_path):
    (tmp_path / "press-4.csr").write_text(CSR.format("press-4").rstrip(), encoding="ascii")
    assert load(fleet_file(device())).devices[0].csr_pem == CSR.format("press-4")


def test_every_problem_is_reported_at_once(fleet_file, tmp_path):
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n", encoding="ascii")
    text = device("Press 4", "robot", "plant-1/", "absent.csr") + device("office", csr="key.pem") + device(csr=None)
    problems = problems_of(fleet_file(text + 'serial = "7"\n'))
    absent = tmp_path / "absent.csr"
    thing = "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
    request = "a signing request in PEM (-----BEGIN CERTIFICATE REQUEST-----)"
    assert problems == (
        f"device 1 (Press 4): `name` must be {thing}, got 'Press 4'.",
        "device 1 (Press 4): `model` must be one of climate, machine, tracker, got 'robot'.",
        "device 1 (Press 4): `group` must be 1 to 6 segments of a-z, 0-9 and '-', joined by '/', got 'plant-1/'.",
        f"device 1 (Press 4): `csr` must be a readable file, got {absent}: No such file or directory.",
        f"device 2 (office): `csr` must be {request}, got {tmp_path / 'key.pem'} with other content.",
        "device 3 (press-4): `csr` must be text, got nothing.",
        "device 3 (press-4): `serial` must be left out, known are name, model, group, csr.",
    )


def test_a_name_that_is_used_twice_is_reported(fleet_file):
    assert problems_of(fleet_file(device() + device(csr="office.csr"))) == (
        "`name` must be used once, got 'press-4' again.",
    )


def test_a_request_that_two_devices_share_is_reported(fleet_file):
    assert problems_of(fleet_file(device() + device("office"))) == (
        "`csr` must be a device's own, got one request for press-4 and office.",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[device]", "it must be TOML, got "),
        ('device = "press-4"', "`device` must be written as `[[device]]`, got 'press-4'."),
        ("[device]\nname = 'a'", "`device` must be written as `[[device]]`, got an object with 1 key."),
        ("device = [1]", "device 1: `name` must be text, got nothing."),
        ("[[devices]]", "it must hold only `[[device]]` tables, got devices."),
        ("[[device]]\nname = 7", "device 1: `name` must be text, got 7."),
    ],
)
def test_a_file_of_another_shape_says_what_was_expected(fleet_file, text, problem):
    assert problems_of(fleet_file(text))[0].startswith(problem)


def test_a_file_that_is_not_there_or_not_text_is_reported(tmp_path):
    assert problems_of(tmp_path / "fleet.toml") == ("it must be a readable file, got No such file or directory.",)
    assert problems_of(tmp_path) == ("it must be a readable file, got Is a directory.",)
    (tmp_path / "fleet.toml").write_bytes(b"\xff")
    assert problems_of(tmp_path / "fleet.toml")[0].startswith("it must be TOML, got 'utf-8' codec")


def test_a_request_that_is_far_too_large_is_not_read_whole(fleet_file, tmp_path):
    (tmp_path / "press-4.csr").write_text(CSR.format("A" * 100_000), encoding="ascii")
    assert "`csr` must be a signing request in PEM" in problems_of(fleet_file(device()))[0]


def test_the_error_is_the_contracts_and_reads_as_a_list(fleet_file):
    path = fleet_file("[[device]]")
    with pytest.raises(ContractError) as caught:
        load(path)
    assert str(caught.value).splitlines()[:2] == [
        f"Invalid fleet file {path}:",
        "- device 1: `name` must be text, got nothing.",
    ]
