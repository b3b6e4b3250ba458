# SPDX-License-Identifier: Apache-2.0
"""What is published, as a request shows it: the agent believes what it can verify itself, and knows
what it has seen before.

The chains are of the real notary-server, but for those that no honest server publishes.
"""
import base64
import hashlib
import json

import pytest

import rig_case
import rig_users
from rig_chain import Chain
from rig_document import after, key_id, key_object, new_key, request, target, targets
from rig_publisher import Publisher, new_private_key, published, sign
from rig_varlink import VarlinkError


@pytest.fixture
def tagger():
    """Who may sign everything, and delegate nothing."""
    return rig_users.user(61020)


@pytest.fixture
def agent(new_agent, policy, tagger):
    policy["keys"]["qa"]["scope"][0]["roles"] = ["targets/qa", "targets/qa/deep",
                                                 "targets/releases"]
    policy["grants"]["tagger"] = {"users": [tagger.uid],
                                  "keys": ["targets", "qa", "developer"]}
    return new_agent(policy).start()


class Signer:
    """Asks for the next document of a role, with one tag more, on a chain."""

    def __init__(self, agent, server, gun, token, user):
        self.agent, self.server, self.gun, self.user = agent, server, gun, user
        self._token = token

    def chain(self, *roles):
        return Chain(self.server, self.gun, roles)

    def keyid(self, key):
        return key_id(key_object(self._token.public_key(key)))

    def sign(self, *bases, role="targets", key="targets", was=None, user=None):
        """The one element of the answer. bases: chains, or what is sent for them; was: the document
        that is changed, else that of the first chain."""
        if was is None:
            was = bases[0].signed(role)
        document = {**was, "version": was["version"] + 1, "expires": after(30),
                    "targets": {**was["targets"], "v9": target()}}
        return self.agent.call(
            "Sign", user or self.user,
            documents=[request(self.gun, role, document, self.keyid(key))],
            bases=[base.parameter() if isinstance(base, Chain) else base
                   for base in bases])["documents"][0]

    def publish(self, document, *bases):
        """New targets, by somebody with every right."""
        (signed,) = self.agent.call(
            "Sign", documents=[request(self.gun, "targets", document, self.keyid("targets"))],
            bases=[base.parameter() for base in bases])["documents"]
        self.server.publish(self.gun, targets=published(
            document, (self.keyid("targets"), signed["signatures"][0]["sig"])))

    def fails(self, *bases, **more):
        """The name of the error, and its parameters."""
        with pytest.raises(VarlinkError) as caught:
            self.sign(*bases, **more)
        return caught.value.name, caught.value.parameters

    def denied(self, reason, *bases, **more):
        name, parameters = self.fails(*bases, **more)
        assert (name, parameters.get("reason")) == ("Denied", reason), parameters
        return parameters


@pytest.fixture
def signer(agent, notary_server, repository, token, tagger):
    return Signer(agent, notary_server, repository, token, tagger)


def changed(signed):
    """{(kind, name): (was is there, is is there)} of an answer's difference."""
    return {(change["kind"], change["name"]): ("was" in change, "is" in change)
            for change in signed["difference"]}


NEW, GONE, OTHER = (False, True), (True, False), (True, True)


def test_tells_what_a_document_changes(signer, client, upload):
    upload(f"{signer.gun}:v1")
    client.run("sign", f"{signer.gun}:v1", "--role", "targets")
    chain = signer.chain()
    was = chain.signed("targets")
    assert changed(signer.sign(chain)) == {("tag", "v9"): NEW, ("expiry", ""): OTHER}
    without = {**was, "version": was["version"] + 1, "targets": {}}
    assert changed(signer.sign(chain, was=without)) == {
        ("tag", "v1"): GONE, ("tag", "v9"): NEW, ("expiry", ""): OTHER}
    other = {**was, "version": was["version"] + 2, "targets": {"v1": target("cd" * 32)}}
    (change,) = [change for change in signer.sign(chain, was=other)["difference"]
                 if change["name"] == "v1"]
    digest = base64.b64decode(was["targets"]["v1"]["hashes"]["sha256"]).hex()
    assert (change["was"].split()[0], change["is"]) == (f"sha256:{digest}",
                                                        f"sha256:{'cd' * 32} 1 bytes")


def test_a_chain_of_two_moments_is_none(signer, client, upload):
    old = signer.chain()
    upload(f"{signer.gun}:v1")
    client.run("sign", f"{signer.gun}:v1", "--role", "targets")
    for role in ("timestamp", "snapshot", "targets"):
        chain = signer.chain()
        chain.replace(role, old.raw(role))
        assert signer.denied("base", chain, was=old.signed("targets"))["rule"] == "base"
    assert signer.sign(signer.chain())["signatures"]


