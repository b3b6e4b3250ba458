# SPDX-License-Identifier: Apache-2.0
"""Who may sign targets but not delegate: with a base he signs tags, and never changes delegations.

The repository is made by the releaser, whose root the agent released, so it can verify what is
published. The tagger has the same key, without the right to delegate.
"""
import base64
import shutil

import pytest

import rig_case
import rig_users
from rig_chain import Chain
from rig_document import (after, delegation, key_id, key_object, new_key, request, target,
                          targets)
from rig_publisher import Publisher, new_private_key
from rig_readers import TEAMS
from rig_varlink import VarlinkError


@pytest.fixture
def tagger():
    return rig_users.user(61020)


@pytest.fixture
def agent(new_agent, policy, tagger):
    policy["grants"]["tagger"] = {"users": [tagger.uid], "keys": ["targets", "qa"]}
    return new_agent(policy).start()


class Case:
    """The tagger's calls, made by hand."""

    def __init__(self, agent, server, gun, user, token):
        self.agent, self.server, self.gun, self.user = agent, server, gun, user
        self.key = key_id(key_object(token.public_key("targets")))

    def chain(self, *roles):
        return Chain(self.server, self.gun, roles)

    def next(self, chain, **changes):
        """The next targets after those of the chain, with one tag more."""
        was = chain.signed("targets")
        return {**was, "version": was["version"] + 1, "expires": after(30),
                "targets": {**was["targets"], "v9": target()}, **changes}

    def sign(self, document, *bases, user=None, method="Sign"):
        documents = [request(self.gun, "targets", document, self.key)]
        return self.agent.call(method, user or self.user, documents=documents,
                               bases=[base.parameter() for base in bases])

    def refused(self, name, document, *bases):
        """The parameters of an error of that name."""
        with pytest.raises(VarlinkError) as caught:
            self.sign(document, *bases)
        assert caught.value.name == name, caught.value
        return caught.value.parameters

    def denied(self, reason, document, *bases):
        parameters = self.refused("Denied", document, *bases)
        assert parameters["reason"] == reason, parameters
        assert parameters["remedy"]
        return parameters


@pytest.fixture
def case(agent, notary_server, repository, tagger, token):
    return Case(agent, notary_server, repository, tagger, token)


def without_role(delegations, name):
    """The delegations without one role and without the keys that only it has."""
    roles = [role for role in delegations["roles"] if role["name"] != name]
    used = {keyid for role in roles for keyid in role["keyids"]}
    return {"keys": {keyid: key for keyid, key in delegations["keys"].items() if keyid in used},
            "roles": roles}


# What people do


def test_a_tagger_signs_in_targets_beside_delegations(repository, new_client, agent, tagger, upload,
                                                      notary_server, readers):
    image = upload(f"{repository}:v1")
    before = notary_server.document(repository, "targets")["signed"]
    user = new_client(agent, tagger)
    user.run("sign", f"{repository}:v1", "--role", "targets")
    user.run("remove", repository, "v1", "-r", "targets")
    user.run("sign", f"{repository}:v1", "--role", "targets")
    now = notary_server.document(repository, "targets")["signed"]
    assert now["delegations"] == before["delegations"]
    assert now["version"] == before["version"] + 3
    assert readers.roles_of(repository, "v1", "targets") == ({"targets"}, image.digest[7:])


def test_a_tagger_changes_no_delegations(repository, new_client, agent, tagger, notary_server):
    user = new_client(agent, tagger)
    before = notary_server.document(repository, "targets")
    key = user.write("key.pem", new_key())
    for role in ("targets/more", "targets/qa"):
        assert "delegation-right" in user.refused(3, "delegation", "add", repository, role, key)
    assert notary_server.document(repository, "targets") == before


def test_a_tagger_signs_in_a_delegation_that_has_delegations(client, gun, new_client, agent, tagger,
                                                             upload, notary_server):
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    client.run("delegation", "add", gun, "targets/qa/x", client.write("key.pem", new_key()))
    upload(f"{gun}:v1")
    new_client(agent, tagger).run("sign", f"{gun}:v1", "--role", "targets/qa")
    signed = notary_server.document(gun, "targets/qa")["signed"]
    assert "v1" in signed["targets"]
    assert [role["name"] for role in signed["delegations"]["roles"]] == ["targets/qa/x"]


