# SPDX-License-Identifier: Apache-2.0
"""document: Notary's metadata made by hand, right or wrong, to be sent to the agent as it is."""
import base64
import datetime
import hashlib
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def after(days):
    """A time so many days from now, as documents write it."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def der_of(pem):
    return base64.b64decode("".join(pem.split("-----")[2].split()))


def key_object(pem):
    """How documents list a public key or a certificate."""
    if "CERTIFICATE" in pem:
        kind, public = "ecdsa-x509", pem.encode()
    else:
        kind, public = "ecdsa", der_of(pem)
    return {"keytype": kind,
            "keyval": {"private": None, "public": base64.b64encode(public).decode()}}


def key_id(key):
    return hashlib.sha256(canonical(key)).hexdigest()


def canonical_id(key):
    """The ID of the public key alone, whatever certificate lists it."""
    if not key["keytype"].endswith("-x509"):
        return key_id(key)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(key["keyval"]["public"]))
    return key_id(key_object(certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()))


def new_key():
    """PEM of a public key of somebody else."""
    return ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def new_certificate(*names):
    """PEM of a certificate of somebody else, whose subject has these common names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    now = datetime.datetime.now(datetime.timezone.utc)
    return x509.CertificateBuilder(name, name, key.public_key(), 1, now,
                                   now + datetime.timedelta(days=365)).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False).sign(
            key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def certificate_of(pem):
    """PEM of a certificate for a public key of somebody else, by an authority that nobody knows."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("ca", "key")]
    now = datetime.datetime.now(datetime.timezone.utc)
    return x509.CertificateBuilder(
        names[0], names[1], serialization.load_pem_public_key(pem.encode()), 1, now,
        now + datetime.timedelta(days=30)).sign(
            ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
                serialization.Encoding.PEM).decode()


def target(digest="ab" * 32, length=1):
    return {"hashes": {"sha256": base64.b64encode(bytes.fromhex(digest)).decode()},
            "length": length}


def delegation(name, *keys, threshold=1, ids=None):
    return {"keyids": ids or [key_id(key) for key in keys], "name": name, "paths": [""],
            "threshold": threshold}


def targets(version=1, days=30, names=None, delegations=(), keys=(), **more):
    """A document of targets or of a delegation. names: target to its entry."""
    return {"_type": "Targets", "expires": after(days), "version": version,
            "targets": names or {},
            "delegations": {"keys": {key_id(key): key for key in keys},
                            "roles": list(delegations)}, **more}


def root(root_key, targets_key, version=1, days=30, **more):
    """A root document; snapshot and timestamp have keys of somebody else."""
    keys = {"root": root_key, "targets": targets_key, "snapshot": key_object(new_key()),
            "timestamp": key_object(new_key())}
    return {"_type": "Root", "consistent_snapshot": False, "expires": after(days),
            "version": version, "keys": {key_id(key): key for key in keys.values()},
            "roles": {role: {"keyids": [key_id(key)], "threshold": 1}
                      for role, key in keys.items()}, **more}


def request(repository, role, document, *keys):
    """An element of Sign's documents. keys: canonical IDs of those that are to sign."""
    message = document if isinstance(document, bytes) else canonical(document)
    return {"format": "notary", "repository": repository, "role": role, "keys": list(keys),
            "message": base64.b64encode(message).decode()}
