# SPDX-License-Identifier: Apache-2.0
"""Keys of the base roles are replaced, and everybody follows: who has cached an older root, and who
comes for the first time; notary, docker, ours, and the agent itself."""
import datetime
import re
import select
from pathlib import Path

import pytest
import yaml

from rig_chain import Chain
from rig_docker import Docker
from rig_document import after, canonical_id, request
from rig_publisher import new_private_key, private_pem, published
from rig_scratch import give_tree
from rig_terminal import Terminal
from rig_users import user
from rig_varlink import VarlinkError

DIGEST = "ab" * 32
MORE = {"root2": "root", "root3": "root", "targets2": "targets"}


@pytest.fixture
def token(new_token):
    token = new_token()
    for name in MORE:
        token.take_key(name, private_pem(new_private_key()))
    return token


@pytest.fixture
def policy(policy, token):
    """The usual one, with more keys for the same roles."""
    for name, role in MORE.items():
        policy["keys"][name] = policy["keys"][role] | {"uri": token.key_uri(name)}
        policy["grants"]["releaser"]["keys"].append(name)
    return policy


class Crowd:
    """Readers of each kind: some who come for the first time, and some with a cache of before."""

    def __init__(self, gun, *new):
        self.gun, self._new = gun, new
        self._first, self._latest = [], []

    def _see(self, readers):
        for reader in readers:
            if isinstance(reader, Docker):
                tags = reader.trust_inspect(self.gun)[0]["SignedTags"]
                assert ("v1", DIGEST) in [(tag["SignedTag"], tag["Digest"]) for tag in tags]
            else:
                assert DIGEST in reader.run("list", self.gun)

    def read(self):
        """New ones, and those who were new the last time."""
        new = [make() for make in self._new]
        self._see(self._latest + new)
        self._first, self._latest = self._first or new, new

    def plant(self, root):
        """Those who were new the last time have cached this root, when it was good."""
        for reader in self._latest:
            (cached,) = Path(reader.environment["HOME"]).rglob("metadata/root.json")
            cached.write_bytes(root)

    def come_back(self):
        """The first ones, who have seen nothing since their second look."""
        self._see(self._first)


@pytest.fixture
def crowd(gun, new_notary, new_client, scratch, notary_server):
    """One of ours asks the agent for its pin, and one of ours knows no agent."""
    return Crowd(gun, new_notary, new_client,
                 lambda: Docker(scratch.directory("docker"), notary_server))


def add(client, gun, tag):
    client.run("addhash", gun, tag, "7", "--sha256", DIGEST, "--role", "targets")


@pytest.fixture
def repository(client, gun):
    client.run("init", gun, "--root-key", "agent:root", "--targets-key", "agent:targets")
    add(client, gun, "v1")
    return gun


@pytest.fixture
def versions(notary_server, gun):
    return lambda *roles: [notary_server.document(gun, role)["signed"]["version"] for role in roles]


def listed(server, gun, role):
    """IDs of the keys of a role."""
    return server.document(gun, "root")["signed"]["roles"][role]["keyids"]


def rotate(client, gun, role, *args):
    return client.run("key", "rotate", gun, role, *args)


def test_root_keys_follow_each_other_and_so_do_all_readers(
        client, new_client, agent, repository, crowd, notary_server):
    crowd.read()
    pinned = new_client(agent)
    pinned.run("list", repository)
    for n, key in enumerate(("root2", "root3", "root")):
        (before,) = listed(notary_server, repository, "root")
        said = rotate(client, repository, "root", "--key", f"agent:{key}", "--yes")
        (after,) = listed(notary_server, repository, "root")
        assert f"its certificate: {before}" in said and f"its certificate: {after}" in said
        assert f"root: version {n + 2}, signed by" in said
        assert before in notary_server.document(repository, "root")["signed"]["keys"]
        crowd.read()
        assert DIGEST in pinned.run("list", repository)
        add(client, repository, key)
    crowd.come_back()


def test_the_only_other_key_is_taken_where_none_is_named(client, agent, policy, repository, versions):
    del policy["keys"]["root3"]
    policy["grants"]["releaser"]["keys"].remove("root3")
    agent.set_policy(policy)
    agent.hang_up()
    rotate(client, repository, "root", "-y")
    assert versions("root") == [2]
    rotate(client, repository, "targets")
    assert versions("root", "targets") == [3, 3]


def test_targets_are_signed_by_the_new_key_in_the_same_publication(
        client, repository, crowd, versions, notary_server):
    crowd.read()
    before = listed(notary_server, repository, "targets")
    said = rotate(client, repository, "targets", "--key", "agent:targets2")
    assert said.splitlines() == ["root: version 2, signed by root",
                                 "targets: version 3, signed by targets2"]
    assert versions("root", "targets") == [2, 3]
    assert before != listed(notary_server, repository, "targets")
    assert before[0] not in notary_server.document(repository, "root")["signed"]["keys"]
    crowd.read()
    said = client.refused(1, "key", "rotate", repository, "targets", "--key", "agent:targets2")
    assert "has these keys already" in said


