# SPDX-License-Identifier: Apache-2.0
"""matrix_documents: the documents of generated worlds, sound ones and what is made of them, and the
places they are for."""
import base64
import copy
import datetime
import functools
import hashlib
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rig_oracle_document import Document
from rig_signer import Signer, pem_of

NOW = 1800000000
DAY = 86400
TAGS = ("latest", "v1", "v2", "nightly-1", "nightly-2", "nightly/x", "release")
REPOSITORIES = ("r.io/shop/web", "r.io/shop/api", "r.io/shop/web/x", "r.io/other",
                "docker.io/library/alpine")
CLAIMS = ("alpine", "docker.io/alpine", "index.docker.io/library/alpine", "r.io/shop/web:latest",
          "r.io/shop//web", "r.io/shop/web/", "r.io/shop/\x01", "r.io/shop/*", "R.io/shop/web", "web")
ROLES = {"root": ("root",), "targets": ("targets",), "snapshot": ("snapshot",),
         "delegation": ("targets/qa", "targets/releases", "targets/qa/x", "targets/nightly")}
STRANGE_ROLES = ("timestamp", "nothing", "targets/", "targets/QA", "targets/a b", "targets//x",
                 "Root", "targets/qa/")
USERS, GROUPS = (1001, 1002, 1003, 1004), (2001, 2002, 2003)
DOORS, UNITS = ("ci", "lab"), ("nightly.service", "nightly2.service", "build@1.service")
STATES = ("ready", "away", "locked", "changed", "unseen")
CHILDREN = ("qa", "releases", "nightly", "dev")
OWN, OTHERS = 8, 4  # keys that a policy may have, and keys of somebody else


@functools.cache
def signer(number):
    """The same keys in every run."""
    return Signer(ec.derive_private_key(1000 + number, ec.SECP256R1()))


