# SPDX-License-Identifier: Apache-2.0
"""Substitution: a document is judged in one place and published in another.

Its bytes name neither repository nor role, so the signature counts wherever the key is listed. What
keeps a narrowed grant narrow is that its key is for one place alone, and that the agent lets nobody
list it anywhere else. Tried against the real notary-server.
"""
import urllib.error

import pytest

import rig_users
from rig_chain import Chain
from rig_document import key_id, key_object, request, target, targets
from rig_publisher import published
from rig_varlink import VarlinkError

NIGHTLY = "targets/nightly"


@pytest.fixture
def attacker():
    """Somebody who is granted something, and whose client is his own."""
    return rig_users.user(61030)


@pytest.fixture
def agent(new_agent, policy, gun, attacker):
    """Two repositories of one owner. The key devops is for nightly builds of the first one alone."""
    policy["keys"]["devops"]["scope"] = [{"repositories": [gun], "roles": [NIGHTLY]}]
    policy["grants"]["nightly"] = {"users": [attacker.uid], "keys": ["devops"],
                                   "tags": ["nightly-*"]}
    policy["grants"]["qa"] = {"users": [attacker.uid], "keys": ["qa"]}
    return new_agent(policy).start()


@pytest.fixture
def other(gun):
    return f"{gun}/other"


class Attack:
    def __init__(self, agent, server, user, token):
        self._agent, self._server, self._user = agent, server, user
        self._keys = {name: key_object(token.public_key(name)) for name in ("devops", "qa")}

    def sign(self, document, gun, role, key, *bases):
        return self._agent.call("Sign", self._user, documents=[
            request(gun, role, document, key_id(self._keys[key]))], bases=list(bases))[
                "documents"][0]

    def refused(self, *args):
        """What was wanted of whoever is refused: reason, or the error's name."""
        with pytest.raises(VarlinkError) as caught:
            self.sign(*args)
        return caught.value.parameters.get("reason", caught.value.name)

    def chain(self, gun, *roles):
        return Chain(self._server, gun, roles).parameter()

    def publish(self, document, signed, gun, role, key):
        """Whether the server takes it there."""
        file = published(document, (key_id(self._keys[key]), signed["signatures"][0]["sig"]))
        try:
            self._server.publish(gun, **{role: file})
        except urllib.error.HTTPError:
            return False
        return True


@pytest.fixture
def attack(agent, notary_server, attacker, token):
    return Attack(agent, notary_server, attacker, token)


def document(*names, version=1):
    return targets(version=version, names={name: target() for name in names})


@pytest.fixture
def repositories(client, gun, other):
    """The first has nightly builds, and both have qa."""
    client.run("init", gun)
    client.run("init", other)
    client.run("delegation", "add", gun, NIGHTLY, "agent:devops")
    for repository in (gun, other):
        client.run("delegation", "add", repository, "targets/qa", "agent:qa")


def test_a_narrowed_grant_does_what_it_is_for(repositories, attack, gun, readers):
    made = document("nightly-1")
    signed = attack.sign(made, gun, NIGHTLY, "devops", attack.chain(gun))
    assert attack.publish(made, signed, gun, NIGHTLY, "devops")
    assert {name for name, _ in readers.read(gun, NIGHTLY)} == {"nightly-1"}


def test_it_changes_no_other_tag(repositories, attack, client, gun, upload):
    upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1", "--role", NIGHTLY)
    chain = attack.chain(gun, NIGHTLY)
    for names in (("nightly-1",), ("nightly-1", "v1"), ("nightly-1", "v2"), ("latest",)):
        assert attack.refused(document(*names, version=2), gun, NIGHTLY, "devops",
                              chain) == "tag-not-granted", names


def test_it_is_told_nothing_by_showing_nothing(repositories, attack, client, gun, upload):
    """What is published is v1, whatever the chain leaves out."""
    upload(f"{gun}:v1")
    empty = attack.chain(gun)
    client.run("sign", f"{gun}:v1", "--role", NIGHTLY)
    made = document("nightly-1", version=2)
    assert attack.refused(made, gun, NIGHTLY, "devops") == "base-missing"
    assert attack.refused(made, gun, NIGHTLY, "devops", attack.chain(gun)) == "base"
    # From before v1 was published, which the agent has released since.
    assert attack.refused(made, gun, NIGHTLY, "devops", empty) == "Stale"