def test_all_roots_are_shown(client, gun, notary, token, notary_server):
    """Of a repository whose root was changed twice, by somebody whom the agent does not know."""
    notary.run("init", gun, "-p")
    for _ in range(2):
        notary.run("key", "rotate", gun, "snapshot", "-r")
    assert notary_server.document(gun, "root")["signed"]["version"] == 3
    key = client.write("key.pem", token.public_key("qa"))
    notary.run("delegation", "add", gun, "targets/qa", key, "--all-paths", "-p")
    client.run("delegation", "add", gun, "targets/qa/x", client.write("x.pem", new_key()))
    assert notary_server.document(gun, "targets/qa")["signed"]["delegations"]["roles"]


def test_a_tagger_waits_for_delegations_that_were_released(case, new_client, upload):
    """Somebody with the right to delegate was given a version and does not publish it."""
    chain = case.chain()
    less = without_role(chain.signed("targets")["delegations"], "targets/qa")
    case.sign(case.next(chain, delegations=less), chain, user=rig_users.RELEASER)
    upload(f"{case.gun}:v1")
    user = new_client(case.agent, case.user)
    error = user.refused(7, "sign", f"{case.gun}:v1", "--role", "targets")
    assert "which nobody publishes" in error
    assert case.chain().signed("targets") == chain.signed("targets")


# What others may try


def test_delegations_that_are_published_are_no_change(case):
    chain = case.chain()
    signed = case.sign(case.next(chain), chain)
    assert signed["grants"] == ["tagger"]


def test_what_the_agent_has_seen_published_is_shown_by_everybody(case):
    """The fixture's own requests showed it, the first one excepted."""
    document = case.next(case.chain())
    parameters = case.denied("base-missing", document)
    assert parameters["grant"] == "tagger"
    assert parameters["have"] == "no chain"
    with pytest.raises(VarlinkError) as caught:
        case.sign(document, user=rig_users.RELEASER)
    assert caught.value.parameters["reason"] == "base-missing"


def test_no_delegation_is_smuggled_in(case):
    chain = case.chain()
    published = chain.signed("targets")["delegations"]
    key = key_object(new_key())
    more = {"keys": {**published["keys"], key_id(key): key},
            "roles": published["roles"] + [delegation("targets/evil", key)]}
    case.denied("delegation-right", case.next(chain, delegations=more), chain)


def test_no_key_is_smuggled_in(case):
    chain = case.chain()
    published = chain.signed("targets")["delegations"]
    key = key_object(new_key())
    roles = [{**role, "keyids": role["keyids"] + [key_id(key)]} if role["name"] == "targets/qa"
             else role for role in published["roles"]]
    more = {"keys": {**published["keys"], key_id(key): key}, "roles": roles}
    case.denied("delegation-right", case.next(chain, delegations=more), chain)


def test_no_delegation_is_changed(case):
    chain = case.chain()
    published = chain.signed("targets")["delegations"]
    for reason, change in (
            ("delegation-right", {"paths": ["v"]}), ("delegation-right", {"paths": ["", "v"]}),
            ("delegation-right", {"name": "targets/q-a"}), ("delegation-right", {"name": "targets/qaa"}),
            ("role-name", {"name": "targets/q\u0430"}), ("threshold", {"threshold": 2})):
        roles = [{**role, **change} if role["name"] == "targets/qa" else role
                 for role in published["roles"]]
        case.denied(reason, case.next(chain, delegations={**published, "roles": roles}), chain)
    assert case.sign(case.next(chain), chain)["documents"][0]["signatures"]


def test_no_key_is_swapped(case):
    chain = case.chain()
    published = chain.signed("targets")["delegations"]
    key = key_object(new_key())
    (old,) = next(role for role in published["roles"] if role["name"] == "targets/qa")["keyids"]
    keys = {name: value for name, value in published["keys"].items() if name != old}
    roles = [{**role, "keyids": [key_id(key) if name == old else name for name in role["keyids"]]}
             for role in published["roles"]]
    case.denied("delegation-right", case.next(chain, delegations={
        "keys": {**keys, key_id(key): key}, "roles": roles}), chain)


def test_no_delegation_is_taken_away(case):
    chain = case.chain()
    for name in TEAMS:
        less = without_role(chain.signed("targets")["delegations"], name)
        case.denied("delegation-right", case.next(chain, delegations=less), chain)
    case.denied("delegation-right",
                case.next(chain, delegations={"keys": {}, "roles": []}), chain)


