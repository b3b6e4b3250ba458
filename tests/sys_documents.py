# SPDX-License-Identifier: Apache-2.0
"""The agent signs what it understood, byte for byte; what is wrong with a document, no grant mends."""
import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from rig_case import signs
from rig_document import (after, canonical, delegation, key_id, key_object, new_certificate,
                          new_key, root, target, targets)

OTHER = "targets/other"
# Two key objects, as others made them.
KEY, SECOND = key_object(new_key()), key_object(new_key())


def delegating(*roles, keys=(KEY,)):
    return targets(keys=keys, delegations=roles)


def replaced(*pairs, document=None):
    """The canonical bytes of a document with some of them replaced."""
    message = canonical(document or targets(names={"v1": target()}))
    for old, new in pairs:
        assert message.count(old) == 1, old
        message = message.replace(old, new)
    return message


# What is not canonical could mean something else to those who verify it.

NOT_CANONICAL = {
    "nothing": b"",
    "no JSON": b"targets",
    "no object": b"[]",
    "white space": replaced((b'"version":1', b'"version": 1')),
    "a newline at the end": replaced() + b"\n",
    "something after the end": replaced() + b"{}",
    "a byte order mark": b"\xef\xbb\xbf" + replaced(),
    "half of it": replaced()[:-1],
    "members in another order": replaced(
        (b'"_type":"Targets",', b""), (b'"version":1', b'"version":1,"_type":"Targets"')),
    "a member twice": replaced((b'"version":1', b'"version":1,"version":1')),
    "a member more": replaced((b'"version":1', b'"version":1,"zeal":1')),
    "a member less": replaced((b',"version":1', b"")),
    "a member more of a target": replaced((b'"length":1', b'"length":1,"mode":1')),
    "an escape that is not needed": replaced((b'"v1"', b'"v\\u0031"')),
    "an escaped slash": replaced((b'"v1"', b'"v\\/1"')),
    "an escaped newline": replaced((b'"v1"', b'"v\\n1"')),
    "a raw newline": replaced((b'"v1"', b'"v\n1"')),
    "a NUL": replaced((b'"v1"', b'"v\x001"')),
    "bytes that are no UTF-8": replaced((b'"v1"', b'"v\xff1"')),
    "an overlong form": replaced((b'"v1"', b'"v\xc0\xaf"')),
    "half of a surrogate pair": replaced((b'"v1"', b'"v\xed\xa0\x80"')),
    "a fraction": replaced((b'"version":1', b'"version":1.0')),
    "an exponent": replaced((b'"version":1', b'"version":1e0')),
    "a leading zero": replaced((b'"version":1', b'"version":01')),
    "a version as text": replaced((b'"version":1', b'"version":"1"')),
    "version 0": replaced((b'"version":1', b'"version":0')),
    "a negative version": replaced((b'"version":1', b'"version":-1')),
    "an integer above 2^53-1": replaced((b'"length":1', b'"length":9007199254740992')),
    "a negative length": replaced((b'"length":1', b'"length":-1')),
    "a hash that is no base64": replaced((b'"sha256":"', b'"sha256":"*')),
    "an expiry with an offset": replaced((b"Z", b"+00:00")),
    "an expiry without a time": replaced(document={**targets(), "expires": "2030-01-01"}),
    "an expiry on the 30th of February": replaced(
        document={**targets(), "expires": "2030-02-30T00:00:00Z"}),
    "delegations that are missing": replaced(
        (b'"delegations":{"keys":{},"roles":[]},', b"")),
    "empty paths": replaced((b'"paths":[""]', b'"paths":[]'),
                            document=delegating(delegation(OTHER, KEY))),
    "custom data that is deep": replaced(
        (b'"hashes"', b'"custom":' + b'{"a":' * 20 + b"1" + b"}" * 20 + b',"hashes"')),
    "a whole file": b'{"signed":' + replaced() + b',"signatures":[]}',
}


def test_refuses_what_it_does_not_understand(case):
    for what, message in NOT_CANONICAL.items():
        problem = case.fails("Malformed", message)
        assert (problem["document"], problem["where"]) == (0, "documents[0].message"), what
        assert problem["problem"], what


def test_says_which_document_is_not_understood(case):
    good, bad = case.request(), case.request(b"{}", role="targets/releases")
    with case.agent.connect() as connection:
        connection.send_message({"method": "org.countersign.Agent.Sign",
                                 "parameters": {"documents": [good, bad]}})
        assert connection.receive()["parameters"]["document"] == 1


