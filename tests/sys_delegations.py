# SPDX-License-Identifier: Apache-2.0
"""Roles are taken away as notary does, and no role becomes unreadable, or comes back to life, unseen."""
import re

import pytest

import rig_users
from rig_delegate import Delegate
from rig_document import key_id, key_object

RELEASES, QA = "targets/releases", "targets/qa"
PEOPLE = {"targets": rig_users.user(61030), "developer": rig_users.user(61031)}


@pytest.fixture
def agent(new_agent, policy):
    for name in ("developer", "qa", "devops"):
        policy["keys"][name]["scope"][0]["roles"] = [f"targets/{name}", RELEASES, "targets/qa/**"] + (
            [] if name == "qa" else [QA])
    for name, user in PEOPLE.items():
        policy["grants"][name] = {"users": [user.uid], "keys": [name], "delegate": True}
    return new_agent(policy).start()


@pytest.fixture
def keyid(token):
    """The canonical ID of a key of the agent."""
    return lambda name: key_id(key_object(token.public_key(name)))


@pytest.fixture
def person(new_client, agent):
    """Who has one key only."""
    return lambda key: new_client(agent, PEOPLE[key])


@pytest.fixture
def admin(person):
    """Who may change targets, and sign for no delegation."""
    return person("targets")


def addhash(client, gun, tag, *options):
    client.run("addhash", gun, tag, "5", "--sha256", "ab" * 32, *options)


def test_delegations_become_what_notary_makes_of_them(client, gun, notary, notary_server):
    """Byte for byte, the keys of targets aside, which are not in it."""
    theirs = f"{gun}/notarys"
    one, two = (Delegate(notary, name) for name in ("one", "two"))
    pems = [client.write(f"{key.public.stem}.pem", key.public.read_text()) for key in (one, two)]
    client.run("init", gun)
    notary.run("init", "-p", theirs)

    def both(verb, *arguments, keys=(), more=()):
        client.run("delegation", verb, gun, *arguments, *(pems[key] for key in keys))
        notary.run("delegation", verb, "-p", theirs, *arguments, *more,
                   *((one, two)[key].public for key in keys))
        ours, others = (notary_server.document(name, "targets")["signed"]["delegations"]
                        for name in (gun, theirs))
        for role in (ours["roles"] or []) + (others["roles"] or []):
            role["paths"] = sorted(role.get("paths", ()))  # notary's are in no order
        assert ours == others
        return ours

    both("add", QA, "--paths", "v1,v2,q", keys=[0, 1])
    both("add", "targets/ops", "--all-paths", keys=[1])
    both("remove", QA, "--paths", "v1")
    both("remove", QA, key_id(key_object(one.public.read_text())))
    assert len(both("remove", QA, "--all-paths")["keys"]) == 1
    both("remove", QA, more=["--yes"])
    assert both("remove", "targets/ops", more=["--yes"]) == {"keys": {}, "roles": None}


def test_we_sign_beside_a_role_without_keys(notary, gun, client, token, readers):
    """notary leaves it behind."""
    pem = client.write("qa.pem", token.public_key("qa"))
    them = Delegate(notary, "them")
    notary.run("init", "-p", gun)
    notary.run("key", "rotate", gun, "snapshot", "-r")
    notary.run("delegation", "add", "-p", gun, RELEASES, "--all-paths", them.public, pem)
    notary.run("delegation", "add", "-p", gun, "targets/empty", "--all-paths", them.public)
    notary.run("delegation", "remove", "-p", gun, "targets/empty", key_id(key_object(them.public.read_text())))
    addhash(client, gun, "v1", "-r", RELEASES)
    assert ("v1", RELEASES) in readers.read(gun, RELEASES)


def test_the_last_key_of_a_role_is_not_for_one_person_to_take(client, repository, keyid):
    told = client.refused(3, "delegation", "remove", repository, QA, keyid("qa"))
    assert "approvals" in told


