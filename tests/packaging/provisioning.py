"""What an installer does between installing and starting: identity, certificate, configuration."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

INSTALL = ("dpkg", "--force-unsafe-io", "--install", "/fieldline.deb")
_CONFIG = """
thing = "pump-7"
model = "machine"
endpoints = ["127.0.0.1:1"]
ca = "ca.pem"
certificate = "pump-7.pem"
private_key = "{key}"
queue = "/var/lib/fieldline/queue"
queue_max_mib = 2
state = "/var/lib/fieldline/state"
shutdown_grace_s = 0.1

[[sensor]]
kind = "simulated"
"""


def provision(machine, folder, key="pump-7.key"):
    """With a key that the installed agent makes, and a certificate of an authority that signs this one only."""
    machine.run("fieldline-agent", "identity", "new", "--thing", "pump-7", "--dir", "/etc/fieldline")
    request = x509.load_pem_x509_csr(machine.run("cat", "/etc/fieldline/pump-7.csr").encode())
    authority = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    for name, subject, public_key in (
        ("ca.pem", issuer, authority.public_key()),
        ("pump-7.pem", request.subject, request.public_key()),
    ):
        builder = x509.CertificateBuilder(issuer, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        (folder / name).write_bytes(builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        machine.put(folder / name, f"/etc/fieldline/{name}")
    (folder / "agent.toml").write_text(_CONFIG.format(key=key))
    machine.put(folder / "agent.toml", "/etc/fieldline/agent.toml")
    if key.startswith("credential:"):
        machine.run("mv", "/etc/fieldline/pump-7.key", f"/etc/credstore/{key.removeprefix('credential:')}")
    else:
        machine.run("chown", "fieldline:", f"/etc/fieldline/{key}")