def test_delegations_are_not_taken_away_by_showing_no_base(case):
    case.denied("base-missing", case.next(case.chain(), delegations={"keys": {}, "roles": []}))


def test_the_order_of_delegations_is_left_as_it_is(case):
    chain = case.chain()
    published = chain.signed("targets")["delegations"]
    turned = {**published, "roles": list(reversed(published["roles"]))}
    case.denied("delegation-right", case.next(chain, delegations=turned), chain)


def test_an_old_chain_takes_no_new_delegation_away(case, client):
    old = case.chain()
    key = client.write("key.pem", new_key())
    client.run("delegation", "add", case.gun, "targets/more", key)
    document = case.next(old, version=old.signed("targets")["version"] + 2)
    stale = case.refused("Stale", document, old)
    assert (stale["role"], stale["version"]) == ("targets", old.signed("targets")["version"] + 1)
    new = case.chain()
    case.denied("delegation-right", document, new)
    assert case.sign(case.next(new), new)["documents"][0]["signatures"]


def test_what_was_taken_away_and_is_not_published_yet_does_not_come_back(case):
    chain = case.chain()
    less = without_role(chain.signed("targets")["delegations"], "targets/qa")
    assert case.sign(case.next(chain, delegations=less), chain, user=rig_users.RELEASER)
    version = chain.signed("targets")["version"]
    for next_version in (version + 1, version + 2):
        stale = case.refused("Stale", case.next(chain, version=next_version), chain)
        assert stale["version"] == version + 1
    case.denied("delegation-right",
                case.next(chain, version=version + 2, delegations=less), chain)


def test_an_old_chain_is_good_as_long_as_the_delegations_are_the_same(case, client, upload):
    old = case.chain()
    upload(f"{case.gun}:v1")
    client.run("sign", f"{case.gun}:v1", "--role", "targets")
    document = case.next(old, version=old.signed("targets")["version"] + 2)
    assert case.sign(document, old)["documents"][0]["signatures"]


def test_an_old_chain_is_no_good_once_a_newer_one_was_seen(case, client, upload):
    """Whose copy is old is given the file that is newer, as long as the agent has it."""
    old = case.chain()
    upload(f"{case.gun}:v1")
    client.run("sign", f"{case.gun}:v1", "--role", "targets")
    new = case.chain()
    assert case.sign(case.next(new), new)["documents"][0]["signatures"]
    document = case.next(new, version=new.signed("targets")["version"] + 2)
    for held in (True, False):
        stale = case.refused("Stale", document, old)
        assert (stale["repository"], stale["role"], stale["version"]) == (
            case.gun, "timestamp", new.signed("timestamp")["version"])
        assert stale.get("file") == (
            base64.b64encode(new.raw("timestamp")).decode() if held else None)
        case.agent.stop()
        case.agent.start()
    assert case.sign(document, new)["documents"][0]["signatures"]


def test_explains_with_a_base_what_it_would_decide(case):
    chain = case.chain()
    for bases, reason in (((chain,), None), ((), "base-missing")):
        (verdict,) = case.sign(case.next(chain), *bases, method="Explain")["verdicts"]
        assert verdict["allowed"] == (reason is None)
        assert verdict.get("reason") == reason
        assert ("difference" in verdict) == (reason is None)


# Chains that are none


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_chain_must_verify(case, role, notary_server, client, gun):
    """A file of another repository of the same agent is as sound as a file can be."""
    client.run("init", f"{gun}/other")
    other = notary_server.get(f"/v2/{gun}/other/_trust/tuf/{role}.json")
    chain = case.chain()
    document = case.next(chain)
    chain.replace(role, other)
    parameters = case.denied("base", document, chain)
    assert parameters["rule"] == "base"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_chain_must_be_whole(case, role):
    chain = case.chain()
    document = case.next(chain)
    chain.leave_out(role)
    case.denied("base", document, chain)


def test_the_root_need_not_be_shown(case):
    chain = case.chain()
    document = case.next(chain)
    chain.leave_out("root")
    assert case.sign(document, chain)["documents"][0]["signatures"]


def test_a_chain_that_does_not_verify_is_refused_whoever_shows_it(case):
    chain = case.chain()
    document = case.next(chain)
    chain.leave_out("snapshot")
    with pytest.raises(VarlinkError) as caught:
        case.sign(document, chain, user=rig_users.RELEASER)
    assert caught.value.parameters["reason"] == "base"