def test_what_is_not_there_is_not_removed(client, repository, keyid):
    for status, arguments, says in (
            (1, ["targets/none"], "no role targets/none"),
            (1, [QA, keyid("devops")], "no key"),
            (1, [QA, "--paths", "v"], "no path 'v'"),
            (1, ["targets/none/below"], "which would list"),
            (1, [QA, "--paths", "v,"], "--all-paths"),
            (1, ["targets"], "no delegation"),
            (1, [QA, "agent:nobody"], "no key 'nobody'")):
        assert says in client.refused(status, "delegation", "remove", repository, *arguments)


def test_a_role_stays_readable_without_the_key_that_signed_it(
        client, admin, person, repository, keyid, notary_server, readers, new_client):
    """It is signed again in the same publication, or somebody is told."""
    addhash(person("developer"), repository, "v1", "-r", RELEASES)
    client.run("delegation", "remove", repository, RELEASES, keyid("qa"))
    assert notary_server.document(repository, RELEASES)["signed"]["version"] == 1
    before = notary_server.document(repository, "snapshot")["signed"]["version"]
    done = client.try_run("delegation", "remove", repository, RELEASES, keyid("developer"))
    assert done.returncode == 0 and "signed again with its 1 target" in done.stderr
    after = {role: notary_server.document(repository, role)["signed"]["version"]
             for role in ("snapshot", RELEASES)}
    assert after == {"snapshot": before + 1, RELEASES: 2}
    assert ("v1", RELEASES) in readers.read(repository, RELEASES)

    said = admin.run("delegation", "add", repository, RELEASES, "agent:qa", "--threshold", "2")
    assert f"countersign witness {repository} {RELEASES}" in said
    assert "v1" not in new_client().run("list", repository)
    assert "does not verify" in new_client().try_run("list", repository).stderr


def test_a_role_that_comes_back_is_empty(
        client, admin, repository, new_client, readers, notary_server):
    addhash(client, repository, "v1", "-r", QA)
    assert "keeps version 1" in client.try_run(
        "delegation", "remove", repository, QA).stderr
    assert f"{QA}:" not in client.run("delegation", "list", repository)
    done = client.try_run("delegation", "add", repository, QA, "agent:qa")
    assert "replaced by an empty one" in done.stderr and "v1" in done.stderr
    assert notary_server.document(repository, QA)["signed"]["targets"] == {}
    assert readers.read(repository, QA) == {}

    addhash(client, repository, "v2", "-r", QA)
    admin.run("delegation", "remove", repository, QA)
    said = admin.run("delegation", "add", repository, QA, "agent:qa")
    assert "is valid again with its 1 target: v2" in said
    assert ("v2", QA) in readers.read(repository, QA)


def test_a_key_is_purged_from_all_roles_at_once(
        client, admin, repository, keyid, notary_server, readers):
    addhash(client, repository, "v1", "-r", RELEASES)
    client.run("delegation", "add", repository, f"{QA}/deep", "agent:devops", "agent:developer")
    client.run("delegation", "add", repository, QA, "agent:devops")
    before = notary_server.document(repository, "snapshot")["signed"]["version"]
    # The only key of targets/devops: who may not take that, removes the role first.
    assert "approvals" in client.refused(
        3, "delegation", "purge", repository, "--key", "agent:devops")
    client.run("delegation", "remove", repository, "targets/devops")
    told = admin.refused(3, "delegation", "purge", repository, "--key", keyid("devops"))
    assert f"stays in {QA} (" in told
    client.run("delegation", "purge", repository, "--key", "agent:devops")
    assert notary_server.document(repository, "snapshot")["signed"]["version"] == before + 3
    table = client.run("delegation", "list", repository)
    assert keyid("devops") not in table and table.count(keyid("developer")) == 3
    assert ("v1", RELEASES) in readers.read(repository, RELEASES)
    assert "no delegation lists" in client.refused(
        1, "delegation", "purge", repository, "--key", "agent:devops")
    assert "key rotate" in client.refused(
        3, "delegation", "purge", repository, "--key", "agent:targets")
    assert "--key is missing" in client.refused(2, "delegation", "purge", repository)


