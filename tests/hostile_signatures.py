# SPDX-License-Identifier: Apache-2.0
"""Signatures that are none, or not over what they should be over, or in another form."""
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from rig_edits import (both, listed_for, new_root, on, put, resigned, sig, signature, signed_by,
                       text)
from rig_forge import b64, target_of, wire
from rig_hostile import SIGNS, SKIPPED, kind, row, taken
from rig_signer import P256_ORDER, PSS, ec_key, ed25519_key, new_keys, rsa_key

HALF = 32   # bytes of r, and of s
PKCS1 = padding.PKCS1v15()
RSA = listed_for("targets", rsa_key())
P384 = listed_for("targets", ec_key(ec.SECP384R1))
ED25519 = listed_for("targets", ed25519_key())
AMPERSAND = put("targets", "targets", "a&b", value=target_of("a&b"))
NOT_EXACT = "is not as in the exact form"
targets_key = new_keys()["targets"]


def pss(salt=32, algorithm=hashes.SHA256):
    return padding.PSS(padding.MGF1(algorithm()), salt)


def rsa_signed(scheme, algorithm=hashes.SHA256, **members):
    return both(RSA, resigned("targets", lambda message: rsa_key().private.sign(
        message, scheme, algorithm()), **members))


def der(message):
    return targets_key.private.sign(message, ec.ECDSA(hashes.SHA256()))


def p384(algorithm):
    def sign(message):
        made = ec_key(ec.SECP384R1).private.sign(message, ec.ECDSA(algorithm()))
        return b"".join(n.to_bytes(48, "big") for n in utils.decode_dss_signature(made))
    return both(P384, resigned("targets", sign))


def over(function):
    """The signature is over what function makes of the message."""
    return resigned("targets", lambda message: targets_key.sign(function(message)))


def with_high_s(raw):
    return raw[:HALF] + (P256_ORDER - int.from_bytes(raw[HALF:], "big")).to_bytes(HALF, "big")


def after_strangers(n):
    """The signature that counts is the last of n."""
    return on("signatures", "targets", lambda signatures, _: [
        {"keyid": f"{i:064x}", "method": "ecdsa", "sig": b64(bytes(64))} for i in range(n - 1)]
        + signatures)


def signatures_are(json):
    return on("file", "targets", lambda file:
              file[:file.index(b',"signatures":')] + json.encode() + b"}")


def signed_is(json):
    return on("file", "targets", lambda file:
              b'{"signed":' + json.encode() + file[file.index(b',"signatures":'):])