def test_takes_the_largest_integer(case):
    case.sign(replaced((b'"length":1', b'"length":9007199254740991')))


def test_takes_names_of_every_script(case):
    case.sign(targets(names={name: target() for name in (
        "v1", "\u00e9", "\u20ac", "\U0001f433", 'a"b', "a\\b", "<&>", "\u2028", "a/b c")}))


# What is understood, and wrong.

HASH = base64.b64encode(bytes(32)).decode()
LONG = base64.b64encode(bytes(64)).decode()


def hashed(**hashes_of_target):
    return targets(names={"v1": {"hashes": hashes_of_target, "length": 1}})


def listed_under(wrong_id):
    document = delegating(delegation(OTHER, ids=[wrong_id]))
    document["delegations"]["keys"] = {wrong_id: KEY}
    return document


def with_type(key, keytype):
    return {**key, "keytype": keytype}


def twins():
    """One public key, as a certificate and as itself."""
    pem = new_certificate("somebody")
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return key_object(pem), key_object(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


TWINS = twins()


FLAWS = {
    "expired": {
        "yesterday": targets(days=-1),
        "a moment ago": targets(days=-1 / 86400),
    },
    "duplicate-key": {
        "one ID twice": delegating(delegation(OTHER, KEY, KEY)),
        "one key as itself and as a certificate": delegating(
            delegation(OTHER, *TWINS), keys=TWINS),
    },
    "key-id-mismatch": {
        "another key's ID": listed_under(key_id(SECOND)),
        "an ID without a key": delegating(delegation(OTHER, SECOND)),
        "a key without a role": delegating(delegation(OTHER, KEY), keys=[KEY, SECOND]),
        "a key of unknown type": delegating(
            delegation(OTHER, with_type(KEY, "dsa")), keys=[with_type(KEY, "dsa")]),
        "a key that is no key": delegating(
            delegation(OTHER, key := {"keytype": "ecdsa",
                                      "keyval": {"private": None, "public": "AAAA"}}), keys=[key]),
    },
    "threshold": {
        "0": delegating(delegation(OTHER, KEY, threshold=0)),
        "negative": delegating(delegation(OTHER, KEY, threshold=-1)),
        "above the number of keys": delegating(delegation(OTHER, KEY, threshold=2)),
        "0 without any key": delegating(delegation(OTHER, threshold=0), keys=[]),
    },
    "hashes": {
        "none": hashed(),
        "md5": hashed(md5=HASH),
        "sha512 alone": hashed(sha512=LONG),
        "sha256 and another": hashed(sha256=HASH, sha384=LONG),
        "a short sha256": hashed(sha256="AAAA"),
        "a long sha256": hashed(sha256=LONG),
        "a short sha512": hashed(sha256=HASH, sha512=HASH),
    },
    "custom": {
        sign: targets(names={"v1": {**target(), "custom": {"a": sign}}})
        for sign in ("<", ">", "&", "\u2028", "\u2029")
    },
    "role-name": {
        "in capitals": delegating(delegation("targets/OTHER", KEY)),
        "of a grandchild": delegating(delegation("targets/a/b", KEY)),
        "of no child": delegating(delegation("snapshot", KEY)),
        "of itself": delegating(delegation("targets", KEY)),
        "with dots": delegating(delegation("targets/..", KEY)),
        "twice": delegating(delegation(OTHER, KEY), delegation(OTHER, KEY)),
    },
}


@pytest.mark.parametrize("reason", FLAWS)
def test_refuses_what_is_wrong(case, reason):
    for document in FLAWS[reason].values():
        case.denied(reason, document, role="targets", key="targets")


def test_signs_what_is_right(case):
    two = delegating(delegation(OTHER, KEY, SECOND, threshold=2), keys=[KEY, SECOND])
    two["targets"] = {"v1": {"custom": {"a": [1, "b"], "b": None}, "length": 0,
                             "hashes": {"sha256": HASH, "sha512": LONG}}}
    signs(case.sign(two, role="targets", key="targets"), "targets")


def snapshot(**hashes_of_file):
    meta = {role: {"hashes": {"sha256": HASH}, "length": 1} for role in ("root", "targets")}
    meta["targets/qa"] = {"hashes": hashes_of_file, "length": 1}
    return {"_type": "Snapshot", "expires": after(30), "meta": meta, "version": 1}


def test_judges_snapshots_too(new_case, policy):
    policy["keys"]["snapshot"] = {**policy["keys"]["targets"],
                                  "uri": "pkcs11:object=devops"}
    policy["keys"]["snapshot"]["scope"][0] = {**policy["keys"]["targets"]["scope"][0],
                                              "roles": ["snapshot"]}
    policy["keys"].pop("devops")
    policy["grants"]["releaser"]["keys"].remove("devops")
    policy["grants"]["releaser"]["keys"].append("snapshot")
    case = new_case()
    key = next(key["key"] for key in case.agent.call("ListKeys")["keys"]
               if key["name"] == "snapshot")
    for wrong in ({"md5": HASH}, {"sha256": HASH, "sha384": LONG}, {"sha512": LONG}):
        case.denied("hashes", snapshot(**wrong), role="snapshot", key=key)
    case.fails("Malformed", {**snapshot(sha256=HASH), "meta": []}, role="snapshot", key=key)
    signs(case.sign(snapshot(sha256=HASH, sha512=LONG), role="snapshot", key=key), "snapshot")


# Roots: the certificate alone binds them to a repository.


def certificate(gun, **changed):
    """PEM of a root certificate; changed: names, days, starts, ca, key, hash."""
    key = changed.get("key") or ec.generate_private_key(ec.SECP256R1())
    names = changed.get("names", [gun])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names] or
                        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, gun)])
    now = datetime.datetime.utcnow()
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1,
        now + datetime.timedelta(days=changed.get("starts", -9)),
        now + datetime.timedelta(days=changed.get("days", 365)))
    builder = builder.add_extension(
        x509.BasicConstraints(ca=changed.get("ca", False), path_length=None), critical=True)
    return builder.sign(key, changed.get("hash", hashes.SHA256())).public_bytes(
        Encoding.PEM).decode()


