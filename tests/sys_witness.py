# SPDX-License-Identifier: Apache-2.0
"""Signing again what is published: unchanged, for a new expiry, or under other keys; and never without
somebody seeing what comes back to life."""
import datetime
import select

import pytest

from rig_chain import Chain
from rig_document import after, key_id, key_object, request
from rig_publisher import published
from rig_terminal import Terminal

RELEASES, QA = "targets/releases", "targets/qa"
SECONDS = 4


@pytest.fixture
def shorten(agent, notary_server, keyid):
    """Publish roles once more as they are, to expire within seconds; and wait until they have."""
    def make(gun, roles):
        for role, key in roles.items():
            chain = Chain(notary_server, gun, {role} - {"targets"})
            was = chain.signed(role)
            document = {**was, "version": was["version"] + 1, "expires": after(SECONDS / 86400)}
            (signed,) = agent.call(
                "Sign", documents=[request(gun, role, document, keyid(key))],
                bases=[chain.parameter()])["documents"]
            notary_server.publish(gun, **{role: published(
                document, (keyid(key), signed["signatures"][0]["sig"]))})
        for role in roles:
            wait_until_expired(notary_server, gun, role)
    return make


@pytest.fixture
def keyid(token):
    """The canonical ID of a key of the agent."""
    return lambda name: key_id(key_object(token.public_key(name)))


def sign(client, gun, tag, *roles):
    client.run("addhash", gun, tag, "5", "--sha256", "ab" * 32,
               *(word for role in roles for word in ("-r", role)))


def wait_until_expired(server, gun, role):
    expires = datetime.datetime.fromisoformat(
        server.document(gun, role)["signed"]["expires"].replace("Z", "+00:00"))
    while datetime.datetime.now(datetime.timezone.utc) <= expires + datetime.timedelta(seconds=1):
        select.select([], [], [], 0.1)


def test_what_is_published_is_signed_again_unchanged(client, repository, notary_server, readers):
    sign(client, repository, "v1", "targets", RELEASES, QA)
    before = {role: notary_server.document(repository, role)["signed"]
              for role in ("targets", RELEASES, QA, "snapshot")}
    said = client.run("witness", repository, QA, "targets", RELEASES, QA)
    assert said.count("signed by") == 3
    for role in before:
        after = notary_server.document(repository, role)["signed"]
        assert after["version"] == before[role]["version"] + 1
        if role != "snapshot":
            assert {**after, "version": 0, "expires": ""} == {**before[role], "version": 0,
                                                              "expires": ""}
    for status, role, says in ((1, "targets/none", "has no role"), (1, "snapshot", "trust server"),
                               (1, "targets/devops", "nothing is published"), (1, "Bad", "want")):
        assert says in client.refused(status, "witness", repository, role)


def test_no_removed_key_comes_back_by_accident(
        client, person, repository, keyid, notary_server, new_client, readers):
    """Who removed the key cannot sign the role; who can, sees what he signs."""
    admin, qa = person(61061, "targets"), person(61062, "qa")
    sign(qa, repository, "bad", RELEASES)
    assert "countersign witness" in admin.run(
        "delegation", "remove", repository, RELEASES, keyid("qa"))
    assert "bad" not in new_client().run("list", repository)

    done = client.try_run("witness", repository, RELEASES)
    assert done.returncode == 2 and "--yes" in done.stderr
    assert f"signed by 'qa' ({keyid('qa')[:16]}), with 1 target: bad" in done.stderr
    with Terminal(client, "witness", repository, RELEASES) as terminal:
        terminal.wait_for(r"1 target: bad[\s\S]*Type yes")
        terminal.type("no")
        terminal.finish(130)
    assert notary_server.document(repository, RELEASES)["signed"]["version"] == 1
    assert "bad" not in new_client().run("list", repository)

    with Terminal(client, "witness", repository, RELEASES) as terminal:
        terminal.wait_for("Type yes")
        terminal.type("yes")
        assert "version 2, signed by" in terminal.finish(0)
    assert ("bad", RELEASES) in readers.read(repository, RELEASES)

def test_expired_roles_are_renewed(client, shorten, repository, new_client, docker):
    """Also targets, with which notary cannot do anything any more."""
    sign(client, repository, "v1", "targets", RELEASES, QA)
    shorten(repository, {"targets": "targets", RELEASES: "developer", QA: "qa"})
    assert "expired" in new_client().refused(4, "list", repository)
    assert docker.try_run("trust", "inspect", repository).returncode != 0

    done = client.try_run("witness", repository, "targets", RELEASES)
    assert done.returncode == 0, done.stderr
    assert f"{RELEASES}: version 2 comes back to life, which has expired" in done.stderr
    assert {tag["SignedTag"] for tag in docker.trust_inspect(repository)[0]["SignedTags"]} == {
        "v1"}
    # A tag that is signed there renews the rest with it.
    sign(client, repository, "v2", QA)
    listed = new_client().run("list", repository, "-r", QA)
    assert "v1" in listed and "v2" in listed


def test_a_tag_is_signed_though_targets_have_expired(
        client, shorten, gun, upload, new_client):
    client.run("init", gun)
    upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    shorten(gun, {"targets": "targets"})
    assert "expired" in new_client().refused(4, "list", gun)
    client.run("sign", f"{gun}:v1", "--renew")
    assert "v1" in new_client().run("list", gun)
