# SPDX-License-Identifier: Apache-2.0
"""A trust server with another repository of that name, and a client that has never seen the right
one: the agent says which root is the one, and nothing is signed for another."""
import base64
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import rig_users
from rig_agent_front import AgentFront
from rig_bad_agent import BadAgent, says
from rig_document import key_id, key_object
from rig_forge import Forge
from rig_static_server import StaticServer

VERBS = (
    lambda gun: ("sign", f"{gun}:v1"),
    lambda gun: ("addhash", gun, "v2", 1, "--sha256", "0" * 64, "-r", "targets/qa"),
    lambda gun: ("remove", gun, "q1", "-r", "targets/qa"),
    lambda gun: ("delegation", "add", gun, "targets/mallory", "agent:qa"),
    lambda gun: ("signer", "add", "qa", gun, "--key", "agent:qa"),
    lambda gun: ("explain", "sign", f"{gun}:v1"),
)
READERS = (
    lambda gun: ("list", gun),
    lambda gun: ("inspect", f"{gun}:q1"),
    lambda gun: ("delegation", "list", gun),
    lambda gun: ("root-id", gun),
)


@pytest.fixture
def fork_server(scratch):
    server = StaticServer(scratch)
    yield server
    server.stop()


class Listed:
    """A key of the agent, as documents list it."""

    def __init__(self, token, name):
        self.object = key_object(token.public_key(name))
        self.id = key_id(self.object)


def fork(server, gun, token):
    """A repository by somebody else's root key, in which the agent's keys may sign as they may in
    the right one: what they sign for it is good there, too."""
    forge = Forge(gun)
    forge.keys["qa"] = Listed(token, "qa")
    forge.documents["targets"]["delegations"] = forge.delegations("targets/qa", "qa")
    forge.unlisted.add("targets/qa")
    forge.absent.add("targets/qa")
    server.publish(gun, forge.published())
    return forge


def root_ids(server, gun):
    """The canonical IDs of the keys of a published root."""
    root = json.loads(server.get(f"/v2/{gun}/_trust/tuf/root.json"))["signed"]
    listed = [root["keys"][keyid] for keyid in root["roles"]["root"]["keyids"]]
    keys = [x509.load_pem_x509_certificate(base64.b64decode(key["keyval"]["public"])).public_key()
            for key in listed]
    return [key_id(key_object(key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()))
        for key in keys]


@pytest.fixture
def known(repository, upload, client, token, fork_server):
    """A repository of which the agent has signed the root, and its fork."""
    upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1", "-r", "targets/qa")
    fork(fork_server, repository, token)
    return repository


@pytest.fixture
def misled(new_client, agent, fork_server):
    """Somebody with an empty cache whom the fork answers."""
    return new_client(agent, server=fork_server)


def assert_refused(user, agent, *args):
    with AgentFront(agent) as front:
        said = user.refused(4, *args, **front.environment)
        assert not front.asked("Sign") and not front.asked("Explain")
    assert "is not the one that the agent pins" in said
    assert "nothing of it is used" in said
    assert "for the first time" not in said
    assert not list((user.home / ".docker" / "trust").rglob("*.json"))


def test_nothing_is_signed_or_read_in_a_fork_and_the_honest_server_right_after_works(
        known, misled, agent, notary_server):
    for arguments in (*VERBS, *READERS):
        assert_refused(misled, agent, *arguments(known))

    misled.use_server(notary_server.url, notary_server)
    done = misled.try_run("sign", f"{known}:v1", "-r", "targets/qa", "--renew")
    assert done.returncode == 0, done.stderr
    assert "for the first time" not in done.stderr
    assert "targets/qa: version 2" in done.stdout
    agent.stop()
    assert agent.ledger.marks()[known, "targets/qa"] == 2


def test_a_machine_that_was_misled_before_is_told_so(known, misled, agent, token, notary_server):
    """It trusted the fork while no agent could say more."""
    nobody = {"COUNTERSIGN_SOCKET": str(agent.socket.parent / "nobody")}
    done = misled.try_run("list", known, **nobody)
    assert done.returncode == 0, done.stderr
    assert "for the first time" in done.stderr

    assert "if it was misled, remove '" in misled.refused(4, "sign", f"{known}:v1")
    misled.use_server(notary_server.url, notary_server)
    assert "only then remove '" in misled.refused(4, "sign", f"{known}:v1")


def published(server, gun, *roles):
    """All that a server has of a repository now, by the names under which it is asked for."""
    files = {}
    for role in ("root", "timestamp", "snapshot", "targets", *roles):
        data = server.get(f"/v2/{gun}/_trust/tuf/{role}.json")
        files |= {f"{role}.json": data, f"{role}.{hashlib.sha256(data).hexdigest()}.json": data}
    return files


def test_a_server_that_was_put_back_from_a_backup_is_given_up(known, client, agent, new_client,
                                                              notary_server, fork_server):
    """It has the right root, and nothing that does not verify; but the agent has seen more."""
    fork_server.publish(known, published(notary_server, known, "targets/qa"))
    for tag in ("v2", "v3"):
        client.run("addhash", known, tag, 1, "--sha256", "0" * 64, "-r", "targets/qa")
    said = new_client(agent, server=fork_server).refused(
        7, "addhash", known, "v4", 1, "--sha256", "0" * 64, "-r", "targets/devops")
    assert "which nobody publishes" in said
    assert f"{fork_server.url} was put back from a backup" in said
    agent.stop()
    assert (known, "targets/devops") not in agent.ledger.marks()


def test_a_pin_of_the_policy_goes_before_first_use_too(policy, new_agent, new_client, notary, token,
                                                       notary_server, gun, fork_server):
    """A repository that notary made: the agent never signed its root."""
    notary.run("init", "-p", gun)
    policy["roots"] = {gun: root_ids(notary_server, gun)}
    agent = new_agent(policy).start()
    fork(fork_server, gun, token)
    misled = new_client(agent, server=fork_server)
    assert_refused(misled, agent, "addhash", gun, "v1", 1, "--sha256", "0" * 64)
    assert "for the first time" not in new_client(agent).try_run("list", gun).stderr


@pytest.mark.parametrize("says_what", [b"nonsense\0", b""], ids=["nonsense", "nothing"])
def test_what_cannot_say_what_it_pins_keeps_from_first_use_only(
        says_what, known, client, agent, new_client):
    new = new_client(agent)
    with BadAgent(agent.socket.parent / "bad.sock", says(says_what)) as bad:
        socket = {"COUNTERSIGN_SOCKET": str(bad.path)}
        for arguments in READERS:
            done = client.try_run(*arguments(known), **socket)
            assert "not compared with what the agent pins: " in done.stderr
            assert done.returncode == (4 if "inspect" in done.args else 0), done.stderr
            new.refused(5, *arguments(known), **socket)
        client.refused(5, *VERBS[1](known), **socket)


def test_who_is_granted_nothing_trusts_as_without_an_agent(known, agent, new_client):
    user = rig_users.user(61098)
    done = new_client(agent, user).try_run("list", known)
    assert done.returncode == 0, done.stderr
    assert "for the first time" in done.stderr


def test_no_first_use_needs_no_cache_where_the_agent_vouches(known, agent, new_client):
    new_client(agent).run("list", known, "--no-tofu")
    user = rig_users.user(61098)
    assert "first use is refused" in new_client(agent, user).refused(4, "list", known, "--no-tofu")
