"""What a certificate's signing request says, looked at before anybody signs it."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from functions.domain.certificates import MAX_REQUEST_BYTES
from functions.errors import RequestError

MIN_RSA_BITS = 2048
_EXPECTED = "a certificate signing request in PEM"


def checked(text: str, thing: str) -> str:
    """The request as it is to be signed; raises RequestError, which tells what is wrong with it.

    It is of an EC key on P-256 or an RSA key of 2048 bits and more, signed with that key, for the common name `thing`.
    """
    if "PRIVATE KEY" in text:
        raise RequestError("csr", f"{_EXPECTED}, without the private key", "a private key; make the device a new one")
    if len(text.encode()) > MAX_REQUEST_BYTES:
        raise RequestError("csr", f"{_EXPECTED} of at most {MAX_REQUEST_BYTES} bytes", f"{len(text.encode())} bytes")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key, signed = request.public_key(), request.is_signature_valid
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise RequestError("csr", _EXPECTED, "another text, or a request that cannot be read") from exc
    _check_key(key)
    if not signed:
        raise RequestError("csr", "a request that is signed with its own key", "one with another signature")
    if [one.value for one in names] != [thing]:
        got = ", ".join(repr(str(one.value)[:100]) for one in names) or "none"
        raise RequestError("csr", f"the common name {thing!r}", got)
    return text.strip() + "\n"


def _check_key(key: object) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return
    size = f" of {key.key_size} bits" if isinstance(key, rsa.RSAPublicKey) else ""
    curve = f" on {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else ""
    kind = "RSA" if size else "EC" if curve else "another kind of key"
    raise RequestError(
        "csr", f"an EC key on P-256 or an RSA key of {MIN_RSA_BITS} bits or more", f"{kind}{size}{curve}"
    )