def test_a_chain_is_for_a_repository_of_the_documents(case):
    chain = case.chain()
    document = case.next(chain)
    chain.gun += "/other"
    case.refused("Malformed", document, chain)


def test_a_repository_has_one_chain(case):
    chain = case.chain()
    case.refused("Malformed", case.next(chain), chain, chain)


def test_without_a_root_of_ours_a_base_shows_nothing(case, notary, gun):
    """notary made this one: nothing vouches for its root."""
    notary.run("init", gun + "/notarys", "-p")
    case.gun = gun + "/notarys"
    chain = case.chain()
    key = key_object(new_key())
    case.denied("delegation-right", case.next(chain, delegations={
        "keys": {key_id(key): key}, "roles": [delegation("targets/x", key)]}), chain)
    assert case.sign(case.next(chain), chain)["documents"][0]["signatures"]


# What is published counts as a mark


def test_a_version_that_others_published_is_not_signed_again(case):
    """An agent whose ledger was restored, or a second one, must not fork what is published."""
    chain = case.chain()
    published = chain.signed("targets")["version"]
    case.agent.stop()
    case.agent.ledger.execute("DELETE FROM mark")
    case.agent.start()
    for version in (published, published - 1):
        case.refused("Rollback", case.next(chain, version=version), chain)
    assert case.sign(case.next(chain), chain)["documents"][0]["signatures"]


def test_what_a_base_shows_is_remembered(case, token):
    chain = case.chain()
    published = chain.signed("targets")["version"]
    case.agent.stop()
    case.agent.ledger.execute("DELETE FROM mark")
    case.agent.start()
    qa = request(case.gun, "targets/qa", targets(), key_id(key_object(token.public_key("qa"))))
    case.agent.call("Sign", case.user, documents=[qa], bases=[chain.parameter()])
    case.agent.stop()
    assert case.agent.ledger.marks() == {
        (case.gun, "root"): 1, (case.gun, "targets"): published, (case.gun, "targets/qa"): 1}


# A copy of the ledger that is older than what is published


def foreign(agent):
    """What records of an agent that has ended say was signed by others with its keys."""
    return [(record["repository"], record["role"], record["version"], record["mark"],
             record["keys"]) for record in agent.ledger.records()
            if record["kind"] == "foreign-signature"]


@pytest.fixture
def restored(case, client, upload, scratch):
    """A backup of the ledger is put back after the next targets were published."""
    case.agent.stop()
    backup = scratch.directory("backup") / "state"
    shutil.copytree(case.agent.state, backup)
    case.agent.start()
    upload(f"{case.gun}:v1")
    client.run("sign", f"{case.gun}:v1", "--role", "targets")
    case.agent.stop()
    for path in backup.iterdir():
        (case.agent.state / path.name).write_bytes(path.read_bytes())
    case.agent.start()
    return case


def test_a_restored_ledger_learns_what_is_published(restored):
    chain = restored.chain()
    published = chain.signed("targets")["version"]
    restored.refused("Rollback", restored.next(chain, version=published), chain)
    assert restored.sign(restored.next(chain), chain)["documents"]
    assert "foreign-signature: key 'targets' signed" in restored.agent.process.text()
    restored.agent.stop()
    assert foreign(restored.agent) == [
        (restored.gun, "targets", published, published - 1, [restored.key])]
    restored.agent.ledger.verify()


def test_what_this_agent_signed_is_not_foreign(case):
    chain = case.chain()
    assert case.sign(case.next(chain), chain)["documents"]
    assert "foreign-signature" not in case.agent.process.text()
    case.agent.stop()
    assert foreign(case.agent) == []


def test_what_others_sign_with_their_keys_is_not_foreign(agent, gun, token):
    case = rig_case.Case(agent, gun, token)
    certificate, _ = case.root_keys()
    publisher = Publisher(gun, certificate, new_private_key())
    signed = case.sign(publisher.root, role="root", key="root")
    publisher.take_root_signature(signed["signatures"][0]["sig"])
    assert case.sign(targets(), bases=[publisher.chain(targets(version=3))])["signatures"]
    agent.stop()
    assert agent.ledger.marks()[gun, "targets"] == 3
    assert foreign(agent) == []
