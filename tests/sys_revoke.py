# SPDX-License-Identifier: Apache-2.0
"""What is revoked is trusted by nobody, or somebody is told who still does; docker, which says that it
has deleted the signature, is the reader."""
import pytest

import rig_users
from rig_terminal import Terminal

RELEASES, QA, DEVELOPER = "targets/releases", "targets/qa", "targets/developer"


@pytest.fixture
def qa(new_client, agent, policy):
    """Who has that key only."""
    user = rig_users.user(61050)
    policy["grants"]["qa"] = {"users": [user.uid], "keys": ["qa"]}
    agent.set_policy(policy)
    agent.call("Reload")
    return new_client(agent, user)


def sign(client, gun, tag, *roles):
    client.run("addhash", gun, tag, "5", "--sha256", "ab" * 32,
               *(word for role in roles for word in ("-r", role)))


def released(docker, gun):
    return {tag["SignedTag"] for tag in docker.trust_inspect(gun)[0]["SignedTags"]}


def holders(server, gun, tag):
    """The roles whose files hold the tag."""
    return {role for role in ("targets", RELEASES, QA, DEVELOPER)
            if tag in server.document(gun, role)["signed"]["targets"]}


def test_every_role_lets_go_of_a_tag_at_once(client, qa, repository, docker, notary_server):
    """docker leaves what is in targets, from before there were roles, and the roles of others."""
    for tag in ("v1", "v2"):
        sign(client, repository, tag, "targets", RELEASES, QA, DEVELOPER)
    # As with notary, this is about one role; nobody shall think that it is about all.
    assert f"'v1' is still signed in {RELEASES}, {QA}, {DEVELOPER}" in client.try_run(
        "remove", repository, "v1").stderr.replace(f"{DEVELOPER}, {QA}", f"{QA}, {DEVELOPER}")
    before = notary_server.document(repository, "snapshot")["signed"]["version"]
    assert client.run("revoke", f"{repository}:v1").endswith(
        f"Successfully deleted signature for {repository}:v1\n")
    assert notary_server.document(repository, "snapshot")["signed"]["version"] == before + 1
    assert (holders(notary_server, repository, "v1"), released(docker, repository)) == (
        set(), {"v2"})

    done = qa.try_run("revoke", f"{repository}:v2")
    assert done.returncode == 3 and "Success" not in done.stdout
    assert f"still signed in targets, {DEVELOPER}, of which" in done.stderr
    assert holders(notary_server, repository, "v2") == {"targets", DEVELOPER}
    assert released(docker, repository) == {"v2"}
    assert "nothing was changed" in qa.refused(3, "revoke", f"{repository}:v2")
    client.run("revoke", f"{repository}:v2")
    assert released(docker, repository) == set()

    assert "No valid trust data for v2" in client.refused(4, "revoke", f"{repository}:v2")
    assert "no such repository" in client.refused(4, "revoke", f"{repository}/none:v1").replace(
        "the trust server has no repository", "no such repository")
    assert "digest reference" in client.refused(2, "revoke", f"{repository}@sha256:{'ab' * 32}")


def test_all_tags_go_only_if_somebody_means_it(client, repository, docker, notary_server):
    """docker ends with 0 where nobody is there to answer, and has done nothing."""
    assert "no signed tags" in client.refused(4, "revoke", "-y", repository)
    for tag in ("v1", "v2"):
        sign(client, repository, tag, "targets", RELEASES, QA, DEVELOPER)
    assert "--yes" in client.refused(2, "revoke", repository)
    for answer, status in (("no", 130), ("", 130)):
        with Terminal(client, "revoke", repository) as terminal:
            terminal.wait_for("Type yes")
            terminal.type(answer)
            terminal.finish(status)
    assert released(docker, repository) == {"v1", "v2"}
    client.run("revoke", "-y", repository)
    assert released(docker, repository) == set()
    assert all(not holders(notary_server, repository, tag) for tag in ("v1", "v2"))


def test_a_tag_that_is_signed_meanwhile_is_revoked_too(
        client, qa, new_client, agent, repository, proxy, docker):
    sign(client, repository, "v1", RELEASES)
    late = new_client(agent)
    late.use_server(proxy.url)
    revoking = late.start("revoke", "-y", repository)
    proxy.wait_held(1)
    sign(qa, repository, "v2", QA, RELEASES)
    proxy.let_all_go()
    assert late.finish(revoking).returncode == 0
    assert released(docker, repository) == set()