WRONG_CERTIFICATES = {
    "no name": {"names": []},
    "two names": {"names": ["GUN", "GUN"]},
    "another name": {"names": ["GUN/x"]},
    "a wildcard": {"names": ["*"]},
    "a name that ends in a wildcard": {"names": ["GUN*"]},
    "a name in other letters": {"names": ["GUN "]},
    "an authority": {"ca": True},
    "one that has expired": {"days": -1},
    "one that is not valid yet": {"starts": 3},
    "one signed by way of SHA-1": {"hash": hashes.SHA1()},
    "a short RSA key": {"key": rsa.generate_private_key(65537, 1024)},
}


def with_second_key(document, key):
    """A root document with one more key of the root role."""
    document["keys"][key_id(key)] = key
    document["roles"]["root"]["keyids"].append(key_id(key))
    return document


def test_a_root_with_a_certificate_that_is_wrong_is_refused(case):
    keys = case.root_keys()
    for changed in WRONG_CERTIFICATES.values():
        if "names" in changed:
            names = [name.replace("GUN", case.gun) for name in changed["names"]]
            changed = {**changed, "names": names}
        wrong = key_object(certificate(case.gun, **changed))
        if isinstance(changed.get("key"), rsa.RSAPrivateKey):
            wrong["keytype"] = "rsa-x509"
        # Beside the right one, which must not be what saves it.
        document = with_second_key(root(*keys), wrong)
        case.denied("root-certificate", document, role="root", key="root")


def test_a_root_with_two_good_certificates_is_signed(case):
    document = with_second_key(root(*case.root_keys()), key_object(certificate(case.gun)))
    signs(case.sign(document, role="root", key="root"), "root")


def test_a_root_without_one_of_its_roles_is_refused(case):
    keys = case.root_keys()
    for role in ("root", "targets", "snapshot", "timestamp"):
        document = root(*keys)
        del document["roles"][role]
        case.fails("Malformed", document, role="root", key="root")


def test_a_root_that_lists_a_key_of_a_delegation_is_refused(case):
    own, _ = case.root_keys()
    case.denied("own-key-outside-scope", root(own, key_object(case.pem["qa"])), role="root",
                key="root")


def test_a_root_whose_threshold_cannot_be_met_is_refused(case):
    document = root(*case.root_keys())
    document["roles"]["targets"]["threshold"] = 2
    case.denied("threshold", document, role="root", key="root")
