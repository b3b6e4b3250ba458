# SPDX-License-Identifier: Apache-2.0
"""A publication that notary-server writes in another form than it got leaves a repository that nobody
can read: the snapshot lists a file that does not exist. witness repairs it."""
import json

import pytest

from rig_chain import Chain
from rig_docker import Docker
from rig_document import after, canonical_id, request
from rig_publisher import new_private_key, private_pem, sign

DIGEST = "ab" * 32


@pytest.fixture
def copies():
    """Keys of the token that somebody else has besides."""
    return {name: new_private_key() for name in ("targets", "qa")}


@pytest.fixture
def policy(policy, token, copies):
    for name, key in copies.items():
        token.take_key(f"copied-{name}", private_pem(key))
        policy["keys"][name]["uri"] = token.key_uri(f"copied-{name}")
    return policy


@pytest.fixture
def repository(client, gun):
    client.run("init", gun)
    client.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "--role", "targets")
    return gun


@pytest.fixture
def break_role(notary_server, repository, copies):
    """Publishes the next version of a role as no Go program writes it, with the tag "theirs"."""
    def break_role(role):
        document = notary_server.document(repository, role)["signed"]
        document |= {"version": document["version"] + 1, "expires": after(300),
                     "targets": {**document["targets"], "theirs": document["targets"]["v1"]}}
        keyid, signature = sign(copies[role.rpartition("/")[2]], document)
        file = {"signed": document, "signatures": [
            {"keyid": keyid, "method": "ecdsa", "sig": signature}]}
        notary_server.publish(repository, **{role: json.dumps(file, indent=1).encode()})
        return document["version"]
    return break_role


@pytest.fixture
def break_root(agent, notary_server, repository):
    """Publishes the next root, which the agent has signed, as no Go program writes it."""
    def break_root():
        chain = Chain(notary_server, repository)
        was = chain.signed("root")
        root = {**was, "version": was["version"] + 1, "expires": after(300)}
        (listed,) = was["roles"]["root"]["keyids"]
        (signed,) = agent.call(
            "Sign", documents=[request(repository, "root", root, canonical_id(was["keys"][listed]))],
            bases=[chain.parameter()])["documents"]
        file = {"signed": root, "signatures": [
            {"keyid": listed, "method": "ecdsa", "sig": signed["signatures"][0]["sig"]}]}
        notary_server.publish(repository, root=json.dumps(file, indent=1).encode())
        return root["version"]
    return break_root


@pytest.fixture
def readers(repository, new_notary, new_client, agent, scratch, notary_server):
    """Each says whether it sees a tag in a role: who comes for the first time, and who has a cache."""
    def notary(one):
        return lambda role, tag: tag in one.try_run("list", repository, "-r", role).stdout

    def docker(one):
        def see(role, tag):
            said = one.try_run("trust", "inspect", repository).stdout
            return role != "targets" or f'"SignedTag": "{tag}"' in said
        return see

    old = [notary(new_notary()), docker(Docker(scratch.directory("docker"), notary_server)),
           notary(new_client()), notary(new_client(agent))]
    assert all(see("targets", "v1") for see in old)
    return lambda: [*old, notary(new_notary()), notary(new_client()), notary(new_client(agent)),
                    docker(Docker(scratch.directory("docker"), notary_server))]


def see(readers, role, tag):
    return [one(role, tag) for one in readers()]


def test_targets_that_nobody_can_read_are_signed_again(
        client, repository, break_role, readers, notary_server):
    version = break_role("targets")
    assert not any(see(readers, "targets", "theirs"))
    remedy = f"countersign witness {repository} targets"
    for args in (("list", repository), ("inspect", repository),
                 ("addhash", repository, "v2", "7", "--sha256", DIGEST, "--role", "targets"),
                 ("delegation", "add", repository, "targets/qa", "agent:qa"),
                 ("key", "rotate", repository, "snapshot", "--server-managed")):
        assert remedy in client.refused(4, *args), args

    said = client.try_run("witness", repository, "targets")
    assert said.returncode == 0, said.stderr
    assert "the snapshot lists another file" in said.stderr
    assert notary_server.document(repository, "targets")["signed"]["version"] == version + 1
    for tag in ("v1", "theirs"):
        assert all(see(readers, "targets", tag))
    client.run("addhash", repository, "v2", "7", "--sha256", DIGEST, "--role", "targets")
    assert all(see(readers, "targets", "v2"))


def test_a_delegation_that_nobody_can_read_is_signed_again(
        client, repository, break_role, readers, notary_server):
    client.run("delegation", "add", repository, "targets/qa", "agent:qa")
    adding = ("addhash", repository, "v1", "7", "--sha256", DIGEST, "--role", "targets/qa")
    client.run(*adding)
    version = break_role("targets/qa")
    assert not any(see(readers, "targets/qa", "theirs")[::4])  # notary; docker does not look
    said = client.refused(4, "addhash", repository, "v2", "7", "--sha256", DIGEST, "--role",
                          "targets/qa")
    assert f"countersign witness {repository} targets/qa" in said
    # The rest is what it was, for us; notary and docker do not get any further.
    assert see(readers, "targets", "v1") == [False, False, True, True, False, True, True, False]

    client.run("witness", repository, "targets/qa")
    assert notary_server.document(repository, "targets/qa")["signed"]["version"] == version + 1
    for tag in ("v1", "theirs"):
        assert all(see(readers, "targets/qa", tag))
    assert all(see(readers, "targets", "v1"))


def test_a_root_that_nobody_can_read_is_replaced(
        client, new_client, agent, repository, break_root, readers, notary_server, new_agent, policy):
    """The snapshot lists the form in which Go writes it, so the agent is shown that: it need not
    take anything on trust."""
    version = break_root()
    assert not any(see(readers, "targets", "v1"))
    for args in (("list", repository), ("witness", repository, "targets"),
                 ("addhash", repository, "v2", "7", "--sha256", DIGEST, "--role", "targets")):
        for one in (client, new_client(agent)):
            assert f"countersign witness {repository} root" in one.refused(4, *args), args
    assert f"countersign witness {repository} root" in new_client().refused(4, "list", repository)

    assert client.run("witness", repository, "root").startswith(f"root: version {version + 1},")
    assert all(see(readers, "targets", "v1"))
    client.run("addhash", repository, "v2", "7", "--sha256", DIGEST, "--role", "targets")
    assert all(see(readers, "targets", "v2"))

    # An agent that has seen none of it goes from the root that its policy pins over the broken one.
    root = notary_server.document(repository, "root")["signed"]
    (listed,) = root["roles"]["root"]["keyids"]
    policy["roots"] = {repository: [canonical_id(root["keys"][listed])]}
    other = new_client(new_agent(policy).start())
    other.run("addhash", repository, "v3", "7", "--sha256", DIGEST, "--role", "targets")
    assert all(see(readers, "targets", "v3"))


def test_what_the_agent_cannot_see_it_signs_for_nobody_who_may_not_everything(
        client, agent, policy, repository, break_role):
    """It is not told what is published, so it takes who may delegate, and not less protection."""
    client.run("delegation", "add", repository, "targets/qa", "agent:qa")
    break_role("targets")
    assert "approv" in client.refused(3, "witness", repository, "targets")
    policy["grants"]["releaser"]["delegate"] = False
    agent.set_policy(policy)
    agent.hang_up()
    assert "refused (base)" in client.refused(3, "witness", repository, "targets")
