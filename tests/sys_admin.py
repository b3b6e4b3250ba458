# SPDX-License-Identifier: Apache-2.0
"""An admin looks after the agent: what it does, who used how much, and repositories that begin again."""
import json
import urllib.error

import pytest

from rig_chain import Chain
from rig_document import after, request
from rig_publisher import published
from rig_varlink import VarlinkError


@pytest.fixture
def policy(policy, token, registry):
    """With a second root key, in place of the devops key."""
    everywhere = {"repositories": [f"{registry.host}/**"], "roles": ["root"]}
    del policy["keys"]["devops"]
    policy["keys"]["root-2"] = {
        "token": "hsm", "uri": token.key_uri("devops"), "scope": [everywhere]}
    policy["grants"]["releaser"]["keys"] = list(policy["keys"])
    return policy


# Repositories that begin again

def sign_next_root(agent, server, gun, days=300):
    """Have the agent sign the next root of a repository, as it is but for its version; the file."""
    document = server.document(gun, "root")["signed"]
    (keyid,) = document["roles"]["root"]["keyids"]
    document |= {"version": document["version"] + 1, "expires": after(days)}
    (key,) = [key for key in agent.call("ListKeys")["keys"] if key["name"] == "root"]
    (signed,) = agent.call("Sign", documents=[request(gun, "root", document, key["key"])],
                           bases=[Chain(server, gun).parameter()])["documents"]
    (signature,) = signed["signatures"]
    return published(document, (keyid, signature["sig"]))


@pytest.fixture
def old_root(client, agent, gun, notary_server, notary):
    """A repository with a root of version 2, which was deleted: that root."""
    client.run("init", gun, "--root-key", "agent:root")
    file = sign_next_root(agent, notary_server, gun)
    notary_server.publish(gun, root=file)
    notary.run("delete", gun, "--remote")
    with pytest.raises(urllib.error.HTTPError):
        notary_server.document(gun, "root")
    return file


def test_a_deleted_repository_begins_again_with_another_root_key(
        client, new_client, agent, gun, notary_server, new_notary, old_root):
    fresh = new_client(agent)
    assert "no new repository" in fresh.refused(7, "init", gun, "--root-key", "agent:root-2")

    said = client.try_run("retire", gun)
    assert said.returncode == 0 and "is retired" in said.stdout
    assert "root key root signed" in said.stderr
    assert "replay" in fresh.refused(3, "init", gun, "--root-key", "agent:root")
    fresh.run("init", gun, "--root-key", "agent:root-2")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1
    assert "No targets" in new_notary().run("list", gun)

    # The old root is none of the new repository.
    with pytest.raises(urllib.error.HTTPError):
        notary_server.publish(gun, root=old_root)
    # Who knew the old one does not take the new one for it.
    assert client.try_run("list", gun).returncode in (4, 6)


def test_the_same_root_key_brings_its_old_roots_back(
        client, new_client, agent, gun, notary_server, old_root):
    """So it has to be asked for, and says so."""
    assert "can bring them back" in client.try_run("retire", gun, "--accept-replay").stderr
    fresh = new_client(agent)
    fresh.run("init", gun, "--root-key", "agent:root")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1

    notary_server.publish(gun, root=old_root)
    assert notary_server.document(gun, "root")["signed"]["version"] == 2


def test_targets_go_on_above_what_the_old_repository_had(
        client, new_client, agent, gun, notary_server, notary):
    client.run("init", gun, "--root-key", "agent:root")
    client.run("addhash", gun, "v1", "1", "--sha256", "ab" * 32)
    notary.run("delete", gun, "--remote")
    client.run("retire", gun)
    # Its root was never changed, so the key has no root that could come back.
    fresh = new_client(agent)
    fresh.run("init", gun, "--root-key", "agent:root")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1
    assert notary_server.document(gun, "targets")["signed"]["version"] == 3


def test_another_root_of_a_version_is_signed_once_where_an_admin_says_so(
        client, agent, gun, notary_server):
    client.run("init", gun, "--root-key", "agent:root")
    lost = sign_next_root(agent, notary_server, gun)
    with pytest.raises(VarlinkError):
        sign_next_root(agent, notary_server, gun, days=301)

    assert "is version 2" in client.refused(1, "supersede", gun, "root", "1")
    client.run("supersede", gun, "root", "2")
    file = sign_next_root(agent, notary_server, gun, days=301)
    notary_server.publish(gun, root=file)
    with pytest.raises(VarlinkError):
        agent.call("Sign", documents=[request(
            gun, "root", json.loads(lost)["signed"],
            *(key["key"] for key in agent.call("ListKeys")["keys"] if key["name"] == "root"))])


def test_only_admins_retire(agent, gun, stranger, tester, policy):
    for user in (tester, stranger):
        for method, more in (("Retire", {}), ("Supersede", {"role": "root", "version": 1})):
            with pytest.raises(VarlinkError, match="Denied"):
                agent.call(method, user, repository=gun, **more)