def test_the_certificate_alone_is_renewed(client, repository, crowd, notary_server):
    crowd.read()
    (before,) = listed(notary_server, repository, "root")
    rotate(client, repository, "root", "--key", "agent:root", "--yes")
    (after,) = listed(notary_server, repository, "root")
    assert before != after
    crowd.read()
    rotate(client, repository, "root", "--key", "agent:root2", "--yes")
    crowd.read()


def test_a_root_that_expires_soon_is_announced_to_who_publishes(
        client, agent, policy, gun, notary_server):
    root = [key for key in client.json("key", "list", "--json") if key["name"] == "root"][0]["key"]
    agent.call("IssueRootCertificate", repository=gun, key=root, days=300)
    client.run("init", gun, "--root-key", "agent:root", "--targets-key", "agent:targets")
    adding = ("addhash", gun, "v1", "7", "--sha256", DIGEST, "--role", "targets")
    said = client.try_run(*adding).stderr
    assert re.search("expires in (299|300) days", said) and f"countersign key rotate {gun} root" in said
    rotate(client, gun, "root", "--key", "agent:root", "--yes")
    assert "expires" not in client.try_run(*adding).stderr

    policy["grants"]["releaser"]["max_validity"] = "20d"
    agent.set_policy(policy)
    agent.hang_up()
    client.run("witness", gun, "root")
    assert f"countersign witness {gun} root" in client.try_run(*adding).stderr


def test_the_trust_server_makes_new_keys(client, repository, crowd, notary_server, versions):
    crowd.read()
    for n, role in enumerate(("snapshot", "timestamp")):
        before = listed(notary_server, repository, role)
        rotate(client, repository, role, "--server-managed")
        assert before != listed(notary_server, repository, role)
        assert versions("root") == [n + 2]
        crowd.read()


def test_several_root_keys_sign_together(client, gun, crowd, notary_server):
    both = ("--root-key", "agent:root", "--root-key", "agent:root2", "--targets-key", "agent:targets")
    assert "3" in client.refused(1, "init", gun, *both, "--threshold", "3")
    client.run("init", gun, *both, "--threshold", "2")
    add(client, gun, "v1")
    crowd.read()
    assert len(notary_server.document(gun, "root")["signatures"]) == 2
    assert "name all that it is to have" in client.refused(2, "key", "rotate", gun, "root", "-y")

    rotate(client, gun, "root", "--key", "agent:root2", "--key", "agent:root3", "--yes")
    root = notary_server.document(gun, "root")
    assert root["signed"]["roles"]["root"]["threshold"] == 2 and len(root["signatures"]) == 3
    crowd.read()


def test_fewer_root_keys_are_for_several_people_to_decide(client, gun):
    client.run("init", gun, "--root-key", "agent:root", "--root-key", "agent:root2", "--threshold", "2",
               "--targets-key", "agent:targets")
    said = client.refused(1, "key", "rotate", gun, "root", "--key", "agent:root", "-y")
    assert "--threshold" in said
    said = client.refused(3, "key", "rotate", gun, "root", "--key", "agent:root", "--threshold", "1",
                          "-y")
    assert "approval" in said


def test_a_rotation_that_was_cut_short_is_finished_with_what_was_signed(
        client, new_client, agent, repository, crowd, proxy, notary_server, versions):
    """The agent has released the next root, and it never got to the server."""
    crowd.read()
    for args in (("root", "--key", "agent:root2", "--yes"), ("targets", "--key", "agent:targets2"),
                 ("snapshot", "--server-managed"), ("root", "--key", "agent:root2", "--yes")):
        dying = new_client(agent)
        dying.use_server(proxy.url)
        held = len(proxy._held)  # pylint: disable=protected-access
        proxy.holds = lambda method, path: path.endswith("/tuf/") and method == "POST"
        process = dying.start("key", "rotate", repository, *args)
        proxy.wait_held(held + 1)
        process.kill()
        process.communicate()
        (before,) = versions("root")
        rotate(client, repository, *args)
        assert versions("root") == [before + 1]
        crowd.read()
    add(client, repository, "v2")
    crowd.come_back()


