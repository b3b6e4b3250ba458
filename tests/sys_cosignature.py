# SPDX-License-Identifier: Apache-2.0
"""Documents that want the signatures of several agents, each with a token of its own: signed on one
host, carried as a file to the next, and published by whoever completes them.
"""
import base64
import json

import pytest

import rig_users
from rig_policy import Policy
from rig_readers import rows

ROLE = "targets/releases"
DIGEST = "11" * 32


class Host:
    """An agent that has some of the keys, and a user of it with a home of his own."""

    def __init__(self, client, agent, token):
        self.client, self.agent, self.token = client, agent, token
        self.run, self.refused, self.json = client.run, client.refused, client.json

    def pem(self, name):
        return self.client.write(f"{name}.pem", self.token.public_key(name))


@pytest.fixture
def new_host(new_agent, new_client, new_token, registry, sanitizer):
    """Makes a host whose agent has these keys: they are for any delegation, or for root. pins: what
    'roots' of its policy has."""
    def make(*names, roots=(), pins=None, **grant):
        token = new_token()
        policy = Policy(token, registry.host, sanitizer)
        for name in list(policy["keys"]):
            if name not in names:
                del policy["keys"][name]
            elif name in roots:
                policy["keys"][name]["scope"][0]["roles"] = ["root"]
            elif name not in ("root", "targets"):
                policy["keys"][name]["scope"][0]["roles"] = ["targets/*", "targets/*/*"]
        policy["grants"]["releaser"] |= {"keys": list(names), **grant}
        if pins:
            policy["roots"] = pins
        agent = new_agent(policy).start()
        return Host(new_client(agent), agent, token)
    return make


@pytest.fixture
def near(new_host):
    return new_host("root", "targets", "qa")


@pytest.fixture
def far(new_host):
    return new_host("developer")


@pytest.fixture
def release(near, far, gun):
    """A repository with a role that both have to sign."""
    near.run("init", gun)
    near.run("delegation", "add", gun, ROLE, "agent:qa", far.pem("developer"), "--threshold", "2")
    return gun


def carry(here, file, there):
    """The file on another host."""
    return there.client.write("carried.json", (here.client.home / file).read_text())


def seen(new_notary, new_client, gun):
    """What a fresh notary and a fresh client see, which must be the same."""
    by_notary = rows(new_notary().run("list", gun, "-r", ROLE))
    assert rows(new_client().run("list", gun, "-r", ROLE)) == by_notary
    return {name for name, _ in by_notary}