@functools.cache
def certified(number, *names):
    """The same, listed by a certificate that has these common names."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, signer(number).private.public_key(), 1 + number,
                                   now - day, now + 4000 * day).sign(
        signer(number).private, hashes.SHA256())
    return signer(number).listed_as("ecdsa-x509", pem_of(made))


def text_of(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def target(text):
    digest = hashlib.sha256(text.encode()).digest()
    return {"hashes": {"sha256": base64.b64encode(digest).decode()}, "length": len(text)}


def targets(version, expires, tags, roles=()):
    """roles: (name, threshold, numbers of keys) of each delegation."""
    listed = {number for _, _, numbers in roles for number in numbers}
    return {"_type": "Targets", "version": version, "expires": text_of(expires), "targets": tags,
            "delegations": {
                "keys": {signer(number).id: signer(number).object for number in listed},
                "roles": [{"keyids": [signer(number).id for number in numbers], "name": name,
                           "paths": [""], "threshold": threshold}
                          for name, threshold, numbers in roles]}}


def root(repository, version, expires, roots, others, threshold=1):
    """roots: numbers of the keys of the root role; others: that of the key of each other role."""
    keys = {"root": [certified(number, repository) for number in roots],
            **{role: [signer(number)] for role, number in others.items()}}
    return {"_type": "Root", "consistent_snapshot": False, "version": version,
            "expires": text_of(expires),
            "keys": {key.id: key.object for listed in keys.values() for key in listed},
            "roles": {role: {"keyids": [key.id for key in listed],
                             "threshold": threshold if role == "root" else 1}
                      for role, listed in keys.items()}}


def snapshot(version, expires):
    return {"_type": "Snapshot", "version": version, "expires": text_of(expires),
            "meta": {role: target(role) for role in ("root", "targets")}}


# What is done to a document so that it breaks a rule of its own. Each gets a copy of what is signed
# and the random numbers of its world; the oracle finds out for itself what is wrong then.

def _listed(said):
    """The listing of some role, made if there is none."""
    if said["_type"] == "Root":
        return said["roles"]["root"]
    delegations = said.get("delegations")
    if delegations is None or not delegations["roles"]:
        return {"keyids": [], "threshold": 1}
    return delegations["roles"][0]


def same_key_twice(said, rng):
    listed = _listed(said)
    listed["keyids"] = listed["keyids"] + listed["keyids"][:1]


def key_listed_by_certificate_too(said, rng):
    if said["_type"] != "Targets" or not said["delegations"]["roles"]:
        return
    number = rng.randrange(OWN, OWN + OTHERS)
    both = [signer(number), certified(number, "somebody")]
    said["delegations"]["keys"].update({key.id: key.object for key in both})
    said["delegations"]["roles"][0]["keyids"] = [key.id for key in both]


def threshold_of_none(said, rng):
    _listed(said)["threshold"] = 0


def threshold_of_more_than_all(said, rng):
    listed = _listed(said)
    listed["threshold"] = len(listed["keyids"]) + 1


def wrong_key_id(said, rng):
    keys = said.get("keys") or said.get("delegations", {}).get("keys")
    if not keys:
        return
    old = rng.choice(sorted(keys))
    new = hashlib.sha256(old.encode()).hexdigest()
    keys[new] = keys.pop(old)
    roles = said["roles"].values() if said["_type"] == "Root" else said["delegations"]["roles"]
    for role in roles:
        role["keyids"] = [new if each == old else each for each in role["keyids"]]


def hash_too_short(said, rng):
    said.get("targets", {})["short"] = {"hashes": {"sha256": "AAAA"}, "length": 1}


def hash_of_another_kind(said, rng):
    more = target("x")
    more["hashes"]["md5"] = "AAAA"
    said.get("targets", {})["md5"] = more


def no_hash(said, rng):
    said.get("targets", {})["none"] = {"hashes": {}, "length": 1}


def stranger_delegated_to(said, rng):
    if said["_type"] != "Targets":
        return
    key = signer(rng.randrange(OWN, OWN + OTHERS))
    said["delegations"]["keys"][key.id] = key.object
    said["delegations"]["roles"] = said["delegations"]["roles"] + [
        {"keyids": [key.id], "name": "targets/elsewhere/far", "paths": [""], "threshold": 1}]


def plain_root_key(said, rng):
    if said["_type"] == "Root":
        key = signer(rng.randrange(OWN, OWN + OTHERS))
        said["keys"][key.id] = key.object
        said["roles"]["root"]["keyids"].append(key.id)


def root_of_another(said, rng):
    if said["_type"] == "Root":
        key = certified(rng.randrange(OWN, OWN + OTHERS), rng.choice(["r.io/other", "r.io/*"]))
        said["keys"][key.id] = key.object
        said["roles"]["root"]["keyids"].append(key.id)


def root_of_two(said, rng):
    if said["_type"] == "Root":
        key = certified(rng.randrange(OWN, OWN + OTHERS), "r.io/shop/web", "r.io/other")
        said["keys"][key.id] = key.object
        said["roles"]["root"]["keyids"] = [key.id]


MUTATIONS = (same_key_twice, key_listed_by_certificate_too, threshold_of_none,
             threshold_of_more_than_all, wrong_key_id, hash_too_short, hash_of_another_kind, no_hash,
             stranger_delegated_to, plain_root_key, root_of_another, root_of_two)


def mutated(document, mutation, rng):
    said = copy.deepcopy(document.said)
    mutation(said, rng)
    return Document(said)


# What no longer is the canonical form of a document, and must not be understood at all.

def garbled(message, rng):
    """Bytes that are no document any more."""
    at = rng.randrange(len(message))
    return rng.choice([
        message[:at], message + b"\n", b" " + message, message.replace(b'":', b'": ', 1),
        message.replace(b'"version":', b'"version":0', 1),
        message.replace(b'"version":', b'"version":9007199254740992', 1),
        message.replace(b'"_type"', b'"_tYpe"', 1), message.replace(b'{"', b'{"A":1,"', 1),
        message.replace(b'"_type"', b'"\\u005ftype"', 1), message[:-1] + b',"z":1}',
        message.replace(b'"expires":"2', b'"expires":"\x01', 1),
        message.replace(b"Z\"", b"+00:00\"", 1), message + message])