def test_the_first_signature_of_a_role_is_based_on_nothing(signer):
    chain = signer.chain()
    signed = signer.sign(chain, role="targets/qa", key="qa", was=targets(version=0))
    assert changed(signed) == {("tag", "v9"): NEW, ("expiry", ""): NEW}


def test_a_file_that_is_published_is_shown(signer, client, upload):
    """It was left out, so nobody knows what changes; who may delegate may sign all the same."""
    upload(f"{signer.gun}:v1")
    client.run("sign", f"{signer.gun}:v1", "--role", "targets/qa")
    chain = signer.chain("targets/qa")
    was = chain.signed("targets/qa")
    chain.leave_out("targets/qa")
    assert "without that file" in signer.denied("base", chain, role="targets/qa", key="qa",
                                                was=was)["have"]
    signed = signer.sign(chain, role="targets/qa", key="qa", was=was, user=rig_users.RELEASER)
    assert "difference" not in signed


def test_the_roles_above_are_shown(signer, client, upload):
    """Who may sign targets/qa/deep says targets/qa, which is left out."""
    deep = "targets/qa/deep"
    client.run("delegation", "add", signer.gun, deep, client.write("key.pem", new_key()),
               "agent:qa")
    upload(f"{signer.gun}:v1")
    client.run("sign", f"{signer.gun}:v1", "--role", deep)
    chain = signer.chain("targets/qa", deep)
    was = chain.signed(deep)
    assert changed(signer.sign(chain, role=deep, key="qa")) == {
        ("tag", "v9"): NEW, ("expiry", ""): OTHER}
    chain.leave_out("targets/qa")
    signer.denied("base", chain, role=deep, key="qa", was={**was, "version": 2})


def test_a_file_of_a_key_that_was_revoked_is_no_base(signer, client, upload):
    """targets/releases is given to others, and the file of those who had it is still listed."""
    role = "targets/releases"
    upload(f"{signer.gun}:v1")
    client.run("sign", f"{signer.gun}:v1", "--role", role)
    chain, key = signer.chain(), key_object(new_key())
    was = chain.signed("targets")
    roles = [{**listed, "keyids": [key_id(key)]} if listed["name"] == role else listed
             for listed in was["delegations"]["roles"]]
    signer.publish({**was, "version": was["version"] + 1, "delegations": {
        "keys": {**was["delegations"]["keys"], key_id(key): key}, "roles": roles}}, chain)
    chain = signer.chain(role)
    assert "v1" in chain.signed(role)["targets"]
    signed = signer.sign(chain, role=role, key="developer")
    assert changed(signed) == {("tag", "v1"): NEW, ("tag", "v9"): NEW, ("expiry", ""): NEW}
    chain.leave_out(role)
    signer.denied("base", chain, role=role, key="developer", was=targets(version=4))


def by_digest(chain, *roles):
    """Files without their messages; without roles: all."""
    parameter = chain.parameter()
    for file in parameter["files"]:
        if not roles or file["role"] in roles:
            del file["message"]
    return parameter


def test_a_digest_stands_for_a_file_that_was_seen(signer):
    chain = signer.chain()
    was = chain.signed("targets")
    assert signer.sign(chain)["signatures"]
    was["version"] += 1
    assert changed(signer.sign(by_digest(chain), was=was)) == {
        ("tag", "v9"): NEW, ("expiry", ""): OTHER}
    signer.agent.stop()
    signer.agent.start()
    for role in ("snapshot", "targets"):
        name, parameters = signer.fails(by_digest(chain, role), was=was)
        assert (name, parameters) == ("NotFound", {
            "kind": "file", "name": hashlib.sha256(chain.raw(role)).hexdigest()})
    for bases in (chain, by_digest(chain)):
        was["version"] += 1
        assert signer.sign(bases, was=was)["signatures"]


# Repositories of others, and servers that lie


class Liar(Publisher):
    """Has the keys of the server, so it can publish what it likes."""

    days = 30

    def _listing(self, kind, version, **files):
        document = {"_type": kind, "expires": after(self.days), "version": version, "meta": {
            role: {"hashes": {"sha256": base64.b64encode(hashlib.sha256(raw).digest()).decode()},
                   "length": len(raw)} for role, raw in files.items()}}
        return published(document, sign(self._server, document))


@pytest.fixture
def liar(agent, gun, token):
    """The agent signed its root."""
    case = rig_case.Case(agent, gun, token)
    certificate, _ = case.root_keys()
    liar = Liar(gun, certificate, new_private_key())
    signed = case.sign(liar.root, role="root", key="root")
    liar.take_root_signature(signed["signatures"][0]["sig"])
    return liar


