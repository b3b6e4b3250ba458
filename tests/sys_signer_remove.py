# SPDX-License-Identifier: Apache-2.0
"""A signer leaves, and what he alone signed goes or stays as somebody says; docker, after whose removal
nobody could sign any more, or nothing has happened at all, is the reader."""
import pytest

from rig_document import key_id, key_object

RELEASES = "targets/releases"


@pytest.fixture
def agent(new_agent, policy):
    policy["keys"]["devops"]["scope"][0]["roles"] = ["targets/devops", "targets/twin", RELEASES]
    return new_agent(policy).start()


@pytest.fixture
def shop(client, gun):
    """developer and qa sign; each signer's key is in targets/NAME and targets/releases."""
    client.run("init", gun)
    for name in ("developer", "qa"):
        client.run("signer", "add", name, gun, "--key", f"agent:{name}")
    return gun


def sign(client, gun, tag, *roles, digest="ab"):
    client.run("addhash", gun, tag, "5", "--sha256", digest * 32,
               *(word for role in roles for word in ("-r", role)))


def released(docker, gun):
    """{tag: signers} as docker shows them; what its users can pull."""
    return {tag["SignedTag"]: sorted(tag["Signers"])
            for tag in docker.trust_inspect(gun)[0]["SignedTags"]}


def test_somebody_says_which_tags_stay(client, person, shop, docker, notary_server, token, readers):
    developer, qa = person(61041, "developer"), person(61042, "qa")
    sign(developer, shop, "both", "targets/developer", RELEASES)
    for tag in ("both", "mine", "mine2"):
        sign(qa, shop, tag, "targets/qa", RELEASES)
    sign(qa, shop, "moved", "targets/qa", RELEASES)
    sign(developer, shop, "moved", "targets/developer", digest="cd")

    before = {role: notary_server.document(shop, role)["signed"]["version"]
              for role in ("targets", RELEASES, "snapshot")}
    done = client.try_run("signer", "remove", "-f", "qa", shop)
    assert done.returncode == 2 and "3 tags of targets/releases are signed by 'qa' only" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["mine", "mine2", "moved"]
    assert "no tag 'typo'" in client.refused(2, "signer", "remove", "qa", shop, "--keep", "mine,typo")
    assert before == {role: notary_server.document(shop, role)["signed"]["version"]
                      for role in before}

    said = client.run("signer", "remove", "qa", shop, "--force", "--keep", "mine,both")
    assert "kept mine\n" in said and "not signed any more: mine2, moved\n" in said
    assert f"Successfully removed qa from {shop}" in said
    assert {role: version + 1 for role, version in before.items()} == {
        role: notary_server.document(shop, role)["signed"]["version"] for role in before}
    assert released(docker, shop) == {"both": ["developer"], "mine": ["Repo Admin"]}
    roles = {role["name"]: role["keyids"] for role in
             notary_server.document(shop, "targets")["signed"]["delegations"]["roles"]}
    assert roles.keys() == {"targets/developer", RELEASES}
    assert roles[RELEASES] == [key_id(key_object(token.public_key("developer")))]
    assert {tag for tag, _ in readers.read(shop, RELEASES)} == {"both", "mine"}
    sign(client, shop, "next", RELEASES)  # docker's way, nobody could sign any more
    assert "no signer qa for repository" in client.refused(1, "signer", "remove", "qa", shop)

    # Back with the same key, and without the tags of his former life.
    client.run("signer", "add", "qa", shop, "--key", "agent:qa")
    assert released(docker, shop) == {
        "both": ["developer"], "mine": ["Repo Admin"], "next": ["Repo Admin"]}


def test_where_nothing_is_lost_nothing_is_asked(client, person, shop, docker, readers):
    developer, qa = person(61041, "developer"), person(61042, "qa")
    for who, role in ((developer, "targets/developer"), (qa, "targets/qa")):
        sign(who, shop, "v1", role, RELEASES)
    # The file is by qa's key alone: nobody could read it any more, so others sign it again.
    client.run("signer", "remove", "qa", shop)
    assert released(docker, shop) == {"v1": ["developer"]}
    sign(developer, shop, "v2", RELEASES)
    assert {tag for tag, _ in readers.read(shop, RELEASES)} == {"v1", "v2"}


def test_who_cannot_sign_what_stays_removes_nobody(person, shop, docker, notary_server):
    admin, qa = person(61040, "targets"), person(61042, "qa")
    sign(qa, shop, "v1", "targets/qa", RELEASES)
    before = notary_server.document(shop, "targets")
    for keep in ("all", "none"):
        assert "nothing was changed" in admin.refused(
            3, "signer", "remove", "qa", shop, "--keep", keep)
    assert notary_server.document(shop, "targets") == before
    assert released(docker, shop) == {"v1": ["qa"]}


def test_the_last_signer_takes_everything_along(client, shop, docker, upload):
    sign(client, shop, "admins", "targets")
    sign(client, shop, "v1", "targets/developer", "targets/qa", RELEASES)
    client.run("signer", "remove", "qa", shop)
    done = client.try_run("signer", "remove", "developer", shop)
    assert done.returncode == 2 and "the last who signs it" in done.stderr
    assert "nobody is left to keep" in client.refused(
        2, "signer", "remove", "developer", shop, "--keep", "all")
    said = client.run("signer", "remove", "developer", shop, "--keep", "none")
    assert "only the tags of targets still are" in said
    assert released(docker, shop) == {"admins": ["Repo Admin"]}
    # With the same key again, what the server kept does not come back.
    client.run("signer", "add", "developer", shop, "--key", "agent:developer")
    assert released(docker, shop) == {"admins": ["Repo Admin"]}


def test_a_key_of_two_signers_stays(client, shop, docker):
    client.run("signer", "add", "twin", shop, "--key", "agent:devops")
    client.run("delegation", "add", shop, "targets/devops", "agent:devops")
    sign(client, shop, "v1", "targets/devops", RELEASES)
    client.run("signer", "remove", "twin", shop)
    assert released(docker, shop) == {"v1": ["devops"]}


def test_each_repository_stands_for_itself(client, shop, gun, docker):
    sign(client, shop, "v1", "targets/qa", RELEASES)
    done = client.try_run("signer", "remove", "qa", f"{gun}/none", shop, "--keep", "none")
    assert done.returncode == 1
    assert f"error removing signer from: {gun}/none" in done.stderr
    assert f"Successfully removed qa from {shop}" in done.stdout
    assert released(docker, shop) == {}
    for bad in ("releases", "Bad"):
        assert client.try_run("signer", "remove", bad, shop).returncode in (1, 2)


def test_what_comes_meanwhile_stays_unless_it_is_of_who_leaves(
        new_client, agent, person, shop, docker, proxy):
    """Both sign while the removal is under way, after the list was made."""
    developer, qa = person(61041, "developer"), person(61042, "qa")
    sign(qa, shop, "mine", "targets/qa", RELEASES)
    admin = new_client(agent)
    admin.use_server(proxy.url)
    removal = admin.start("signer", "remove", "qa", shop, "--keep", "all")
    proxy.wait_held(1)
    sign(qa, shop, "late", "targets/qa", RELEASES)
    sign(developer, shop, "others", "targets/developer", RELEASES)
    proxy.let_all_go()
    done = admin.finish(removal)
    assert done.returncode == 0, done.stderr
    assert "looking again" in done.stderr
    assert released(docker, shop) == {"mine": ["Repo Admin"], "others": ["developer"]}
