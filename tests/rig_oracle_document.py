# SPDX-License-Identifier: Apache-2.0
"""oracle_document: what a document says, and what is wrong with it whoever asks, read from JSON."""
import base64
import datetime
import functools
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from rig_document import canonical, key_id

TYPES = {"root": "Root", "targets": "Targets", "snapshot": "Snapshot", "delegation": "Targets"}


@functools.cache
def rank_of(role):
    """None: it is no name of a role."""
    if role in ("root", "targets", "snapshot", "timestamp"):
        return role
    first, *parts = role.split("/")
    is_good = parts and all(part and set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
                            for part in parts)
    return "delegation" if first == "targets" and is_good and len(role) <= 255 else None


@functools.cache
def certificate(public):
    return x509.load_pem_x509_certificate(base64.b64decode(public))


def canonical_id(key):
    """The key ID of the same key as it is without a certificate."""
    if not key["keytype"].endswith("-x509"):
        return key_id(key)
    return _canonical_id(key["keytype"], key["keyval"]["public"])


@functools.cache
def _canonical_id(keytype, public):
    der = certificate(public).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key_id({"keytype": keytype.removesuffix("-x509"),
                   "keyval": {"private": None, "public": base64.b64encode(der).decode()}})


def names_of(key):
    """The common names of the leaf of a key object; none without a certificate."""
    if not key["keytype"].endswith("-x509"):
        return []
    return [name.value for name in certificate(key["keyval"]["public"]).subject
            .get_attributes_for_oid(NameOID.COMMON_NAME)]


class Document:
    """said: the mapping that is signed. It is not changed any more."""

    def __init__(self, said):
        self.said = said
        self.message = canonical(said)
        self.digest = hashlib.sha256(self.message).hexdigest()
        self.type, self.version = said["_type"], said["version"]
        expires = datetime.datetime.fromisoformat(said["expires"].replace("Z", "+00:00"))
        self.expires = int(expires.timestamp())
        self.tags = said.get("targets") or {}
        delegations = said.get("delegations") or {}
        self.keys = said.get("keys") or delegations.get("keys") or {}
        if self.type == "Root":
            self.roles = said["roles"]
        else:
            self.roles = {role["name"]: role for role in delegations.get("roles") or ()}
        # None: it delegates nothing.
        self.delegations = canonical(delegations) if delegations.get("roles") else None
        # (role, canonical key ID) of each key that it lists in a role.
        self.listings = [(name, canonical_id(self.keys[each])) for name, role in self.roles.items()
                         for each in role["keyids"] or () if each in self.keys]
        self._found = {}

    def flaws(self, repository, role):
        """What is wrong with it as that role of that repository."""
        place = repository, role
        if place not in self._found:
            self._found[place] = frozenset(self._flaws(repository, role))
        return self._found[place]

    def _flaws(self, repository, role):
        rank = rank_of(role)
        if rank is None:
            return {"role-name"}
        if rank == "timestamp":
            return {"role-never-signed"}
        if self.type != TYPES[rank]:
            return {"type-mismatch"}
        wrong = set()
        if any(key_id(key) != each for each, key in self.keys.items()):
            wrong.add("key-id-mismatch")
        for listed in self.roles.values():
            wrong |= self._role_flaws(listed)
        for entry in self.tags.values():
            wrong |= _target_flaws(entry)
        if rank == "root" and any(names_of(self.keys[each]) != [repository]
                                  for each in self.roles["root"]["keyids"] if each in self.keys):
            wrong.add("root-certificate")
        if rank != "root" and not all(rank_of(name) == "delegation" and
                                      name.rpartition("/")[0] == role for name in self.roles):
            wrong.add("role-name")
        return wrong

    def _role_flaws(self, role):
        ids = role["keyids"] or ()
        distinct = {canonical_id(self.keys[each]) for each in ids if each in self.keys}
        wrong = set()
        if len(distinct) < len(ids):
            wrong.add("duplicate-key")
        nobody = self.type == "Targets" and not ids and role["threshold"] >= 1
        if not nobody and not 1 <= role["threshold"] <= len(distinct):
            wrong.add("threshold")
        return wrong

    def could_be_root_of(self, repository):
        """Whether somebody may take it for the root of a repository: one certificate is enough."""
        return self.type == "Root" and any(
            repository in names_of(self.keys[each]) for each in self.roles["root"]["keyids"])


def _target_flaws(entry):
    hashes = {name: base64.b64decode(value) for name, value in entry["hashes"].items()}
    wrong = set()
    if len(hashes.get("sha256", b"")) != 32 or hashes.keys() - {"sha256", "sha512"} or (
            "sha512" in hashes and len(hashes["sha512"]) != 64):
        wrong.add("hashes")
    if entry.get("custom", {}) is None:
        wrong.add("custom")
    return wrong


def is_weaker(now, before):
    """A threshold is lower than before, or the last key of a role is gone, or a role that wanted
    more than one signature, and could come back with less."""
    return any(
        now.roles[name]["threshold"] < role["threshold"] or
        role["keyids"] and not now.roles[name]["keyids"]
        if name in now.roles else role["threshold"] > 1
        for name, role in before.roles.items())


def changed_tags(now, before):
    """Names of the tags that were added, changed or removed; before: None for nothing."""
    was = before.tags if before else {}
    return {tag for tag in now.tags.keys() | was.keys() if now.tags.get(tag) != was.get(tag)}
