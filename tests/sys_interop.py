# SPDX-License-Identifier: Apache-2.0
"""Repositories of notary's and of ours: each can be read, extended and verified by the other."""
import json
import subprocess

import pytest

import rig_users
from rig_client import Client
from rig_delegate import Delegate
from rig_document import certificate_of
from rig_policy import ROLES, Policy
from rig_scratch import write
from rig_token import Token

QA = "targets/qa"
HASHES = {"one": "11" * 32, "two": "22" * 32, "three": "33" * 32, "four": "44" * 32}
# notary takes any name; ours are those that a table or JSON could get wrong.
NAMES = ["UPPER.Case", "a/b/c", "\u00fcml\u00e4ut", "\U0001f433", "back\\slash", 'quo"te', "<&>",
         "-dash", "x" * 200]


def add_with_notary(notary, gun, target, role=QA):
    notary.run("addhash", gun, target, "100", "--sha256", HASHES[target], "-r", role)
    notary.run("publish", gun)


def add_with_us(client, gun, target, role=QA):
    client.run("addhash", gun, target, "100", "--sha256", HASHES[target], "-r", role)


@pytest.fixture
def docker_sees(docker, gun):
    """What docker's users get: {tag: sha256}, the signers aside."""
    return lambda: {tag["SignedTag"]: tag["Digest"]
                    for tag in docker.trust_inspect(gun)[0]["SignedTags"]}


@pytest.fixture
def agent_key(notary, token):
    """The file of a public key of the agent, for notary."""
    return lambda name: write(notary.directory / f"agent-{name}.pem", token.public_key(name))


@pytest.fixture
def theirs(notary, gun, agent, agent_key):
    """A repository of notary's, with a role for a key of the agent."""
    notary.run("init", "-p", gun)
    notary.run("key", "rotate", gun, "snapshot", "-r")
    notary.run("delegation", "add", "-p", gun, QA, "--all-paths", agent_key("qa"))
    return gun


@pytest.fixture
def ours(client, gun):
    """A repository of ours, without any role."""
    client.run("init", gun)
    return gun


def extend_in_turns(first, second, gun, readers):
    """Each adds a target to the same role, then the other, and so on."""
    seen = {}
    turns = (first, second, first, second)
    for target, (add, by) in zip(HASHES, turns):
        add(by, gun, target)
        seen[target, QA] = (HASHES[target], 100)
        assert readers.read(gun, QA) == seen


# A repository of notary's


def test_we_sign_in_a_repository_of_theirs(theirs, client, upload, readers):
    image = upload(f"{theirs}:v1")
    client.run("sign", f"{theirs}:v1")
    assert readers.read(theirs, QA) == {("v1", QA): (image.hex, image.size)}


def test_we_extend_their_repository_in_turns(theirs, notary, client, readers):
    notary.run("delegation", "add", "-p", theirs, QA, Delegate(notary, "them").public)
    extend_in_turns((add_with_us, client), (add_with_notary, notary), theirs, readers)


def test_we_keep_what_notary_says_of_targets(theirs, notary, client, notary_server, readers):
    """Two hashes, and custom data, which we could not have written."""
    notary.run("delegation", "add", "-p", theirs, QA, Delegate(notary, "them").public)
    custom = write(notary.directory / "custom", json.dumps({"a": {"b": [1, True, "c"]}, "z": ""}))
    notary.run("addhash", theirs, "full", "7", "--sha256", "ab" * 32, "--sha512", "cd" * 64,
               "--custom", custom, "-r", QA)
    notary.run("publish", theirs)
    before = notary_server.document(theirs, QA)["signed"]["targets"]
    add_with_us(client, theirs, "one")
    after = notary_server.document(theirs, QA)["signed"]["targets"]
    assert after.pop("one") and after == before
    assert readers.read(theirs, QA) == {
        ("one", QA): (HASHES["one"], 100), ("full", QA): ("ab" * 32, 7)}


def test_we_take_their_target_out(theirs, notary, client, readers):
    notary.run("delegation", "add", "-p", theirs, QA, Delegate(notary, "them").public)
    for target in ("one", "two"):
        add_with_notary(notary, theirs, target)
    client.run("remove", theirs, "one", "-r", QA)
    assert readers.read(theirs, QA) == {("two", QA): (HASHES["two"], 100)}