def test_a_root_that_somebody_else_rotates_meanwhile_gets_our_change_on_top(
        client, new_client, agent, repository, proxy, notary_server, versions, crowd):
    slow = new_client(agent)
    slow.use_server(proxy.url)
    proxy.holds = lambda method, path: path.endswith("/tuf/") and method == "POST"
    process = slow.start("key", "rotate", repository, "targets", "--key", "agent:targets2")
    proxy.wait_held(1)
    rotate(client, repository, "root", "--key", "agent:root2", "--yes")  # publishes theirs first
    proxy.let_all_go()
    done = slow.finish(process)
    assert done.returncode == 0, done.stderr
    assert versions("root") == [3]
    for key, role in (("root2", "root"), ("targets2", "targets")):
        (one,) = [one for one in client.json("key", "list", "--json") if one["name"] == key]
        root = notary_server.document(repository, "root")["signed"]
        assert [canonical_id(root["keys"][keyid]) for keyid in root["roles"][role]["keyids"]] == \
            [one["key"]]
    crowd.read()


def test_a_repository_of_notary_gives_its_snapshot_key_to_the_server(
        notary, new_client, agent, policy, gun, crowd, notary_server):
    notary.run("init", "-p", gun)
    notary.run("addhash", "-p", gun, "v1", "7", "--sha256", DIGEST)
    crowd.read()
    client = new_client(agent)
    trust = client.home / ".docker" / "trust"
    trust.mkdir(parents=True)
    (notary.directory / "trust" / "private").rename(trust / "private")
    give_tree(client.home, client.user.uid)
    client.write("passphrase", "passphrase", 0o400)
    stanzas = yaml.safe_load(client.run("key", "load", "--token", "hsm", "--passphrase",
                                        f"file:{client.home}/passphrase"))["keys"]
    root, targets = ([name for name, stanza in stanzas.items()
                      if stanza["scope"][0]["roles"] == [role]][0] for role in ("root", "targets"))
    stanzas[root]["scope"][0]["repositories"] = [gun]
    policy["keys"] = {root: stanzas[root], targets: stanzas[targets]}
    policy["grants"]["releaser"]["keys"] = [root, targets]
    agent.set_policy(policy)
    agent.hang_up()

    publishing = ("addhash", gun, "v2", "7", "--sha256", DIGEST, "--role", "targets")
    moving = ("key", "rotate", gun, "snapshot", "--server-managed")
    assert " ".join(moving) in client.refused(1, *publishing)
    assert "'roots'" in client.refused(3, *moving)  # nothing vouches for this root yet

    file = notary_server.document(gun, "root")["signed"]
    policy["roots"] = {gun: [canonical_id(file["keys"][file["roles"]["root"]["keyids"][0]])]}
    agent.set_policy(policy)
    agent.hang_up()
    client.run(*moving)
    crowd.read()
    client.run(*publishing)
    assert "v2" in notary.run("list", gun)


def test_a_policy_that_pins_the_first_key_follows(client, new_agent, new_client, policy, repository,
                                                  notary_server):
    """An agent elsewhere, which has signed nothing there yet, starts from what its policy pins."""
    file = notary_server.document(repository, "root")["signed"]
    policy["roots"] = {repository: [
        canonical_id(file["keys"][file["roles"]["root"]["keyids"][0]])]}
    for key in ("root2", "root3"):
        rotate(client, repository, "root", "--key", f"agent:{key}", "--yes")
    elsewhere = new_client(new_agent(policy).start())
    assert DIGEST in elsewhere.run("list", repository, "--no-tofu")
    add(elsewhere, repository, "v2")
    rotate(elsewhere, repository, "root", "--key", "agent:root", "--yes")
    assert DIGEST in client.run("list", repository)


def test_a_root_is_renewed_as_it_is(client, repository, crowd, versions, notary_server):
    crowd.read()
    before = notary_server.document(repository, "root")["signed"]
    assert client.run("witness", repository, "root") == "root: version 2, signed by root\n"
    after = notary_server.document(repository, "root")["signed"]
    assert after["expires"] >= before["expires"] and after["roles"] == before["roles"]
    crowd.read()
    assert "of its own" in client.refused(2, "witness", repository, "root", "targets")
    client.run("witness", repository, "targets")
    assert versions("root", "targets") == [2, 3]


@pytest.fixture
def expire(agent, notary_server, repository):
    """Publishes the root once more as it is, to expire within seconds; and waits until it has."""
    def expire():
        chain = Chain(notary_server, repository)
        was = chain.signed("root")
        root = {**was, "version": was["version"] + 1, "expires": after(3 / 86400)}
        (listed,) = was["roles"]["root"]["keyids"]
        (signed,) = agent.call(
            "Sign", documents=[request(repository, "root", root, canonical_id(was["keys"][listed]))],
            bases=[chain.parameter()])["documents"]
        notary_server.publish(
            repository, root=published(root, (listed, signed["signatures"][0]["sig"])))
        end = datetime.datetime.fromisoformat(root["expires"].replace("Z", "+00:00"))
        while datetime.datetime.now(datetime.timezone.utc) <= end + datetime.timedelta(seconds=1):
            select.select([], [], [], 0.1)
    return expire


