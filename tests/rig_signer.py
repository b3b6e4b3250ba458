# SPDX-License-Identifier: Apache-2.0
"""signer: keys of every kind that Notary knows, and signatures as it wants them, or not quite."""
import base64
import datetime
import functools
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

from rig_document import canonical

NAMES = ("root", "targets", "snapshot", "timestamp", "qa", "spare", "other")
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def b64(data):
    return base64.b64encode(data).decode()


def spki_of(private):
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Signer:
    """A private key, and the object by which documents list its public key."""

    def __init__(self, private, keytype=None, public=None):
        self.private = private
        kind, method, own = self._form(private)
        self.method = method
        self.object = {"keytype": keytype or kind, "keyval": {
            "private": None, "public": b64(own if public is None else public)}}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()
        self._signed = {}

    @staticmethod
    def _form(private):
        if isinstance(private, rsa.RSAPrivateKey):
            return "rsa", "rsapss", spki_of(private)
        if isinstance(private, ed25519.Ed25519PrivateKey):
            return "ed25519", "eddsa", spki_of(private)[-32:]
        return "ecdsa", "ecdsa", spki_of(private)

    def sign(self, message):
        """The bytes of a signature as Notary has them; the same ones for the same message, so that
        two repositories that differ in one thing differ in nothing else."""
        if message not in self._signed:
            self._signed[message] = self.sign_anew(message)
        return self._signed[message]

    def sign_anew(self, message):
        if self.method == "rsapss":
            return self.private.sign(message, PSS, hashes.SHA256())
        if self.method == "eddsa":
            return self.private.sign(message)
        width = (self.private.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(width, "big") for n in self.numbers(message))

    def numbers(self, message):
        """r and s."""
        return utils.decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))

    def signature(self, message, **changes):
        return {"keyid": self.id, "method": self.method, "sig": b64(self.sign(message)), **changes}

    def listed_as(self, keytype=None, public=None):
        """The same private key, listed by another object."""
        if public is None:
            public = base64.b64decode(self.object["keyval"]["public"])
        return Signer(self.private, keytype or self.object["keytype"], public)

    def pem(self):
        """The private key, to be imported into a token."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()


@functools.cache
def new_keys():
    """The same keys for all repositories: what is made for one of them is bound by its name."""
    return {name: Signer(ec.generate_private_key(ec.SECP256R1())) for name in NAMES}


@functools.cache
def rsa_key(bits=2048):
    return Signer(rsa.generate_private_key(65537, bits))


@functools.cache
def ed25519_key():
    return Signer(ed25519.Ed25519PrivateKey.generate())


@functools.cache
def ec_key(curve=ec.SECP256R1):
    return Signer(ec.generate_private_key(curve()))


def now(days=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)


def certificate(signer, *names, days=(-1, 365), algorithm=None, authority=None, is_ca=False,
                issuer=None):
    """A certificate for the key of a signer, by itself or by an authority: a Signer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) if isinstance(name, str)
                         else name for name in names])
    builder = x509.CertificateBuilder(
        issuer or subject, subject, signer.private.public_key(), x509.random_serial_number(),
        now(days[0]), now(days[1]))
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), True)
    return builder.sign((authority or signer).private, algorithm or hashes.SHA256())


def pem_of(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def certified(signer, *names, with_more=(), **form):
    """The same private key, listed by a certificate and perhaps more of them."""
    keytype = "rsa-x509" if isinstance(signer.private, rsa.RSAPrivateKey) else "ecdsa-x509"
    return signer.listed_as(keytype, pem_of(certificate(signer, *names, **form), *with_more))