@pytest.fixture
def deceived(agent, gun, notary_server, token, tagger, liar):
    return Signer(agent, notary_server, gun, token, tagger)


def test_a_repository_that_was_forked_is_not_signed(deceived, liar):
    one, other = (targets(version=2, names={name: target()}) for name in ("one", "other"))
    assert deceived.sign(liar.chain(one), was=one)["signatures"]
    parameters = deceived.denied("base", liar.chain(other), was=other)
    assert "was forked" in parameters["have"]
    # Whoever asks; and nothing of it is remembered.
    assert "was forked" in deceived.denied(
        "base", liar.chain(other), was=other, user=rig_users.RELEASER)["have"]
    assert deceived.sign(liar.chain(targets(version=3)), was=targets(version=3))["signatures"]


def test_what_was_seen_does_not_go_back(deceived, liar):
    document = targets(version=9)
    for version, seen in ((5, 0), (4, 5), (6, 0), (5, 6)):
        chain = liar.chain(targets(version=version))
        if not seen:
            assert deceived.sign(chain, was=document)["signatures"]
            document = {**document, "version": document["version"] + 1}
            continue
        name, parameters = deceived.fails(chain, was=document)
        assert (name, parameters["role"], parameters["version"]) == ("Stale", "timestamp", seen)
        newest = json.loads(base64.b64decode(parameters["file"]))["signed"]
        assert (newest["_type"], newest["version"]) == ("Timestamp", seen)


def test_an_expired_timestamp_hides_something(deceived, liar):
    liar.days = -1
    was = targets(version=2)
    assert "timestamp: expired" in deceived.denied("base", liar.chain(was), was=was)["have"]
    liar.days = 30
    assert deceived.sign(liar.chain(was), was=was)["signatures"]


# Roots that the agent did not sign


def root_key_of(server, gun):
    """The canonical ID of the root key of a repository, whose root lists a certificate of it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    signed = server.document(gun, "root")["signed"]
    listed = signed["keys"][signed["roles"]["root"]["keyids"][0]]
    pem = base64.b64decode(listed["keyval"]["public"])
    key = x509.load_pem_x509_certificate(pem).public_key()
    return key_id(key_object(key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()))


def test_the_policy_pins_a_root(signer, notary, gun, policy):
    """notary made this one; it becomes the agent's own with the first request that is released."""
    signer.gun = gun + "/notarys"
    notary.run("init", signer.gun, "-p")
    chain, pin = signer.chain(), root_key_of(signer.server, signer.gun)
    was = chain.signed("targets")
    with pytest.raises(VarlinkError) as caught:
        signer.agent.call("TrustedRoot", repository=signer.gun)
    assert (caught.value.name, caught.value.parameters["kind"]) == ("NotFound", "root")

    policy["roots"] = {signer.gun: ["0" * 64]}
    signer.agent.set_policy(policy)
    signer.agent.call("Reload")
    assert signer.agent.call("TrustedRoot", repository=signer.gun) == {
        "roots": ["0" * 64], "version": 1, "threshold": 1}
    signer.denied("base-missing", was=was)
    assert "'roots'" in signer.denied("base", chain)["have"]

    policy["roots"] = {f"{gun}/*": [pin]}
    signer.agent.set_policy(policy)
    signer.agent.call("Reload")
    signer.denied("base-missing", was=was)
    assert changed(signer.sign(chain)) == {("tag", "v9"): NEW, ("expiry", ""): OTHER}

    del policy.document["roots"]
    signer.agent.set_policy(policy)
    signer.agent.call("Reload")
    assert signer.agent.call("TrustedRoot", repository=signer.gun) == {
        "roots": [pin], "version": 1, "threshold": 1}
    signer.denied("base-missing", was=was)


def test_tells_which_root_it_trusts(signer, stranger):
    trusted = signer.agent.call("TrustedRoot", signer.user, repository=signer.gun)
    assert trusted == {"roots": [signer.keyid("root")], "version": 1, "threshold": 1}
    with pytest.raises(VarlinkError) as caught:
        signer.agent.call("TrustedRoot", stranger, repository=signer.gun)
    assert caught.value.parameters["reason"] == "not-granted"


def test_a_key_says_whether_it_needs_a_base(agent, client, gun, upload):
    def needs():
        return {key["needs_base"] for key in agent.call("ListKeys")["keys"]}

    assert needs() == {False}
    client.run("init", gun)
    assert needs() == {False}   # it may not be published yet
    upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1", "--role", "targets")
    assert needs() == {True}