def test_roles_below_roles(client, repository, readers, notary_server):
    assert "'countersign delegation add" in client.refused(
        1, "delegation", "add", repository, "targets/none/deep", "agent:qa")
    client.run("delegation", "remove", repository, QA, "--all-paths")
    client.run("delegation", "add", repository, QA, "--paths", "v1,v2")
    assert "exclude 'w' below it" in client.refused(
        1, "delegation", "add", repository, f"{QA}/deep", "agent:qa", "--paths", "v1.1,w")
    client.run("delegation", "add", repository, f"{QA}/deep", "agent:qa", "--paths", "v1.1")
    client.run("delegation", "add", repository, f"{QA}/wide", "agent:qa")
    (deep, wide) = notary_server.document(repository, QA)["signed"]["delegations"]["roles"]
    assert (deep["paths"], wide["paths"]) == (["v1.1"], ["v1", "v2"])


def test_a_threshold_wants_so_many_keys(client, repository, keyid, notary_server, readers):
    assert "want 1 to 1" in client.refused(
        1, "delegation", "add", repository, QA, "--threshold", "2")
    for bad in ("0", "-1", "x", "65536"):
        assert "--threshold" in client.refused(
            2, "delegation", "add", repository, QA, f"--threshold={bad}")
    assert "a key for" in client.refused(2, "delegation", "add", repository, QA)
    client.run("delegation", "add", repository, RELEASES, "--threshold", "3")
    assert notary_server.document(repository, "targets")["signed"]["delegations"]["roles"][0][
        "threshold"] == 3
    addhash(client, repository, "v1", "-r", RELEASES)
    assert ("v1", RELEASES) in readers.read(repository, RELEASES)
    assert "want 1 to 2" in client.refused(
        1, "delegation", "remove", repository, RELEASES, keyid("qa"))


def test_others_may_sign_a_removal_first(client, person, repository, keyid, notary_server, readers):
    """With --out nothing is published, and nobody is told that it is."""
    addhash(person("developer"), repository, "v1", "-r", RELEASES)
    file, before = client.home / "removal", notary_server.document(repository, "snapshot")
    for verb, more in (("signer remove", ["developer", repository, "--keep", "all"]),
                       ("delegation remove", [repository, RELEASES, keyid("developer")]),
                       ("revoke", [f"{repository}:v1"])):
        said = client.run(*verb.split(), *more, "--out", file)
        assert "nothing is published yet" in said and "Successfully" not in said
        assert notary_server.document(repository, "snapshot") == before
        if verb != "revoke":
            file.unlink()
    client.run("cosignature", "add", file)
    assert readers.read(repository, RELEASES) == {}


def test_the_last_key_goes_when_others_agree(
        new_client, agent, policy, repository, keyid, notary_server, client):
    approver = rig_users.user(61035)
    policy["grants"]["careful"] = {
        "users": [rig_users.RELEASER.uid], "keys": ["targets"], "delegate": True,
        "approvals": {"count": 1, "users": [approver.uid]}}
    agent.set_policy(policy)
    agent.call("Reload")
    line = ("delegation", "remove", repository, QA, keyid("qa"))
    told = re.search(r"request (\w+), digest (\w+):", client.refused(3, *line))
    new_client(agent, approver).run("approve", told[1], "--digest", told[2])
    client.run(*line)
    (role,) = [role for role in notary_server.document(repository, "targets")["signed"][
        "delegations"]["roles"] if role["name"] == QA]
    assert role["keyids"] is None
    # Who gets the role now starts anew.
    client.run("delegation", "add", repository, QA, "agent:devops")
