"""What is looked at before anybody signs a device's request."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from functions.adapters.signing_requests import checked
from functions.errors import RequestError
from tests.access_matrix import signing_request

RSA = rsa.generate_private_key(65537, 2048)


def request(key, *names, hashed=True):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name) for name in names])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256() if hashed else None)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def ec_key(curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


def forged():
    """The key in it is another's than the one that signed."""
    text = signing_request("pump-7")
    der = bytearray(x509.load_pem_x509_csr(text.encode()).public_bytes(serialization.Encoding.DER))
    point = (
        x509.load_pem_x509_csr(request(ec_key(), "pump-7").encode())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    own = (
        x509.load_pem_x509_csr(text.encode())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    changed = bytes(der).replace(own, point)
    return x509.load_der_x509_csr(changed).public_bytes(serialization.Encoding.PEM).decode()


def test_a_request_as_the_agent_makes_it_is_accepted():
    text = signing_request("pump-7")
    assert checked(f"\n{text}\n", "pump-7") == text


def test_rsa_of_2048_bits_is_accepted():
    assert checked(request(RSA, "pump-7"), "pump-7")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: "", "expected a certificate signing request in PEM"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        (lambda: "naïve", "expected a certificate signing request in PEM"),
        (lambda: signing_request("pump-7") + " " * 4096, "4096 bytes"),
        (lambda: "-----BEGIN PRIVATE KEY-----", "make the device a new one"),
        (lambda: request(ec_key(), "pump-8"), "common name 'pump-7', got 'pump-8'"),
        (lambda: request(ec_key()), "common name 'pump-7', got none"),
        (lambda: request(ec_key(), "pump-7", "pump-8"), "got 'pump-7', 'pump-8'"),
        (lambda: request(ec_key(ec.SECP384R1), "pump-7"), "EC on secp384r1"),
        (lambda: request(rsa.generate_private_key(65537, 1024), "pump-7"), "RSA of 1024 bits"),
        (lambda: request(ed25519.Ed25519PrivateKey.generate(), "pump-7", hashed=False), "another kind of key"),
        (forged, "one with another signature"),
    ],
    ids=[
        "nothing",
        "no request",
        "no ASCII",
        "too large",
        "a private key",
        "another's name",
        "no name",
        "two names",
        "another curve",
        "a short key",
        "another kind of key",
        "a forged key",
    ],
)
def test_what_is_no_request_of_the_device_is_refused_with_the_reason(text, said):
    with pytest.raises(RequestError) as caught:
        checked(text(), "pump-7")
    assert caught.value.field == "csr"
    assert said in str(caught.value)


def test_a_refusal_shows_nothing_of_a_private_key():
    secret = ec_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(RequestError) as caught:
        checked(secret.decode(), "pump-7")
    assert secret.decode().splitlines()[1] not in str(caught.value)