def test_an_expired_root_is_replaced_and_counts_for_nothing_else(
        client, new_client, agent, repository, crowd, expire, versions, notary_server):
    crowd.read()
    expire()
    crowd.plant(Chain(notary_server, repository).raw("root"))
    remedy = f"countersign witness {repository} root"
    for args in (("list", repository), ("verify", f"{repository}:v1"),
                 ("witness", repository, "targets"), ("delegation", "list", repository),
                 ("addhash", repository, "v2", "7", "--sha256", DIGEST, "--role", "targets")):
        for one in (client, new_client(agent)):
            said = one.refused(4, *args)
            assert remedy in said and "root version 2: expired at" in said, args
    assert remedy in new_client().refused(4, "list", repository)

    said = client.try_run("witness", repository, "root")
    assert said.returncode == 0 and "has expired" in said.stderr, said.stderr
    assert said.stdout == "root: version 3, signed by root\n"
    crowd.read()
    add(client, repository, "v2")

    expire()
    assert remedy in client.refused(4, "list", repository)
    rotate(client, repository, "targets", "--key", "agent:targets2")
    rotate(client, repository, "root", "--key", "agent:root2", "--yes")
    assert versions("root", "targets") == [6, 4]
    crowd.read()
    crowd.come_back()
    add(client, repository, "v3")


def test_the_agent_signs_nothing_else_on_an_expired_root(
        client, agent, repository, expire, notary_server, versions):
    expire()
    chain = Chain(notary_server, repository)
    root, targets = (dict(chain.signed(role)) for role in ("root", "targets"))
    (listed,) = root["roles"]["targets"]["keyids"]
    targets |= {"version": targets["version"] + 1, "expires": after(20)}
    with pytest.raises(VarlinkError) as caught:
        agent.call("Sign", documents=[request(repository, "targets", targets, listed)],
                   bases=[chain.parameter()])
    assert caught.value.parameters["reason"] == "base", caught.value
    assert f"countersign witness {repository} root" in str(caught.value.parameters)

    client.run("witness", repository, "root", "--out", client.home / "file")
    assert "root" in client.run("cosignature", "show", client.home / "file")
    client.run("cosignature", "add", client.home / "file")
    assert versions("root", "targets") == [3, 2]


def test_nothing_is_rotated_by_mistake(client, repository, versions):
    for args, said in (
            (("root", "--key", "agent:root2"), "--yes"),  # there is no terminal
            (("snapshot",), "--server-managed"), (("timestamp",), "--server-managed"),
            (("root", "--server-managed"), "no trust server may have"), (("targets", "-r"), "leave out"),
            (("snapshot", "--server-managed", "--key", "agent:root2"), "leave out --key"),
            (("targets/qa",), "delegation add"), (("nothing",), "is no role"),
            (("root", "--key", "agent:qa", "--yes"), "not yours to use"),
            (("root", "--key", "agent:root2", "--key", "agent:root2", "--yes"), "named twice"),
            (("root", "--yes"), "say which with --key")):
        status = 3 if "agent:qa" in args else 1 if args == ("root", "--yes") else 2
        assert said in client.refused(status, "key", "rotate", repository, *args), args
    assert versions("root") == [1]


def test_who_types_something_else_than_yes_has_cancelled(client, repository, versions):
    args = ("key", "rotate", repository, "root", "--key", "agent:root2")
    for answer, status, version in (("no", 130, 1), ("yes", 0, 2)):
        with Terminal(client, *args) as terminal:
            terminal.wait_for("Type yes to go on: ")
            terminal.type(answer)
            terminal.finish(status)
        assert versions("root") == [version]


def test_what_others_must_agree_to_is_rotated_when_they_have(
        client, new_client, agent, policy, repository, crowd, versions):
    """The same command again asks for the very bytes that they agreed to, though certificates and
    the trust server's keys would be made anew."""
    approver = user(61021)
    policy["grants"]["releaser"]["approvals"] = {"count": 1, "users": [approver.uid]}
    agent.set_policy(policy)
    agent.hang_up()
    crowd.read()
    for n, args in enumerate((("root", "--key", "agent:root2", "-y"),
                              ("root", "--key", "agent:root2", "-y"),  # a new certificate
                              ("targets", "--key", "agent:targets2"),
                              ("snapshot", "--server-managed"))):
        client.refused(3, "key", "rotate", repository, *args)
        (waiting,) = client.json("pending", "--json")["requests"]
        new_client(agent, approver).run("approve", waiting["id"], "--digest", waiting["digest"][:8])
        rotate(client, repository, *args)
        assert versions("root") == [n + 2]
        assert not client.json("pending", "--json")["requests"]
    crowd.read()
