# SPDX-License-Identifier: Apache-2.0
"""publisher: publishes trust data without a server, with keys of its own beside those of the agent."""
import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rig_document import after, canonical, key_id, key_object


def new_private_key():
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def published(document, *signatures):
    """The file of a document. signatures: (key ID, base64)."""
    message = canonical(document)
    listed = ",".join(f'{{"keyid":"{keyid}","method":"ecdsa","sig":"{sig}"}}'
                      for keyid, sig in signatures)
    return b'{"signed":' + message + b',"signatures":[' + listed.encode() + b"]}"


def sign(key, document):
    """A signature as files list it, under the ID of the plain public key."""
    r, s = decode_dss_signature(key.sign(canonical(document), ec.ECDSA(hashes.SHA256())))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key_id(key_object(public_pem(key))), base64.b64encode(raw).decode()


class Publisher:
    """Of one repository. root_certificate: as a file lists it, from the agent. targets: a private key
    for targets; the keys of snapshot and timestamp are its own."""

    def __init__(self, gun, root_certificate, targets):
        self.gun, self._targets, self._server = gun, targets, new_private_key()
        keys = {"root": root_certificate,
                "targets": key_object(public_pem(targets)),
                "server": key_object(public_pem(self._server))}
        ids = {name: key_id(key) for name, key in keys.items()}
        of_role = {"root": "root", "targets": "targets", "snapshot": "server",
                   "timestamp": "server"}
        self.root = {
            "_type": "Root", "consistent_snapshot": False, "expires": after(300), "version": 1,
            "keys": {ids[name]: key for name, key in keys.items()},
            "roles": {role: {"keyids": [ids[name]], "threshold": 1}
                      for role, name in of_role.items()}}
        self._root_id = ids["root"]
        self._root_file = None

    def take_root_signature(self, sig):
        """What the agent answered for self.root."""
        self._root_file = published(self.root, (self._root_id, sig))

    def chain(self, targets):
        """An element of Sign's bases, with these targets as the newest ones."""
        version = targets["version"]
        targets_file = published(targets, sign(self._targets, targets))
        snapshot = self._listing("Snapshot", version, root=self._root_file, targets=targets_file)
        timestamp = self._listing("Timestamp", version, snapshot=snapshot)
        files = {"1.root": self._root_file, "timestamp": timestamp, "snapshot": snapshot,
                 "targets": targets_file}
        return {"repository": self.gun, "files": [
            {"role": role, "version": json.loads(raw)["signed"]["version"],
             "digest": hashlib.sha256(raw).hexdigest(),
             "message": base64.b64encode(raw).decode()} for role, raw in files.items()]}

    def _listing(self, kind, version, **files):
        document = {"_type": kind, "expires": after(30), "version": version, "meta": {
            role: {"hashes": {"sha256": base64.b64encode(hashlib.sha256(raw).digest()).decode()},
                   "length": len(raw)} for role, raw in files.items()}}
        return published(document, sign(self._server, document))