def test_a_chain_of_another_repository_is_no_base(repositories, attack, client, gun, other, upload):
    """There nothing of that role is published, so that there every tag would be new."""
    upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1", "--role", NIGHTLY)
    made = document("nightly-1", version=2)
    elsewhere = attack.chain(other)
    assert attack.refused(made, gun, NIGHTLY, "devops", elsewhere) == "Malformed"
    assert attack.refused(made, gun, NIGHTLY, "devops",
                          {**elsewhere, "repository": gun}) == "base"


def test_it_is_judged_where_its_key_is_for_alone(repositories, attack, gun, other):
    """The same bytes, claimed to be for another repository or role."""
    made = document("latest")
    for repository, role in ((other, NIGHTLY), (gun, "targets/qa"), (gun, "targets"),
                             (other, "targets")):
        bases = [attack.chain(repository)]
        assert attack.refused(made, repository, role, "devops", *bases) == "key-outside-scope"


def test_its_key_is_listed_nowhere_else(repositories, client, gun, other):
    """Whoever may delegate with a key of this agent cannot make the bytes count there."""
    for repository, role in ((other, NIGHTLY), (other, "targets/x"), (gun, "targets/x"),
                             (gun, "targets/qa")):
        assert "own-key-outside-scope" in client.refused(
            3, "delegation", "add", repository, role, "agent:devops"), (repository, role)


def test_its_signature_counts_nowhere_else(repositories, attack, gun, other, readers):
    """What it is given for nightly builds, published in every other place of this agent."""
    made = document("nightly-1")
    signed = attack.sign(made, gun, NIGHTLY, "devops", attack.chain(gun))
    for repository, role in ((gun, "targets/qa"), (other, "targets/qa"), (gun, "targets"),
                             (other, "targets"), (other, NIGHTLY)):
        assert not attack.publish(made, signed, repository, role, "devops"), (repository, role)
    for repository in (gun, other):
        assert not readers.read(repository, "targets/qa")


def test_tags_are_for_keys_of_one_place(agent, policy, gun):
    """Where a key is for more, judging tags would promise what it cannot hold."""
    for scope in ([{"repositories": [f"{gun}*"], "roles": [NIGHTLY]}],
                  [{"repositories": [gun, f"{gun}/other"], "roles": [NIGHTLY]}],
                  [{"repositories": [gun], "roles": ["targets/*"]}],
                  [{"repositories": [gun], "roles": [NIGHTLY, "targets/qa"]}],
                  [{"repositories": [gun], "roles": [NIGHTLY]},
                   {"repositories": [gun], "roles": ["targets/qa"]}]):
        policy["keys"]["devops"]["scope"] = scope
        agent.set_policy(policy)
        with pytest.raises(VarlinkError) as caught:
            agent.call("Reload")
        assert "'tags' need a key" in str(caught.value)


def test_a_key_of_several_places_is_good_in_all_of_them(repositories, attack, gun, other, readers,
                                                        agent):
    """And nobody says otherwise: the key's whole scope is what its grant is worth."""
    made = document("v1")
    signed = attack.sign(made, gun, "targets/qa", "qa", attack.chain(gun))
    assert attack.publish(made, signed, other, "targets/qa", "qa")
    assert {name for name, _ in readers.read(other, "targets/qa")} == {"v1"}
    (key,) = [key for key in agent.call("ListKeys")["keys"] if key["name"] == "qa"]
    assert len(key["roles"]) > 1 and key["repositories"][0].endswith("/**")


def test_somebody_else_lists_the_key(repositories, attack, gun, notary, client, token, readers):
    """Of a repository with other owners the agent hears nothing: they may let the bytes count, as
    anybody may who has the public key. The agent still signs for its own place alone."""
    foreign = f"{gun}/foreign"
    notary.run("init", foreign, "-p")
    notary.run("key", "rotate", foreign, "snapshot", "-r")
    key = client.write("key.pem", token.public_key("devops"))
    notary.run("delegation", "add", foreign, NIGHTLY, key, "--all-paths", "-p")
    assert attack.refused(document("latest"), foreign, NIGHTLY, "devops",
                          attack.chain(foreign)) == "key-outside-scope"
    made = document("nightly-1")
    signed = attack.sign(made, gun, NIGHTLY, "devops", attack.chain(gun))
    assert attack.publish(made, signed, foreign, NIGHTLY, "devops")
    assert {name for name, _ in readers.read(foreign, NIGHTLY)} == {"nightly-1"}