def test_we_keep_a_delegation_below_ours(theirs, notary, client, readers):
    """notary can make it, as it has a key of the role above as well."""
    them = Delegate(notary, "them")
    notary.run("delegation", "add", "-p", theirs, QA, them.public)
    notary.run("delegation", "add", "-p", theirs, f"{QA}/deep", "--all-paths", them.public)
    add_with_notary(notary, theirs, "one", f"{QA}/deep")
    add_with_us(client, theirs, "two")
    assert readers.read(theirs, QA, f"{QA}/deep") == {
        ("one", f"{QA}/deep"): (HASHES["one"], 100), ("two", QA): (HASHES["two"], 100)}


def test_we_follow_rotations_of_their_keys(theirs, notary, client, new_client, upload, readers):
    reader = new_client()
    reader.run("list", theirs)
    for role in ("targets", "root"):
        notary.answer("yes", "key", "rotate", theirs, role)
    image = upload(f"{theirs}:v1")
    client.run("sign", f"{theirs}:v1")
    assert readers.read(theirs, QA) == {("v1", QA): (image.hex, image.size)}
    assert image.hex in reader.run("list", theirs)


def test_we_list_what_they_list(notary, gun, new_client):
    notary.run("init", "-p", gun)
    for target in HASHES:
        notary.run("addhash", gun, target, "100", "--sha256", HASHES[target])
    notary.run("publish", gun)
    assert new_client().run("list", gun).split() == notary.run("list", gun).split()


# A repository of ours


@pytest.mark.parametrize("kind, algorithm", [
    ("key", "ec"), ("certificate", "ec"), ("key", "rsa"), ("certificate", "rsa")])
def test_they_extend_our_repository_in_turns(kind, algorithm, client, ours, notary, readers):
    them = Delegate(notary, "them", kind, algorithm)
    client.run("delegation", "add", ours, QA, "agent:qa",
               client.write("them.pem", them.public.read_text()))
    extend_in_turns((add_with_notary, notary), (add_with_us, client), ours, readers)


def test_they_take_our_target_out(client, ours, notary, readers):
    them = client.write("them.pem", Delegate(notary, "them").public.read_text())
    client.run("delegation", "add", ours, QA, "agent:qa", them)
    for target in ("one", "two"):
        add_with_us(client, ours, target)
    notary.run("remove", ours, "one", "-r", QA)
    notary.run("publish", ours)
    assert readers.read(ours, QA) == {("two", QA): (HASHES["two"], 100)}


