# SPDX-License-Identifier: Apache-2.0
"""Keys and their IDs. One key that passes for two is how readers of TUF were betrayed:
CVE-2020-6174 and its kin."""
import copy

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rig_edits import at, both, delegated_to, drop, listed_for, on, put
from rig_forge import b64
from rig_hostile import SKIPPED, kind, row
from rig_signer import (certificate, certified, ec_key, ed25519_key, new_keys, pem_of, rsa_key,
                        spki_of)

BASE_ROLES = ("targets", "snapshot", "timestamp")
KEYS = ("delegations", "keys")
KEYIDS = ("delegations", "roles", 0, "keyids")
TWO = delegated_to("qa", "spare", threshold=2)
qa = new_keys()["qa"]
qa_certified, qa_certified_again = certified(qa, "qa"), certified(qa, "qa")
SPKI, QA_PEM = spki_of(qa.private), pem_of(certificate(qa, "qa"))
ED25519_SPKI = spki_of(ed25519_key().private)


def point(is_compressed):
    """The SPKI of qa with its point in another form."""
    x, y = SPKI[-64:-32], SPKI[-32:]
    encoded = bytes([2 + y[-1] % 2]) + x if is_compressed else bytes([6 + y[-1] % 2]) + x + y
    oids = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    bits = bytes([3, len(encoded) + 1, 0]) + encoded
    return bytes([0x30, len(oids) + len(bits)]) + oids + bits


def and_as(public, keytype="ecdsa"):
    """Two keys of the delegation: qa, and qa in another form."""
    return delegated_to("qa", qa.listed_as(keytype, public), threshold=2)


def twice_for(role):
    """Two keys of a base role: one key plain, and with a certificate."""
    key = new_keys()["spare"]
    return listed_for(role, key, certified(key, "spare"), threshold=2)


def other_id(function):
    """The key of the delegation is listed, and signs, under another ID."""
    def edit(forge):
        key = copy.copy(qa)
        key.id = function(qa.id)
        delegated_to(key)(forge)
    return edit


def keys(function):
    """The only entry of the list of keys is another one."""
    return on("document", "targets", lambda document: at(document, *KEYS).update(
        {i: function(key) for i, key in at(document, *KEYS).items()}))


def keyval(**changes):
    return keys(lambda key: {**key, "keyval": {**key["keyval"], **changes}})


def without(*names):
    """The key lacks a member, to which the names lead."""
    def edit(key):
        key = copy.deepcopy(key)
        del at(key, *names[:-1])[names[-1]]
        return key
    return keys(edit)


def is_of(key):
    return delegated_to(key)