def test_two_hosts_sign_what_wants_two_signatures(release, near, far, new_notary, new_client, docker):
    error = near.refused(1, "addhash", release, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    assert "must be signed by 2 of 2 keys" in error and "--out FILE" in error

    said = near.run("addhash", release, "v1", "7", "--sha256", DIGEST, "-r", ROLE, "--out", "f")
    developer = far.json("key", "list", "--json")[0]["key"]
    assert f"{ROLE}: version 1, signed by qa; wanted: 1 more by {developer}" in said
    assert "nothing is published yet" in said
    assert not seen(new_notary, new_client, release)

    shown = near.run("cosignature", "show", "f")
    assert f"wanted: 1 more by {developer}" in shown and "tag 'v1': was not there" in shown
    # Whoever has signed it already adds nothing, and it stays as it is.
    assert "wants more" in near.run("cosignature", "add", "f")

    file = carry(near, "f", far)
    said = far.run("cosignature", "add", file)
    assert "tag 'v1': was not there" in said and f"{ROLE}: version 1, signed by developer" in said
    assert seen(new_notary, new_client, release) == {"v1"}
    assert docker.trust_inspect(f"{release}:v1")[0]["SignedTags"][0]["Digest"] == DIGEST
    for host, path in ((near, "f"), (far, file)):
        assert "published already" in host.run("cosignature", "add", path)


def change(host, path, **changes):
    """The file with other members, in a file of its own; its path. A change of "documents" gets the
    list of them and may change it."""
    content = json.loads((host.client.home / path).read_text())
    for name, value in changes.items():
        content[name] = value(content[name]) if callable(value) else value
    return host.client.write("changed.json", json.dumps(content))


def snapshot(notary_server, gun):
    """How often it was published."""
    return notary_server.document(gun, "snapshot")["signed"]["version"]


def signed_file(host, gun, name, path, *more):
    host.run("addhash", gun, name, "7", "--sha256", DIGEST, "-r", ROLE, "--out", path, *more)
    return path


def test_what_somebody_changed_on_the_way_is_signed_by_nobody(release, near, far, gun,
                                                              notary_server):
    """Nor what belongs somewhere else."""
    signed_file(near, release, "v1", "one")
    signed_file(near, release, "v2", "two")
    one, two = (json.loads((near.client.home / name).read_text()) for name in ("one", "two"))
    (document,), (other,) = one["documents"], two["documents"]
    near.run("init", f"{gun}/other")
    with_another = {**document, "message": other["message"]}
    message = base64.b64decode(document["message"])
    no_base = {**document, "base": {"version": 1, "sha256": "00" * 32}}
    cases = (
        (4, "signature by key", {"documents": [with_another]}),
        (4, "signature by key", {"documents": [{**document, "message": base64.b64encode(
            message.replace(b'"length":7', b'"length":8')).decode()}]}),
        (4, "signature by key", {"documents": [{**document, "signatures": other["signatures"]}]}),
        (4, "may not sign it", {"documents": [{**document, "signatures": [
            {**document["signatures"][0], "keyid": "00" * 32}]}]}),
        (1, "nobody delegates to it", {"repository": f"{gun}/other"}),
        (1, "second document", {"documents": [document, document]}),
        (1, "documents[0]", {"documents": [{**document, "role": "snapshot"}]}),
        (1, "documents[0]", {"documents": [{**document, "role": "root"}]}),
        (1, "second signature", {"documents": [{**document, "signatures": [
            document["signatures"][0]] * 2}]}),
        (1, "threshold", {"documents": [{**document, "threshold": 1}]}),
        (1, "more", {"more": 1}),
        (1, "a newer one made it", {"cosignature": 2}),
        (1, "no document", {"documents": []}),
        (7, "make it again", {"documents": [no_base]}),
    )
    before = notary_server.document(release, "targets")
    for status, because, changes in cases:
        path = change(near, "one", **changes)
        for verb in ("show", "add") if status == 4 else ("add",):
            error = far.refused(status, "cosignature", verb, carry(near, path, far))
            assert because in error and "carried.json" in error or ROLE in error, error
    huge = near.client.write("huge", " " * (64 * 1024 * 1024 + 1))
    assert "67108864" in near.refused(1, "cosignature", "show", huge)
    huge.unlink()
    assert notary_server.document(release, "targets") == before
    # The agent of the other host was asked for nothing.
    assert not far.run("audit", "show", "--outcome", "released")


def test_who_signs_sees_in_which_repository(release, near, far):
    """A file says nothing by its name."""
    signed_file(near, release, "v1", "f")
    assert far.run("cosignature", "add", carry(near, "f", far)).startswith(f"{release}\n")


def test_what_nobody_has_signed_is_asked_about(release, near, far, new_notary, new_client):
    signed_file(near, release, "v1", "f")
    (document,) = json.loads((near.client.home / "f").read_text())["documents"]
    path = carry(near, change(near, "f", documents=[{**document, "signatures": []}]), far)
    assert "signed by nobody" in far.run("cosignature", "show", path)
    assert "say --yes to mean it" in far.refused(2, "cosignature", "add", path)
    assert "nothing is published yet" in far.run("cosignature", "add", path, "--yes")
    near.run("cosignature", "add", carry(far, path, near))
    assert seen(new_notary, new_client, release) == {"v1"}


def test_what_others_published_since_is_not_lost(release, near, far, new_notary, new_client):
    signed_file(near, release, "v1", "one")
    signed_file(near, release, "v2", "two")
    far.run("cosignature", "add", carry(near, "two", far))
    error = far.refused(7, "cosignature", "add", carry(near, "one", far))
    assert f"{ROLE} of '{release}'" in error and "make it again" in error
    signed_file(near, release, "v1", "one")
    far.run("cosignature", "add", carry(near, "one", far))
    assert seen(new_notary, new_client, release) == {"v1", "v2"}


def test_what_slips_in_at_the_last_moment_is_not_lost(
        release, near, far, new_host, new_client, proxy, notary_server, new_notary):
    """A version below the one that was signed, by an agent with a token of the same keys."""
    signed_file(near, release, "v1", "one")
    two = carry(near, signed_file(near, release, "v2", "two"), far)
    slow = new_client(far.agent)
    slow.use_server(proxy.url)
    slow.write("two.json", two.read_text())
    adding = slow.start("cosignature", "add", "two.json", "--tlscacert",
                        notary_server.tls.certificate)
    proxy.wait_held(1)
    spare = new_host("developer")
    error = far.refused(7, "cosignature", "add", carry(near, "one", far))
    assert "has released version 2" in error
    spare.run("cosignature", "add", carry(near, "one", spare))
    assert seen(new_notary, new_client, release) == {"v1"}
    proxy.let_all_go()
    done = slow.finish(adding)
    assert done.returncode == 7 and "'two.json' has both" in done.stderr, done.stderr
    near.client.write("merged.json", (slow.home / "two.json").read_text())
    near.run("cosignature", "add", "merged.json")
    assert seen(new_notary, new_client, release) == {"v1", "v2"}


def test_an_agent_that_released_something_else_says_so(release, near, far, new_notary, new_client):
    signed_file(far, release, "v1", "mine")
    error = far.refused(7, "cosignature", "add", carry(near, signed_file(near, release, "v2", "f"),
                                                       far))
    assert "has released version 1" in error and "make it again, here first" in error
    again = signed_file(far, release, "v2", "again")
    near.run("cosignature", "add", carry(far, again, near))
    assert seen(new_notary, new_client, release) == {"v2"}


def test_a_file_is_not_lost_by_another(release, near, gun):
    near.client.write("notes.txt", "what to do")
    error = near.refused(1, "remove", release, "v1", "--out", "notes.txt", "-r", ROLE)
    assert "nothing to publish" in error or "no cosignature" in error
    signed_file(near, release, "v1", "f")
    before = (near.client.home / "f").read_text()
    near.run("init", f"{gun}/other")
    error = near.refused(1, "addhash", f"{gun}/other", "v1", "7", "--sha256", DIGEST, "--out", "f")
    assert f"is a cosignature of '{release}'" in error
    assert (near.client.home / "f").read_text() == before
    assert (near.client.home / "f").stat().st_mode & 0o777 == 0o644
    # The same again is not: who makes it again has the same command.
    signed_file(near, release, "v2", "f")
    assert not list(near.client.home.glob("f.*"))


def test_several_roles_and_hosts_in_one_file(near, far, new_host, gun, new_notary, new_client):
    """A delegation is changed and what it may sign is signed, by three hosts, all at once."""
    third = new_host("devops")
    near.run("init", gun)
    near.run("delegation", "add", gun, ROLE, "agent:qa", far.pem("developer"), third.pem("devops"),
             "--threshold", "3")
    signed_file(near, gun, "v1", "f")
    path = carry(near, "f", far)
    said = far.run("cosignature", "add", path)
    assert f"{ROLE}: version 1, signed by " in said and "wanted: 1 more by" in said
    assert "nothing is published yet" in said
    state = far.json("cosignature", "show", path, "--json")
    assert not state["complete"] and len(state["documents"][0]["signed_by"]) == 2
    third.run("cosignature", "add", carry(far, path, third))
    assert seen(new_notary, new_client, gun) == {"v1"}
    # Whoever has no key that is missing hears so.
    signed_file(near, gun, "v2", "f")
    stranger = new_host("root")
    error = stranger.refused(3, "cosignature", "add", carry(near, "f", stranger))
    assert "gives you no key that may sign it" in error


def test_a_threshold_is_raised_by_those_who_have_to_sign_then(near, far, gun, new_notary,
                                                              new_client):
    """What is published of the role has too few signatures as soon as the threshold counts: either
    both go along in one file, or the role is witnessed afterwards, by both."""
    near.run("init", gun)
    near.run("delegation", "add", gun, ROLE, "agent:qa", far.pem("developer"))
    near.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    raise_it = ("delegation", "add", gun, ROLE, "agent:qa", "--threshold", "2")
    said = near.run(*raise_it, "--out", "f")
    assert "targets: version 3, signed by targets\n" in said
    assert f"{ROLE}: version 2, signed by qa; wanted: 1 more by " in said
    assert f"threshold '{ROLE}': was 1, is 2" in near.run("cosignature", "show", "f")
    assert "nothing is published yet" in near.run("cosignature", "add", "f")
    assert seen(new_notary, new_client, gun) == {"v1"}

    assert "readers skip version 1" in near.run(*raise_it)
    assert not seen(new_notary, new_client, gun)
    near.run("witness", gun, ROLE, "--yes", "--out", "f")
    said = far.run("cosignature", "add", carry(near, "f", far))
    # Version 2, if it was made within the same second as that in the first file, and so is the same.
    assert f"{ROLE}: version" in said
    assert " after 1, which does not verify and comes back to life" in said
    assert seen(new_notary, new_client, gun) == {"v1"}


def test_who_publishes_for_others_hears_which_role_readers_skip_then(near, far, gun):
    near.run("init", gun)
    near.run("delegation", "add", gun, ROLE, far.pem("developer"), near.pem("devops"))
    far.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    developer = far.json("key", "list", "--json")[0]["key"]
    done = near.client.try_run("delegation", "remove", gun, ROLE, developer, "--out", "f")
    assert f"{ROLE}: readers skip version 1 once this is published" in done.stdout
    assert f"{ROLE}: readers skip version 1 from now on" in near.run("cosignature", "add", "f")

    # Nor does anybody say that a role is gone before it is.
    done = near.client.try_run("delegation", "remove", gun, ROLE, "--yes", "--out", "f")
    assert done.returncode == 0 and "no reader heeds" not in done.stderr


def test_a_role_and_who_may_sign_it_change_together(near, far, gun, new_notary, new_client):
    near.run("init", gun)
    near.run("delegation", "add", gun, ROLE, "agent:qa", far.pem("developer"))
    near.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    near.run("delegation", "add", gun, ROLE, "agent:qa", "--threshold", "2", "--out", "f")
    far.run("cosignature", "add", carry(near, "f", far))
    assert seen(new_notary, new_client, gun) == {"v1"}
    (role,) = near.json("delegation", "list", gun, "--json")
    assert role["threshold"] == 2 and role["version"] == 2


def test_several_keys_of_one_host_sign_at_once(new_host, gun, new_notary, new_client):
    host = new_host("root", "targets", "qa", "developer", "devops")
    host.run("init", gun)
    host.run("delegation", "add", gun, ROLE, "agent:qa", "agent:developer", "agent:devops",
             "--threshold", "2")
    said = host.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    assert "signed by qa, developer, devops" in said or "signed by" in said
    assert seen(new_notary, new_client, gun) == {"v1"}
    # With --out nothing is published, whoever has signed; then anybody may do so.
    said = host.run("addhash", gun, "v2", "7", "--sha256", DIGEST, "-r", ROLE, "--out", "f")
    assert "has all signatures" in said
    assert seen(new_notary, new_client, gun) == {"v1"}
    host.run("cosignature", "add", "f")
    assert seen(new_notary, new_client, gun) == {"v1", "v2"}


def test_every_verb_that_publishes_can_leave_it_to_others(new_host, gun, upload, notary_server):
    """Nothing is published, nor said to be; and the file is what the verb would have published."""
    here = new_host("root", "targets", "qa", "developer")
    upload(f"{gun}:v1")
    here.run("init", gun)
    qa = here.json("key", "list", "--json")
    (qa,) = [key["key"] for key in qa if key["name"] == "qa"]
    for verb in (
            ("delegation", "add", gun, "targets/qa", "agent:qa", "agent:developer"),
            ("signer", "add", "dev", gun, "--key", "agent:developer"),
            ("sign", f"{gun}:v1"),
            ("addhash", gun, "v2", "7", "--sha256", DIGEST, "-r", "targets/qa"),
            ("add", gun, "v3", here.client.write("f.txt", "f"), "-r", "targets/qa"),
            ("witness", gun, "targets/qa"),
            ("remove", gun, "v2", "-r", "targets/qa"),
            ("revoke", f"{gun}:v1", "--yes"),
            ("delegation", "purge", gun, "--key", qa),
            ("signer", "remove", "dev", gun, "--keep", "all"),
            ("delegation", "remove", gun, "targets/qa", "--yes"),
            ("key", "rotate", gun, "timestamp", "--server-managed")):
        before = snapshot(notary_server, gun)
        said = here.run(*verb, "--out", "out.json")
        assert snapshot(notary_server, gun) == before, verb
        assert "nothing is published yet: out.json has all signatures" in said, (verb, said)
        assert "Successfully" not in said, verb
        here.run("cosignature", "add", "out.json")
        assert snapshot(notary_server, gun) > before, verb
        assert "published already" in here.run("cosignature", "show", "out.json")
        (here.client.home / "out.json").unlink()
    error = here.refused(2, "init", f"{gun}/a", f"{gun}/b", "--out", "out.json")
    assert "--out takes one repository" in error


# Roots


def roots(notary_server, gun):
    document = notary_server.document(gun, "root")
    return document["signed"], len(document["signatures"])


def test_a_root_of_two_hosts(new_host, gun, new_notary, new_client, docker, notary_server):
    """Made, and its keys changed, by both: everybody who knew it follows."""
    here = new_host("root", "targets", "developer", roots={"developer"})
    vault = new_host("devops", roots={"devops"})
    certificate = here.client.write(
        "vault.pem", vault.run("key", "certificate", "devops", "--repository", gun))
    said = here.run("init", gun, "--root-key", "agent:root", "--root-key", certificate,
                    "--threshold", "2", "--out", "f")
    assert "root: version 1, signed by root; wanted: 1 more by " in said
    assert "initialized" not in said
    assert "no such repository" in here.refused(4, "list", gun)
    shown = vault.run("cosignature", "show", carry(here, "f", vault))
    assert "root: version 1, signed by" in shown and "targets: version 1" in shown
    said = vault.run("cosignature", "add", carry(here, "f", vault))
    assert "root: version 1, signed by devops" in said
    signed, n_signatures = roots(notary_server, gun)
    assert signed["roles"]["root"]["threshold"] == 2 and n_signatures == 2
    here.run("addhash", gun, "v1", "7", "--sha256", DIGEST)
    follower = new_notary()
    for reader in (follower, new_client()):
        assert set(rows(reader.run("list", gun))) == {("v1", "targets")}

    # Alone, neither host can change it.
    rotate = ("key", "rotate", gun, "root", "--key", "agent:developer", "--key", certificate, "--yes")
    assert "--out FILE" in here.refused(1, *rotate)
    said = here.run(*rotate, "--out", "f")
    assert "of the keys of the root before: 1 more by" in said
    path = carry(here, "f", vault)
    assert "key 'root'" in vault.run("cosignature", "show", path)
    vault.run("cosignature", "add", path)
    signed, n_signatures = roots(notary_server, gun)
    assert signed["version"] == 2 and n_signatures == 3
    for reader in (follower, new_notary(), new_client(), here):
        assert set(rows(reader.run("list", gun))) == {("v1", "targets")}
    assert docker.trust_inspect(f"{gun}:v1")[0]["SignedTags"][0]["Digest"] == DIGEST
    assert "published already" in here.run("cosignature", "add", "f")


def test_a_root_that_only_its_own_new_key_has_signed_is_asked_about(new_host, gun):
    """Anybody can write and sign a root that lists his own key."""
    owner = new_host("root", "targets")
    owner.run("init", gun)
    keys = {key["name"]: key["key"] for key in owner.json("key", "list", "--json")}
    stranger = new_host("devops", roots={"devops"}, pins={gun: [keys["root"]]})
    stranger.run("key", "rotate", gun, "root", "--key", "agent:devops", "--yes", "--out", "f")
    path = carry(stranger, "f", owner)
    assert "root: version 2 after 1, signed by " in owner.run("cosignature", "show", path)
    assert "say --yes" in owner.refused(2, "cosignature", "add", path)
    assert "root: version 2" in owner.run("cosignature", "add", path, "--yes")


def test_who_has_none_of_the_keys_of_a_document_leaves_it_to_others(new_host, gun, new_notary,
                                                                    new_client):
    """Whoever signs it is asked, as it is signed by nobody yet."""
    owner, team, other = new_host("root", "targets"), new_host("qa"), new_host("developer")
    owner.run("init", gun)
    owner.run("delegation", "add", gun, ROLE, owner.pem("qa"), owner.pem("developer"))
    team.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "-r", ROLE)
    said = team.run("delegation", "add", gun, ROLE, "agent:qa", "--threshold", "2", "--out", "f")
    assert "targets: version 3, signed by nobody; wanted: 1 more by " in said
    assert f"{ROLE}: version 2, signed by qa; wanted: 1 more by " in said
    path = carry(team, "f", owner)
    assert "say --yes" in owner.refused(2, "cosignature", "add", path)
    assert "nothing is published yet" in owner.run("cosignature", "add", path, "--yes")
    other.run("cosignature", "add", carry(owner, path, other))
    assert seen(new_notary, new_client, gun) == {"v1"}
    (role,) = other.json("delegation", "list", gun, "--json")
    assert role["threshold"] == 2 and role["version"] == 2


def test_who_needs_approval_comes_back_with_the_same_file(release, near, new_host, new_client,
                                                          new_notary):
    manager = rig_users.user(61021)
    far = new_host("developer", approvals={"count": 1, "users": [manager.uid]})
    path = carry(near, signed_file(near, release, "v1", "f"), far)
    error = far.refused(3, "cosignature", "add", path)
    (request,) = far.json("pending", "--json")["requests"]
    assert request["id"] in error
    assert "wanted: 1 more by" in far.run("cosignature", "show", path)
    new_client(far.agent, manager).run("approve", request["id"], "--digest",
                                       request["digest"][:8])
    far.run("cosignature", "add", path)
    assert seen(new_notary, new_client, release) == {"v1"}
