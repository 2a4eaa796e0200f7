"""What is in the package, looked at without installing it."""

import io
import re
import subprocess
import tarfile

import pytest

from tests.packaging.conftest import EPOCH, HOST, ROOT

PACKAGES = "./usr/lib/fieldline-agent/packages/"


def unpacked(deb):
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(tar))


def control(deb):
    text = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", text, re.MULTILINE))


def machines(deb):
    """The machine numbers in the headers of the extension modules."""
    found = {}
    with unpacked(deb) as tar:
        for member in tar:
            if ".so" in member.name and member.isfile():
                head = tar.extractfile(member).read(20)
                assert head[:4] == b"\x7fELF", member.name
                found[member.name.removeprefix(PACKAGES)] = int.from_bytes(head[18:20], "little")
    return found


def test_a_package_for_arm64_has_only_aarch64_modules_and_those_for_each_python(arm64):
    found = machines(arm64)
    assert set(found.values()) == {183}
    for module in ("_cffi_backend", "msgspec/_core"):
        for python in ("311", "312", "313"):
            assert f"{module}.cpython-{python}-aarch64-linux-gnu.so" in found
    assert {"_awscrt.abi3.so", "cryptography/hazmat/bindings/_rust.abi3.so"} <= set(found)
    assert {name for name in found if "lgpio" in name} == {
        "_lgpio.cpython-311-aarch64-linux-gnu.so",
        "_lgpio.cpython-312-aarch64-linux-gnu.so",
    }
    assert control(arm64)["Architecture"] == "arm64"


def test_a_module_of_another_machine_is_refused(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "packaging")
    import bundle

    (tmp_path / "_x.so").write_bytes(b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little"))
    bundle._check_machine(tmp_path, "amd64")
    with pytest.raises(bundle.BuildError, match=r"_x.so: expected an ELF file of machine 183"):
        bundle._check_machine(tmp_path, "arm64")


def test_the_same_commit_makes_the_same_bytes_wherever_it_is_built(host, build, tmp_path):
    other = build(tmp_path, HOST, umask=0o077, TMPDIR=str(tmp_path), TZ="Asia/Tokyo", HOSTNAME="elsewhere")
    assert other.read_bytes() == host.read_bytes()


def test_everything_is_roots_and_nobody_else_may_write_it(arm64):
    with unpacked(arm64) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root"), member.name
            assert member.mtime == EPOCH, member.name
            if not member.issym():
                executable = member.isdir() or member.name.endswith((".rtupdate", "usr/bin/fieldline-agent"))
                assert member.mode == (0o755 if executable else 0o644), member.name


def test_it_has_the_agent_and_the_contract_and_nothing_of_cloud_tests_or_builder(arm64, tmp_path_factory):
    traces = [str(ROOT).encode(), str(tmp_path_factory.getbasetemp()).encode(), b"/.cache/uv"]
    with unpacked(arm64) as tar:
        top = {name.removeprefix(PACKAGES).split("/")[0] for name in tar.getnames() if name.startswith(PACKAGES)}
        for member in tar:
            assert not member.name.endswith(".pyc"), member.name
            if member.isfile():
                content = tar.extractfile(member).read()
                assert not any(trace in content for trace in traces), member.name
    assert {"device_agent", "contract", "awscrt", "cryptography", "gpiozero", "msgspec", "paho", "smbus2"} <= top
    assert top.isdisjoint({"functions", "infra", "local", "simulator", "cli", "tests", "bin", "setuptools", "boto3"})


def test_the_fields_say_what_it_needs_and_how_large_it_is(arm64):
    fields = control(arm64)
    assert fields["Package"] == "fieldline-agent"
    assert fields["Version"] == "1.2.3"
    assert fields["Depends"].startswith("python3 (>= 3.11), python3 (<< 3.14), libc6 (>= 2.34)")
    assert {"Maintainer", "Description", "Section", "Priority"} <= set(fields)
    assert 20_000 < int(fields["Installed-Size"]) < 40_000


def test_its_checksums_are_those_of_its_files_and_its_scripts_are_shell(arm64, tmp_path):
    subprocess.run(["dpkg-deb", "--raw-extract", arm64, tmp_path / "x"], check=True)
    sums = (tmp_path / "x" / "DEBIAN" / "md5sums").read_text()
    subprocess.run(
        ["md5sum", "--check", "--quiet", "--strict", "-"], input=sums, text=True, cwd=tmp_path / "x", check=True
    )
    assert (
        len(sums.splitlines())
        == sum(path.is_file() and not path.is_symlink() for path in (tmp_path / "x").rglob("*")) - 6
    )
    assert (tmp_path / "x" / "DEBIAN" / "conffiles").read_text() == "/etc/default/fieldline-agent\n"
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", tmp_path / "x" / "DEBIAN" / script], check=True)