ROWS = [
    *kind("role 'targets/qa' lists the key * twice",
          row("one key is two: plain, and with a certificate", delegated_to(
              "qa", qa_certified, threshold=2), TWO),
          row("one key is two: with two certificates", delegated_to(
              qa_certified, qa_certified_again, threshold=2), TWO),
          row("one key is two: one ID twice", both(
              delegated_to("qa", threshold=2), put("targets", *KEYIDS, value=[qa.id, qa.id])), TWO),
          outcome=SKIPPED),
    *(r for role in BASE_ROLES for r in kind(
        f"role '{role}' lists the key * twice",
        row(f"{role}: one key is two, plain, and with a certificate", twice_for(role),
            listed_for(role, role, "spare", threshold=2)))),
    *kind("it has no public part as Notary writes it for type 'ecdsa'",
          row("one key is two: in BER", and_as(SPKI[:1] + b"\x81" + SPKI[1:]), TWO),
          row("one key is two: with a byte behind it", and_as(SPKI + b"\0"), TWO),
          row("one key is two: in PEM", and_as(qa.private.public_key().public_bytes(
              serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)), TWO),
          row("the key is nothing at all", is_of(qa.listed_as(public=b""))),
          row("the key is a point beside the curve",
              is_of(qa.listed_as(public=SPKI[:-1] + bytes([SPKI[-1] ^ 1])))),
          outcome=SKIPPED),
    *kind("EC key that is compressed or has no named curve",
          row("one key is two: its point compressed", and_as(point(True)), TWO),
          row("one key is two: its point hybrid", and_as(point(False)), TWO), outcome=SKIPPED),
    *kind("it has no certificate as Notary writes it for type 'ecdsa-x509'",
          row("one key is two: a certificate without its last line end",
              and_as(QA_PEM[:-1], "ecdsa-x509"), TWO),
          row("one key is two: a certificate with CR LF",
              and_as(QA_PEM.replace(b"\n", b"\r\n"), "ecdsa-x509"), TWO),
          row("one key is two: a certificate in DER", and_as(
              certificate(qa, "qa").public_bytes(serialization.Encoding.DER), "ecdsa-x509"), TWO),
          outcome=SKIPPED),
    *kind("type 'rsa-x509' and ec-p256 do not fit",
          row("one key is two: a certificate of EC that says RSA", and_as(QA_PEM, "rsa-x509"), TWO),
          outcome=SKIPPED),
    *kind("nobody knows type 'ECDSA'",
          row("one key is two: of a type in capitals", and_as(SPKI, "ECDSA"), TWO),
          outcome=SKIPPED),
    *kind("nobody knows type 'ecdsa-sha2-nistp256'",
          row("one key is two: of TUF's type", and_as(SPKI, "ecdsa-sha2-nistp256"), TWO),
          outcome=SKIPPED),
    *kind("type 'ecdsa' and rsa-2048 do not fit",
          row("the key is of RSA and says EC", is_of(rsa_key().listed_as("ecdsa")),
              is_of(rsa_key())), outcome=SKIPPED),
    *kind("type 'rsa' and ec-p256 do not fit",
          row("the key is of EC and says RSA", is_of(qa.listed_as("rsa"))), outcome=SKIPPED),
    *kind("it has no public part as Notary writes it for type 'ed25519'",
          row("the key is Ed25519 in SPKI", is_of(ed25519_key().listed_as(public=ED25519_SPKI)),
              is_of(ed25519_key())),
          row("the key is Ed25519 and lacks a byte",
              is_of(ed25519_key().listed_as(public=ED25519_SPKI[-31:])), is_of(ed25519_key())),
          outcome=SKIPPED),
    *kind("targets/qa: * RSA key of 1024 bits",
          row("the key is of RSA with 1024 bits", is_of(rsa_key(1024)), is_of(rsa_key())),
          outcome=SKIPPED),
    *kind("targets/qa: * curve 'secp256k1'",
          row("the key is on the curve of Bitcoin", is_of(ec_key(ec.SECP256K1)),
              is_of(ec_key(ec.SECP384R1))), outcome=SKIPPED),
    *kind("curve 'prime192v1'",
          row("the key is on a curve of 192 bits", is_of(ec_key(ec.SECP192R1)),
              is_of(ec_key(ec.SECP224R1))), outcome=SKIPPED),
    *kind("whose ID is really",
          row("a key ID is not that of its key", other_id(lambda _: "0" * 64)),
          row("a key ID is that of its certificate", other_id(lambda _: qa_certified.id)),
          outcome=SKIPPED),
    *kind("key ID: byte 1 is not a lower-case hexadecimal digit",
          row("a key ID is in capitals", other_id(lambda _: "7A" * 32))),
    *kind("hexadecimal digits, want 64",
          row("a key ID is short", other_id(lambda i: i[:-1])),
          row("a key ID is long", other_id(lambda i: i + "0")),
          row("a key ID is empty", other_id(lambda _: ""))),
    *kind("role 'targets/qa' lists key * which is not there",
          row("a key is listed that is not there", put("targets", *KEYS, value={})),
          outcome=SKIPPED),
    *kind("want member 'keytype'", row("a key has no type", without("keytype"))),
    *kind("want member 'keyval'", row("a key has no value", without("keyval"))),
    *kind("want member 'private'",
          row("a key has no private part, not even null", without("keyval", "private"))),
    *kind("want member 'public'", row("a key has no public part", without("keyval", "public"))),
    *kind('"private" is not null', row("a key shows its private part", keyval(private="c2VjcmV0"))),
    *kind("keys['*']: byte *: want a string",
          row("the type of a key is null", keys(lambda key: {**key, "keytype": None})),
          row("a public part is null", keyval(public=None))),
    *kind("keys['*']: *base64",
          row("a public part is no base64", keyval(public="????")),
          row("a public part lacks its padding", keyval(public="YWI"))),
    *kind("keys['*']: more than 65536 bytes",
          row("a public part is longer than any", keyval(public=b64(bytes(70000))))),
    *kind("unknown or misplaced member 'scheme'",
          row("a key has TUF's scheme", keys(lambda key: {**key, "scheme": "ecdsa"}))),
    *kind("type of a key: more than 64 bytes",
          row("the type of a key is longer than any",
              keys(lambda key: {**key, "keytype": "x" * 65}))),
    *kind("keys['*']: byte *: want an object", row("a key is null", keys(lambda _: None))),
    *kind("targets: keys: byte *: want an object",
          row("keys are a list", put("targets", *KEYS, value=[])),
          row("keys are null", put("targets", *KEYS, value=None))),
    *kind("want member 'keys', have 'roles'", row("there are no keys", drop("targets", *KEYS))),
]
