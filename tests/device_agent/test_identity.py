"""A key is made once, on the device, readable by its owner alone."""

import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract.errors import IdentityError
from device_agent import identity
from device_agent.errors import KeyMaterialError


def test_the_request_names_the_thing_and_is_signed_by_the_key(tmp_path):
    material = identity.create("pump-7", tmp_path / "new" / "directory")

    request = x509.load_pem_x509_csr(material.csr.read_bytes())
    key = serialization.load_pem_private_key(material.private_key.read_bytes(), password=None)
    assert request.is_signature_valid
    assert request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "pump-7"
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert key.public_key() == request.public_key()


def test_the_key_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        material = identity.create("pump-7", tmp_path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(material.private_key.stat().st_mode) == 0o600


@pytest.mark.parametrize("existing", ["pump-7.key", "pump-7.csr"])
def test_nothing_is_overwritten(tmp_path, existing):
    (tmp_path / existing).write_text("precious")

    with pytest.raises(KeyMaterialError, match=existing):
        identity.create("pump-7", tmp_path)

    assert (tmp_path / existing).read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == [existing]


def test_a_file_that_appears_between_check_and_write_is_not_overwritten(tmp_path):
    (tmp_path / "pump-7.key").write_text("precious")

    with pytest.raises(FileExistsError):
        identity.write_new(tmp_path / "pump-7.key", b"new", 0o600)

    assert (tmp_path / "pump-7.key").read_text() == "precious"


def test_a_dangling_link_is_not_followed(tmp_path):
    (tmp_path / "pump-7.key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeyMaterialError):
        identity.create("pump-7", tmp_path)

    assert not (tmp_path / "elsewhere").exists()


def test_a_name_that_is_no_thing_name_makes_no_file(tmp_path):
    with pytest.raises(IdentityError):
        identity.create("../pump", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_request_that_cannot_be_written_leaves_no_orphaned_key(tmp_path):
    (tmp_path / "pump-7.csr").symlink_to(tmp_path / "missing" / "pump-7.csr")

    with pytest.raises(KeyMaterialError):
        identity.create("pump-7", tmp_path)

    assert not (tmp_path / "pump-7.key").exists()