ROWS = [
    *kind("signed by 0 of 1 keys, the threshold is 1: no signature by key",
          row("root is signed by nobody", new_root(signed_by("root")), new_root()),
          row("timestamp is signed by nobody", signed_by("timestamp")),
          row("snapshot is signed by nobody", signed_by("snapshot")),
          row("targets are signed by nobody", signed_by("targets")),
          row("a delegation is signed by nobody", signed_by("targets/qa"), outcome=SKIPPED,
              agent=SIGNS),
          row("signatures are null", signatures_are(',"signatures":null'),
              agent="signatures: byte *: want an array"),
          row("there are no signatures", signatures_are(""),
              agent='"signed" is not followed by "signatures"'),
          row("root is signed by a stranger", new_root(signed_by("root", "other")), new_root()),
          row("timestamp is signed by a stranger", signed_by("timestamp", "other")),
          row("snapshot is signed by a stranger", signed_by("snapshot", "other")),
          row("targets are signed by a stranger", signed_by("targets", "other")),
          row("a delegation is signed by a stranger", signed_by("targets/qa", "other"),
              outcome=SKIPPED, agent=SIGNS),
          row("root is signed by the key of targets", new_root(signed_by("root", "targets")),
              new_root()),
          row("timestamp is signed by the key of snapshot", signed_by("timestamp", "snapshot")),
          row("snapshot is signed by the key of timestamp", signed_by("snapshot", "timestamp")),
          row("targets are signed by the key of a delegation", signed_by("targets", "qa")),
          row("a delegation is signed by the key of targets", signed_by("targets/qa", "targets"),
              outcome=SKIPPED, agent=SIGNS)),
    *kind("of its signatures cannot be read",
          row("a signature names its key in capitals", signature("targets", keyid=str.upper)),
          row("a signature names its key and a blank", signature("targets", keyid="{} ".format)),
          row("a signature names half of its key", signature("targets", keyid=lambda i: i[:32])),
          row("a signature names no key", signature("targets", keyid=None)),
          row("a signature names a number as its key", signature("targets", keyid=7)),
          row("a signature is no base64", signature("targets", sig="?" * 88)),
          row("a signature is base64 of URLs", signature("targets", sig=lambda s: "_" + s[1:])),
          row("a signature lacks its padding",
              signature("targets", sig=lambda s: s.rstrip("="))),
          row("a signature is null", signature("targets", sig=None)),
          row("a signature is a number", signature("targets", sig=0)),
          agent=NOT_EXACT),
    *kind("is not over these bytes",
          row("a bit of a signature is turned",
              sig("targets", lambda b: bytes([b[0] ^ 1]) + b[1:])),
          row("r and s are exchanged", sig("targets", lambda b: b[HALF:] + b[:HALF])),
          row("r is zero", sig("targets", lambda b: bytes(HALF) + b[HALF:])),
          row("s is zero", sig("targets", lambda b: b[:HALF] + bytes(HALF))),
          row("r and s are zero", sig("targets", lambda _: bytes(2 * HALF))),
          row("r is the order of the curve",
              sig("targets", lambda b: P256_ORDER.to_bytes(HALF, "big") + b[HALF:])),
          row("s is beyond the order of the curve",
              sig("targets", lambda b: b[:HALF] + b"\xff" * HALF)),
          row("targets were changed after they were signed",
              text("targets", '"length":2', '"length":3')),
          row("what is signed is null", signed_is("null")),
          row("what is signed is a text", signed_is('"x"')),
          row("what is signed is a list", signed_is("[]")),
          row("a signature is over the digest in hexadecimal",
              over(lambda message: hashlib.sha256(message).hexdigest().encode())),
          row("a signature is over the escaped form", both(AMPERSAND, over(wire)), AMPERSAND),
          row("a signature is over a pretty form", over(lambda m: m.replace(b",", b", "))),
          row("a signature is that of the version before",
              over(lambda m: m.replace(b'"version":5', b'"version":4'))),
          row("RSA: PKCS 1 v1.5 in the name of PSS", rsa_signed(PKCS1), RSA),
          row("RSA: PSS in the name of PKCS 1 v1.5", rsa_signed(PSS, method="rsapkcs1v15"),
              rsa_signed(PKCS1, method="rsapkcs1v15")),
          row("RSA: PSS with the longest salt", rsa_signed(pss(padding.PSS.MAX_LENGTH)), RSA),
          row("RSA: PSS without salt", rsa_signed(pss(0)), RSA),
          row("RSA: PSS with SHA-512", rsa_signed(pss(32, hashes.SHA512), hashes.SHA512), RSA),
          row("RSA: PSS whose mask is of SHA-1", rsa_signed(pss(32, hashes.SHA1)), RSA),
          row("RSA: PKCS 1 v1.5 with SHA-1",
              rsa_signed(PKCS1, hashes.SHA1, method="rsapkcs1v15"),
              rsa_signed(PKCS1, method="rsapkcs1v15")),
          row("P-384 with SHA-384", p384(hashes.SHA384), p384(hashes.SHA256)),
          row("Ed25519 over the digest", both(ED25519, resigned(
              "targets", lambda m: ed25519_key().sign(hashlib.sha256(m).digest()))), ED25519)),
    *kind("signature by key * bytes, want",
          row("a signature is in DER", resigned("targets", der)),
          row("a signature lacks a byte", sig("targets", lambda b: b[:-1])),
          row("a signature has a byte more", sig("targets", lambda b: b + b"\0")),
          row("a signature has a zero before r and s",
              sig("targets", lambda b: b"\0" + b[:HALF] + b"\0" + b[HALF:])),
          row("a signature is empty", sig("targets", lambda _: b"")),
          row("RSA: a signature lacks a byte", both(RSA, sig("targets", lambda b: b[:-1])), RSA),
          row("Ed25519: a signature lacks a byte",
              both(ED25519, sig("targets", lambda b: b[:-1])), ED25519)),
    *kind("does not suit key",
          row("the method is that of RSA", signature("targets", method="rsapss")),
          row("the method is that of Ed25519", signature("targets", method="eddsa")),
          row("RSA: the method is that of EC", both(RSA, signature("targets", method="ecdsa")),
              RSA),
          row("the method is TUF's", signature("targets", method="ecdsa-sha2-nistp256"),
              agent=NOT_EXACT),
          row("the method is empty", signature("targets", method=""), agent=NOT_EXACT),
          row("the method is null", signature("targets", method=None), agent=NOT_EXACT),
          row("the method is Docker's first", signature("targets", method="pycrypto-pkcs#1 pss"),
              agent=NOT_EXACT)),
    *kind("signatures[0]: byte *: string with a control character",
          row("a signature has a line break",
              signature("targets", sig=lambda s: s[:44] + "\n" + s[44:]),
              agent="an escape that the wire form lacks")),
    *kind("signatures: byte *: want an array",
          row("signatures are an object", signatures_are(',"signatures":{}')),
          row("signatures are a text", signatures_are(',"signatures":""'))),
    *kind("signatures[0]: byte *: want an object",
          row("a signature is a text", signatures_are(',"signatures":["x"]'))),
    *kind("signatures[256]: more than 256 signatures",
          row("there are 257 signatures", after_strangers(257), after_strangers(256))),
    *kind("signatures[0]: more than 1024 bytes",
          row("a signature is longer than any key's", sig("targets", lambda _: bytes(1025)))),
]
TAKEN = taken(
    row("s is in the upper half", sig("targets", with_high_s)),
    row("a signature of a stranger stands before", after_strangers(2)),
    row("an RSA key signs with PKCS 1 v1.5", rsa_signed(PKCS1, method="rsapkcs1v15")),
    row("the method is in capitals", signature("targets", method="ECDSA"), agent=NOT_EXACT),
)