def test_both_delegate_where_both_have_the_key_of_targets(
        token, notary, new_client, new_agent, policy, gun, readers, upload):
    key = notary.directory / "shared.key"
    subprocess.run(["/usr/bin/openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
    token.take_key("shared", key.read_text())
    policy["keys"]["targets"]["uri"] = "pkcs11:object=shared"
    client = new_client(new_agent(policy).start())
    client.run("init", gun)
    notary.run("key", "import", key, "--role", "targets", "--gun", gun)
    them = Delegate(notary, "them")
    notary.run("delegation", "add", "-p", gun, "targets/releases", "--all-paths", them.public)
    client.run("delegation", "add", gun, "targets/releases", "agent:devops")
    client.run("delegation", "add", gun, QA, "agent:qa")
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    assert readers.roles_of(gun, "v1") == ({"targets/releases", QA}, image.hex)
    notary.run("delegation", "remove", "-p", gun, QA, "--yes")
    add_with_notary(notary, gun, "one", "targets/releases")
    client.run("sign", f"{gun}:v1", "--renew")
    assert readers.read(gun, "targets/releases") == {
        ("one", "targets/releases"): (HASHES["one"], 100),
        ("v1", "targets/releases"): (image.hex, image.size)}


def test_a_key_of_the_agent_is_delegated_to_as_its_certificate(
        token, policy, new_agent, new_client, gun, upload, readers, docker_sees, notary_server):
    agent = new_agent(policy)
    pem = certificate_of(token.public_key("qa"))
    policy["keys"]["qa"]["certificate"] = str(write(agent.directory / "qa.pem", pem))
    agent.set_policy(policy)
    client = new_client(agent.start())
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/releases", "agent:qa")
    keys = notary_server.document(gun, "targets")["signed"]["delegations"]["keys"].values()
    assert [key["keytype"] for key in keys] == ["ecdsa-x509"]
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    assert readers.roles_of(gun, "v1") == ({"targets/releases"}, image.hex)
    assert docker_sees() == {"v1": image.hex}


@pytest.mark.parametrize("kinds", [
    {name: "rsa:2048" for name in ROLES},
    {name: "EC:secp384r1" for name in ROLES},
    {name: "EC:secp521r1" for name in ROLES},
    {"root": "EC:secp256r1", "targets": "EC:edwards25519", "developer": "rsa:3072",
     "qa": "EC:edwards25519", "devops": "rsa:4096"},
], ids=["rsa", "p384", "p521", "ed25519"])
def test_every_kind_of_key_is_verified_by_others(
        kinds, scratch, registry, sanitizer, new_agent, new_client, gun, upload, readers,
        docker_sees):
    token = Token(scratch.directory("token"), rig_users.AGENT, kinds)
    client = new_client(new_agent(Policy(token, registry.host, sanitizer)).start())
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/releases", "agent:qa", "agent:devops")
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    assert readers.roles_of(gun, "v1") == ({"targets/releases"}, image.hex)
    assert docker_sees() == {"v1": image.hex}


# Names


def test_names_are_the_same_for_both(ours, client, notary, new_client):
    them = client.write("them.pem", Delegate(notary, "them").public.read_text())
    client.run("delegation", "add", ours, QA, "agent:qa", them)
    for name in NAMES:
        client.run("addhash", "-r", QA, "--sha256", "ab" * 32, "--", ours, name, "5")
    fresh = new_client()
    listed = {line.split()[0] for line in fresh.run("list", ours, "-r", QA).splitlines() if line}
    assert listed >= set(NAMES)
    for name in NAMES:
        assert "ab" * 32 in notary.run("lookup", "--", ours, name)
        notary.run("addhash", "-r", QA, "--sha256", "cd" * 32, "--", ours, f"theirs {name}", "5")
    notary.run("publish", ours)
    table = new_client().run("list", ours, "-r", QA)
    assert all(f"theirs {name}" in table for name in NAMES)


@pytest.mark.parametrize("gun", ["UPPER.example/Case_and.dots", "a b"])
def test_a_repository_may_have_a_name_that_no_image_has(
        gun, policy, new_agent, new_client, notary, readers):
    for key in policy["keys"].values():
        key["scope"][0]["repositories"] = ["**"]
    client = new_client(new_agent(policy).start())
    client.run("init", gun)
    client.run("addhash", gun, "one", "100", "--sha256", HASHES["one"])
    assert HASHES["one"] in notary.run("list", gun)
    assert HASHES["one"] in new_client().run("list", gun)


# docker as a third


def test_docker_reads_what_either_published(theirs, client, notary, upload, docker_sees):
    """Only of targets and targets/releases, by its rules."""
    them = Delegate(notary, "them")
    notary.run("delegation", "add", "-p", theirs, "targets/releases", "--all-paths", them.public)
    image = upload(f"{theirs}:v1")
    client.run("sign", f"{theirs}:v1")
    assert docker_sees() == {}
    add_with_notary(notary, theirs, "one", "targets/releases")
    assert docker_sees() == {"one": HASHES["one"]}
    notary.run("addhash", theirs, "v1", str(image.size), "--sha256", image.hex, "-r",
               "targets/releases")
    notary.run("publish", theirs)
    assert docker_sees() == {"one": HASHES["one"], "v1": image.hex}


@pytest.fixture
def own_client(programs, sanitizer, scratch, notary_server):
    """A reader who is the user that runs docker here."""
    return Client(programs, sanitizer, scratch.directory("home"), rig_users.own(),
                  notary_server=notary_server)


@pytest.mark.parametrize("first", ["docker", "we"])
def test_docker_and_we_share_one_cache(first, own_client, docker, new_notary, gun):
    """Whom one of them trusted at first use, the other does: a repository that was made anew is
    refused by both."""
    docker.environment["DOCKER_CONFIG"] = own_client.environment["DOCKER_CONFIG"]
    maker, thief = new_notary(), new_notary()
    maker.run("init", "-p", gun)
    if first == "docker":
        docker.trust_inspect(gun)
    else:
        own_client.run("list", gun)
    maker.run("delete", gun, "--remote")
    thief.run("init", "-p", gun)
    assert docker.try_run("trust", "inspect", gun).returncode != 0
    assert "made anew" in own_client.refused(4, "list", gun)
