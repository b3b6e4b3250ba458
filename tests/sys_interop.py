# SPDX-License-Identifier: Apache-2.0
"""A repository made by notary and one made by us: each can be read and extended by the other."""
import subprocess

import pytest

HASHES = {"one": "11" * 32, "two": "22" * 32, "three": "33" * 32, "four": "44" * 32}


def add_with_notary(notary, gun, target, role):
    notary.run("addhash", gun, target, "100", "--sha256", HASHES[target], "-r", role)
    notary.run("publish", gun)


def add_with_us(client, gun, target, role):
    client.run("addhash", gun, target, "100", "--sha256", HASHES[target], "-r", role)


def make_key(notary, name, gun, as_certificate=False):
    """A key that only notary has; the public file to delegate to."""
    key, public = notary.directory / f"{name}.key", notary.directory / f"{name}.pem"
    subprocess.run(["/usr/bin/openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
    made = ["req", "-x509", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-out", public]
    if not as_certificate:
        made = ["pkey", "-in", key, "-pubout", "-out", public]
    subprocess.run(["/usr/bin/openssl", *made], check=True, capture_output=True)
    notary.run("key", "import", key, "--role", name, "--gun", gun)
    return public


@pytest.fixture
def made_by_notary(notary, gun, agent, token):
    """With a role for a key of the agent, and the snapshot kept by the server."""
    qa = notary.directory / "agent-qa.pem"
    qa.write_text(token.public_key("qa"))
    notary.run("init", "-p", gun)
    notary.run("key", "rotate", gun, "snapshot", "-r")
    notary.run("delegation", "add", "-p", gun, "targets/qa", "--all-paths", qa)
    return gun


def test_we_extend_a_repository_of_notary(made_by_notary, client, upload, readers):
    image = upload(f"{made_by_notary}:v1")
    client.run("sign", f"{made_by_notary}:v1")
    assert readers.read(made_by_notary, "targets/qa") == {
        ("v1", "targets/qa"): (image.hex, image.size)}


def test_notary_and_we_extend_its_repository_in_turns(made_by_notary, notary, client, readers):
    gun, role = made_by_notary, "targets/qa"
    public = make_key(notary, "both", gun)
    notary.run("delegation", "add", "-p", gun, role, public)
    seen = {}
    for target, add, by in (("one", add_with_us, client), ("two", add_with_notary, notary),
                            ("three", add_with_us, client), ("four", add_with_notary, notary)):
        add(by, gun, target, role)
        seen[target, role] = (HASHES[target], 100)
        assert readers.read(gun, role) == seen


@pytest.mark.parametrize("as_certificate", [False, True], ids=["key", "certificate"])
def test_notary_and_we_extend_our_repository_in_turns(
        as_certificate, client, gun, notary, readers):
    role = "targets/qa"
    public = make_key(notary, "qa", gun, as_certificate)
    client.run("init", gun)
    shared = client.write("notary.pem", public.read_text())
    client.run("delegation", "add", gun, role, "agent:qa", shared)
    seen = {}
    for target, add, by in (("one", add_with_notary, notary), ("two", add_with_us, client),
                            ("three", add_with_notary, notary), ("four", add_with_us, client)):
        add(by, gun, target, role)
        seen[target, role] = (HASHES[target], 100)
        assert readers.read(gun, role) == seen


def test_notary_keeps_targets_of_ours_when_it_removes_one(client, gun, notary, readers):
    role = "targets/qa"
    client.run("init", gun)
    shared = client.write("notary.pem", make_key(notary, "qa", gun).read_text())
    client.run("delegation", "add", gun, role, "agent:qa", shared)
    for target in ("one", "two"):
        add_with_us(client, gun, target, role)
    notary.run("remove", gun, "one", "-r", role)
    notary.run("publish", gun)
    assert readers.read(gun, role) == {("two", role): (HASHES["two"], 100)}


def test_lists_what_notary_lists_in_a_repository_of_notary(notary, gun, new_client):
    notary.run("init", "-p", gun)
    for target in HASHES:
        notary.run("addhash", gun, target, "100", "--sha256", HASHES[target])
    notary.run("publish", gun)
    assert new_client().run("list", gun).split() == notary.run("list", gun).split()


def test_lists_delegations_as_notary_does(client, repository, new_notary):
    def words(table):
        return sorted(word for word in table.split() if word.strip("-"))
    assert words(client.run("delegation", "list", repository)) == \
        words(new_notary().run("delegation", "list", repository))
