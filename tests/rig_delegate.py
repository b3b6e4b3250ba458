# SPDX-License-Identifier: Apache-2.0
"""delegate: somebody with a key of his own in notary's files, under which he is delegated."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


def _certificate(key, name):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256()))


class Delegate:
    """kind: "key" or "certificate"; public is the PEM file that a role is given to."""

    def __init__(self, notary, name, kind="key", algorithm="ec"):
        key = rsa.generate_private_key(65537, 2048) if algorithm == "rsa" else \
            ec.generate_private_key(ec.SECP256R1())
        private = notary.directory / f"{name}.key"
        private.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()))
        self.public = notary.directory / f"{name}.pem"
        self.public.write_bytes(
            _certificate(key, name).public_bytes(serialization.Encoding.PEM)
            if kind == "certificate" else key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        notary.run("key", "import", private, "--role", "delegation")
