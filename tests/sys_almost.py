# SPDX-License-Identifier: Apache-2.0
"""What almost fits: documents, names, scopes and grants that differ in one thing from what is signed."""
import base64
import copy

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import rig_users
from rig_agent import Agent
from rig_case import QA_ROLE, Case, signs
from rig_document import (canonical, certificate_of, delegation, der_of, key_id, key_object,
                          new_key, root, target, targets)
from rig_policy import Policy
from rig_tree import bounds

KEY = key_object(new_key())
OTHER = "targets/other"
BOUNDS = bounds()

# Documents


def full():
    """A document of targets in which every member is there."""
    return targets(
        names={"v1": {**target(), "custom": {"a": {"b": 1}}}}, keys=[KEY],
        delegations=[delegation(OTHER, KEY)])


# Objects whose members are names, of which there may be more or fewer.
NAMES = {("targets",), ("targets", "v1", "custom"), ("targets", "v1", "custom", "a"),
         ("targets", "v1", "hashes"), ("delegations", "keys"), ("keys",), ("roles",)}


def objects(value, path=()):
    """(path, object) of all objects within a document whose members are those of the format."""
    if isinstance(value, dict):
        if path not in NAMES:
            yield path, value
        for name, member in value.items():
            yield from objects(member, path + (name,))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from objects(member, path + (i,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def changed(document, path, **members):
    """A copy with members added to one of its objects, or taken from it: None."""
    document = copy.deepcopy(document)
    place = at(document, path)
    for name, value in members.items():
        place[name] = value
        if value is None:
            del place[name]
    return document


OPTIONAL = {"custom", "paths"}


@pytest.mark.parametrize("role", ["targets", "root"])
def test_every_member_is_needed_and_no_other_is_taken(case, role):
    document = full() if role == "targets" else root(*case.root_keys())
    signs(case.sign(document, role=role, key=role), role)
    n = 0
    for path, members in objects(document):
        for more in ("zzz", "A", "_"):
            assert case.fails("Malformed", changed(document, path, **{more: 1}), role=role,
                              key=role)["problem"], (path, more)
        for name in set(members) - OPTIONAL:
            assert case.fails("Malformed", changed(document, path, **{name: None}), role=role,
                              key=role)["problem"], (path, name)
            n += 1
    assert n > 10


def replaced(old, new):
    message = canonical(full())
    assert message.count(old) == 1, old
    return message.replace(old, new)


def deep(levels):
    """A document of so many levels; custom data is the fourth."""
    value = b'{"a":' * (levels - 3) + b"1" + b"}" * (levels - 3)
    return replaced(b'{"a":{"b":1}}', value)


def large(length):
    """A document of so many bytes."""
    message = replaced(b'{"a":{"b":1}}', b'{"a":""}')
    return message.replace(b'{"a":""}', b'{"a":"%s"}' % (b"x" * (length - len(message))))


# Two that differ in one thing: the first is signed, the second refused.
TWINS = {
    "an exponent": (b'"length":1', b'"length":1000', b'"length":1e3'),
    "a fraction": (b'"length":1', b'"length":1', b'"length":1.0'),
    "minus zero": (b'"length":1', b'"length":0', b'"length":-0'),
    "a plus": (b'"length":1', b'"length":1', b'"length":+1'),
    "leading zeros": (b'"length":1', b'"length":7', b'"length":007'),
    "hexadecimal": (b'"length":1', b'"length":16', b'"length":0x10'),
    "2^53": (b'"length":1', b'"length":9007199254740991', b'"length":9007199254740992'),
    "-2^53": (b'"b":1', b'"b":-9007199254740991', b'"b":-9007199254740992'),
    "2^63": (b'"b":1', b'"b":1', b'"b":9223372036854775808'),
    "NaN": (b'"b":1', b'"b":null', b'"b":NaN'),
    "an escape": (b'"v1"', b'"A"', b'"\\u0041"'),
    "an escape with capitals": (b'"v1"', '"\u00aa"'.encode(), b'"\\u00AA"'),
    "an escaped slash": (b'"v1"', b'"a/b"', b'"a\\/b"'),
    "an escaped quote": (b'"v1"', b'"a\\"b"', b'"a\\u0022b"'),
    "DEL": (b'"v1"', b'"v~"', b'"v\x7f"'),
    "a C0 character": (b'"v1"', b'"v "', b'"v\x1f"'),
    "a C1 character": (b'"v1"', '"v\u00a0"'.encode(), '"v\u0085"'.encode()),
    "a surrogate": (b'"v1"', b'"v\xed\x9f\xbf"', b'"v\xed\xa0\x80"'),
    "beyond Unicode": (b'"v1"', b'"v\xf4\x8f\xbf\xbf"', b'"v\xf4\x90\x80\x80"'),
    "half a character": (b'"v1"', b'"v\xc3\xa9"', b'"v\xc3"'),
    "an overlong NUL": (b'"v1"', b'"v0"', b'"v\xc0\x80"'),
    "the same member twice": (b'"a":{"b":1}', b'"a":{"b":1},"b":2', b'"a":{"b":1},"a":2'),
    "the same member twice, once escaped": (
        b'"a":{"b":1}', b'"a":1,"b":2', b'"a":1,"\\u0061":2'),
    "members by code units": (
        b'"a":{"b":1}', '"\uffef":1,"\U0001f433":2'.encode(), '"\U0001f433":1,"\uffef":2'.encode()),
    "a comma at the end": (b'{"b":1}', b'{"b":1}', b'{"b":1,}'),
    "single quotes": (b'{"b":1}', b'{"b":1}', b"{'b':1}"),
    "a comment": (b'{"b":1}', b'{"b":1}', b'{"b":1/**/}'),
}


@pytest.mark.parametrize("what", TWINS)
def test_of_twins_one_is_signed(module_case, what):
    old, good, bad = TWINS[what]
    problem = module_case.fails("Malformed", replaced(old, bad), role="targets", key="targets",
                                gun=f"{module_case.gun}/{key_id({'': what})[:8]}")
    assert problem["where"] == "documents[0].message" and problem["problem"]
    signs(module_case.sign(replaced(old, good), role="targets", key="targets",
                           gun=f"{module_case.gun}/{key_id({'': what})[:8]}"), "targets")


@pytest.fixture(name="module_case", scope="module")
def one_case(made_token, registry, sanitizer, programs, scratch):
    """One agent for many documents, each of a repository of its own."""
    token = made_token.copy(scratch.directory("token"))
    agent = Agent(programs, sanitizer, scratch.directory("agent"),
                  Policy(token, registry.host, sanitizer)).start()
    yield Case(agent, f"{registry.host}/twins", token)
    agent.stop()


def test_a_document_has_so_many_levels(case):
    assert "deeper than 16 levels" in case.fails(
        "Malformed", deep(BOUNDS["JSON_MAX_DEPTH"] + 1), role="targets", key="targets")["problem"]
    signs(case.sign(deep(BOUNDS["JSON_MAX_DEPTH"]), role="targets", key="targets"), "targets")


def test_a_document_has_so_many_bytes(case):
    largest = BOUNDS["DOCUMENT_MAX_BYTES"]
    assert case.fails("TooLarge", large(largest + 1), role="targets", key="targets") == {
        "bound": "DOCUMENT_MAX_BYTES"}
    signs(case.sign(large(largest), role="targets", key="targets"), "targets")


def test_a_key_id_is_written_in_small_letters(case):
    wrong = key_id(KEY).upper()
    assert wrong != key_id(KEY)
    document = full()
    document["delegations"]["keys"] = {wrong: KEY}
    document["delegations"]["roles"][0]["keyids"] = [wrong]
    case.fails("Malformed", document, role="targets", key="targets")
    signs(case.sign(full(), role="targets", key="targets"), "targets")


def test_names_that_look_the_same_are_not_the_same(case):
    """Names are bytes: each has a mark of its own."""
    for one, other in {"\u00e9": "e\u0301", "o": "\u043e", "ab": "a\u202eb"}.items():
        signs(case.sign(targets(version=5, names={one: target(), other: target()}),
                        gun=f"{case.gun}/{one}"), "qa")
        signs(case.sign(targets(version=4), gun=f"{case.gun}/{other}"), "qa")
    case.denied("role-name", role="targets/q\u0430")
    document = targets(keys=[KEY], delegations=[delegation("targets/\u043ether", KEY)])
    case.denied("role-name", document, role="targets", key="targets")


def test_the_last_version_is_out_of_reach(case):
    case.denied("version-jump", targets(version=2**53 - 1))
    case.fails("Malformed", targets(version=2**53))
    signs(case.sign(targets(version=1)), "qa")


# Claims


@pytest.mark.parametrize("claim, reason", [
    ("HOST/shop:v1", "not-normal"),
    ("HOST/shop@sha256:" + "0" * 64, "not-normal"),
    ("HOST/shop/", "not-normal"),
    ("HOST//shop", "not-normal"),
    ("HOST/./shop", "not-normal"),
    ("HOST/x/../shop", "not-normal"),
    ("/HOST/shop", "not-normal"),
    ("https://HOST/shop", "not-normal"),
    ("HOST/sh*p", "not-normal"),
    ("HOST:443/shop", "key-outside-scope"),
    ("0HOST/shop", "key-outside-scope"),
    ("HOST.evil.example/shop", "key-outside-scope"),
    ("HOST%2fshop", "key-outside-scope"),
    ("shop", "not-normal"),
    ("docker.io/library/HOST/shop", "key-outside-scope"),
])
def test_a_claim_that_almost_is_in_scope_is_not(module_case, claim, reason):
    host = module_case.gun.split("/", maxsplit=1)[0]
    module_case.denied(reason, gun=claim.replace("HOST", host))


@pytest.mark.parametrize("role, reason", [
    ("Targets", "role-name"), ("targets/", "role-name"), ("targets/../qa", "role-name"),
    ("targets/qa/", "role-name"), ("targets//qa", "role-name"), ("targets/QA", "role-name"),
    ("targets/qa ", "role-name"), ("targets/qa.json", "role-name"), ("qa", "role-name"),
    ("targets/qa/x", "key-outside-scope"), ("targets/qaa", "key-outside-scope"),
    ("targets", "key-outside-scope"), ("snapshot", "type-mismatch"), ("root", "type-mismatch"),
    ("timestamp", "role-never-signed"),
])
def test_a_role_that_almost_is_in_scope_is_not(module_case, role, reason):
    module_case.denied(reason, role=role)


def test_a_role_has_so_many_bytes(module_case):
    most = BOUNDS["ROLE_MAX_BYTES"]
    longest = "targets/" + "a" * (most - len("targets/"))
    module_case.denied("key-outside-scope", role=longest)
    assert module_case.fails("TooLarge", role=longest + "a") == {"bound": "ROLE_MAX_BYTES"}


# Scopes and grants


def scoped(policy, *repositories):
    policy["keys"]["qa"]["scope"] = [{"repositories": list(repositories), "roles": [QA_ROLE]}]


@pytest.mark.parametrize("pattern, inside, outside", [
    ("HOST/shop/**", "HOST/shop/a/b", "HOST/shopping/a"),
    ("HOST/shop/*", "HOST/shop/a", "HOST/shop/a/b"),
    ("HOST/shop", "HOST/shop", "HOST/shop/a"),
    ("HOST/*/web", "HOST/shop/web", "HOST/shop/x/web"),
    ("HOST/sho?", "HOST/shop", "HOST/shopp"),
])
def test_a_pattern_takes_what_it_says(new_case, policy, registry, pattern, inside, outside):
    scoped(policy, pattern.replace("HOST", registry.host))
    case = new_case()
    case.denied("key-outside-scope", gun=outside.replace("HOST", registry.host))
    signs(case.sign(gun=inside.replace("HOST", registry.host)), "qa")


def test_a_group_is_no_user_and_a_user_no_group(new_case, policy, tester):
    """Their numbers are the same."""
    policy["grants"]["group"] = {"groups": [tester.uid], "keys": ["qa"]}
    policy["grants"]["user"] = {"users": [tester.groups[0]], "keys": ["qa"]}
    case = new_case()
    case.denied("not-granted", user=rig_users.user(tester.uid, gid=62000))
    case.denied("not-granted", user=rig_users.user(62000, gid=62000, groups=tester.groups))
    signs(case.sign(user=tester), "qa")


def test_two_grants_do_not_add_up(new_case, policy, tester):
    """One may delegate, the other may sign for longer: nobody may do both at once."""
    own = {"users": [tester.uid], "keys": ["targets"]}
    policy["grants"]["delegates"] = {**own, "delegate": True, "max_validity": "10d"}
    policy["grants"]["for-long"] = {**own, "max_validity": "100d"}
    case = new_case()
    both = targets(days=50, keys=[KEY], delegations=[delegation(OTHER, KEY)])
    case.denied("delegation-right", both, role="targets", key="targets", user=tester)
    signs(case.sign(targets(days=5, keys=[KEY], delegations=[delegation(OTHER, KEY)]),
                    role="targets", key="targets", user=tester), "targets")
    signs(case.sign(targets(version=1, days=50), role="targets", key="targets", user=tester,
                    gun=f"{case.gun}/other"), "targets")


def test_a_granted_key_lends_nothing_to_another_one(new_case, policy, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["developer"]}
    case = new_case()
    case.denied("not-granted", role=QA_ROLE, key="qa", user=tester)
    case.denied("key-outside-scope", role=QA_ROLE, key="developer", user=tester)
    signs(case.sign(role="targets/developer", key="developer", user=tester), "developer")


# Own keys


def listed_as(keytype, public):
    return {"keytype": keytype, "keyval": {"private": None,
                                           "public": base64.b64encode(public).decode()}}


def forms_of(pem):
    """One key as documents could list it, and why that is refused outside its scope: verifiers would
    find a key in some forms, and only in one that the agent knows again."""
    key = serialization.load_pem_public_key(pem.encode())
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    der = der_of(pem)
    uncompressed = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert der.endswith(uncompressed) and isinstance(key, ec.EllipticCurvePublicKey)
    compressed = b"\x30\x39" + der[2:-68] + b"\x03\x22\x00" + point
    return {
        "itself": (key_object(pem), "own-key-outside-scope"),
        "a certificate of somebody else's": (
            key_object(certificate_of(pem)), "own-key-outside-scope"),
        "its point compressed": (listed_as("ecdsa", compressed), "key-id-mismatch"),
        "its PEM": (listed_as("ecdsa", pem.encode()), "key-id-mismatch"),
        "something behind it": (listed_as("ecdsa", der + b"\0"), "key-id-mismatch"),
        "a length in more bytes": (
            listed_as("ecdsa", b"\x30\x81" + der[1:]), "key-id-mismatch"),
        "its PEM as a certificate": (listed_as("ecdsa-x509", pem.encode()), "key-id-mismatch"),
        "an RSA key": (listed_as("rsa", der), "key-id-mismatch"),
    }


def test_an_own_key_in_any_form_is_not_listed_outside_its_scope(module_case):
    for what, (key, reason) in forms_of(module_case.pem["qa"]).items():
        document = targets(keys=[key, KEY], delegations=[
            delegation("targets/developer", key, KEY, threshold=2)])
        parameters = module_case.denied(reason, document, role="targets", key="targets")
        assert parameters["have"], what
    foreign = targets(keys=[KEY], delegations=[delegation("targets/developer", KEY)])
    signs(module_case.sign(foreign, role="targets", key="targets"), "targets")
