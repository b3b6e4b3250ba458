# SPDX-License-Identifier: Apache-2.0
"""The use cases of the manual of Docker Content Trust: developer, qa and devops sign what becomes a
release, and docker and notary read it."""
import subprocess

import pytest

from rig_process import environment
from rig_readers import TEAMS

RELEASES = "targets/releases"


@pytest.fixture
def host_of(policy, new_agent, new_client):
    """Another machine: an agent of its own that has one team's key only."""
    def make(team):
        own = policy.copy()
        own["keys"] = {team: own["keys"][team]}
        own["grants"]["releaser"] = own["grants"]["releaser"] | {"keys": [team], "delegate": False}
        return new_client(new_agent(own).start())
    return make


@pytest.fixture
def docker_sees(docker):
    """{tag: (digest, signers)}"""
    return lambda gun: {tag["SignedTag"]: (tag["Digest"], set(tag["Signers"]))
                        for tag in docker.trust_inspect(gun)[0]["SignedTags"]}


def pull(reference, directory):
    """An image from the registry, as an OCI layout."""
    done = subprocess.run(
        ["/usr/bin/skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{reference}",
         f"oci:{directory}:pulled"], env=environment(HOME=str(directory)), timeout=60,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    directory.chmod(0o755)


def test_several_keys_on_several_clients(repository, upload, host_of, scratch, docker_sees, readers):
    """The developer pushes; qa pulls, tests, and pushes the same image again: there are two
    signatures under one digest."""
    image = upload(f"{repository}:v1")
    developer, qa = host_of("developer"), host_of("qa")
    developer.run("sign", f"{repository}:v1")
    assert docker_sees(repository) == {"v1": (image.hex, {"developer"})}

    pulled = scratch.directory("pulled")
    pull(f"{repository}:v1", pulled)
    said = qa.run("push", "--from", f"oci:{pulled}:pulled", f"{repository}:v1")
    assert f"@{image.digest}" in said
    assert docker_sees(repository) == {"v1": (image.hex, {"developer", "qa"})}
    assert readers.roles_of(repository, "v1") == (
        {RELEASES, "targets/developer", "targets/qa"}, image.hex)


def test_several_keys_on_one_client(repository, client, upload, docker_sees, readers):
    """All that match sign; or those of one role, or one key."""
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert docker_sees(repository) == {"v1": (image.hex, {"developer", "qa", "devops"})}

    upload(f"{repository}:v2")
    client.run("sign", f"{repository}:v2", "--role", "targets/qa")
    assert readers.roles_of(repository, "v2")[0] == {"targets/qa"}

    upload(f"{repository}:v3")
    client.run("sign", f"{repository}:v3", "--key", "agent:devops")
    assert readers.roles_of(repository, "v3")[0] == {RELEASES, "targets/devops"}


def test_several_keys_on_one_client_of_which_some_are_granted(
        policy, new_agent, new_client, gun, upload, docker_sees, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa", "devops"]}
    agent = new_agent(policy).start()
    admin = new_client(agent)
    admin.run("init", gun)
    for role, keys in TEAMS.items():
        admin.run("delegation", "add", gun, role, *(f"agent:{key}" for key in keys))
    image = upload(f"{gun}:v1")
    new_client(agent, tester).run("sign", f"{gun}:v1")
    assert docker_sees(gun) == {"v1": (image.hex, {"qa", "devops"})}


def test_signing_after_the_image_is_in_the_registry(repository, client, upload, docker_sees):
    """Digest and size are found; or they are given by hand, as with notary."""
    images = [upload(f"{repository}:{tag}") for tag in ("found", "given")]
    client.run("sign", f"{repository}:found")
    client.run("addhash", repository, "given", images[1].size, "--sha256", images[1].hex,
               "-r", f"{RELEASES},targets/devops")
    assert docker_sees(repository) == {
        "found": (images[0].hex, {"developer", "qa", "devops"}),
        "given": (images[1].hex, {"devops"})}


def test_one_set_of_delegations_for_three_teams(gun, client, notary, host_of, upload, docker_sees):
    """Each team signs in targets/releases and in its own role, one after the other, and is seen as
    soon as it has signed."""
    client.run("init", gun)
    for role, keys in TEAMS.items():
        client.run("delegation", "add", gun, role, *(f"agent:{key}" for key in keys))
    image, signers = upload(f"{gun}:v1"), set()
    for team in ("developer", "qa", "devops"):
        host_of(team).run("sign", f"{gun}:v1")
        signers.add(team)
        assert docker_sees(gun) == {"v1": (image.hex, signers)}
        assert image.hex in notary.run("list", gun, "-r", f"targets/{team}")


def test_a_digest_that_changed_is_not_signed_by_those_who_signed_the_old_one(
        repository, client, host_of, upload, docker_sees, notary):
    old = upload(f"{repository}:v1", "old")
    client.run("sign", f"{repository}:v1")
    new = upload(f"{repository}:v1", "new")
    host_of("developer").run("sign", f"{repository}:v1")
    assert docker_sees(repository) == {"v1": (new.hex, {"developer"})}
    assert old.hex in notary.run("list", repository, "-r", "targets/qa")

    client.run("sign", f"{repository}:v1")
    assert docker_sees(repository) == {"v1": (new.hex, {"developer", "qa", "devops"})}


def test_removal_of_a_signer(repository, client, upload, docker_sees, new_notary):
    """What he signed with others stays; of what he signed alone somebody says whether it stays."""
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    alone = upload(f"{repository}:v2")
    client.run("sign", f"{repository}:v2", "--key", "agent:qa")

    done = client.try_run("signer", "remove", "qa", repository)
    assert (done.returncode, f"v2 sha256:{alone.hex}" in done.stdout) == (2, True)
    client.run("signer", "remove", "qa", repository, "--keep", "v1")
    assert docker_sees(repository) == {"v1": (image.hex, {"developer", "devops"})}
    shown = new_notary().run("list", repository, "-r", RELEASES)
    assert image.hex in shown and alone.hex not in shown
    assert "targets/qa" not in new_notary().run("delegation", "list", repository)
    # Who remains goes on signing.
    client.run("sign", f"{repository}:v2")
    assert docker_sees(repository)["v2"] == (alone.hex, {"developer", "devops"})


def test_loss_of_a_key(repository, client, host_of, upload, docker_sees, new_notary):
    """The key is taken away, and the other ones sign what it had signed: in the same publication, so
    that readers see it all the time. The lost key signs nothing any more."""
    image = upload(f"{repository}:v1")
    developer = host_of("developer")
    developer.run("sign", f"{repository}:v1")

    client.run("delegation", "remove", repository, RELEASES, "agent:developer")
    assert docker_sees(repository) == {"v1": (image.hex, {"developer"})}
    assert image.hex in new_notary().run("list", repository, "-r", RELEASES)

    client.run("delegation", "remove", repository, "targets/developer", "--yes")
    assert docker_sees(repository)["v1"][0] == image.hex
    new = upload(f"{repository}:v1", "new")
    developer.refused(3, "sign", f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert docker_sees(repository) == {"v1": (new.hex, {"qa", "devops"})}


def test_loss_of_a_key_whose_role_nobody_else_here_can_sign(
        repository, client, new_client, new_agent, policy, token, upload, docker_sees):
    """Who may delegate, and has no other key of the role, takes the lost one away. Readers skip the
    role then, and it is said that they do; who has another key witnesses it."""
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1", "--role", RELEASES, "--key", "agent:developer")
    assert docker_sees(repository)["v1"][0] == image.hex

    own = policy.copy()
    own["keys"] = {"targets": own["keys"]["targets"]}
    own["grants"]["releaser"] = own["grants"]["releaser"] | {"keys": ["targets"]}
    admin = new_client(new_agent(own).start())
    key = admin.write("developer.pem", token.public_key("developer"))
    said = admin.run("delegation", "remove", repository, RELEASES, key)
    assert f"who may sign the role runs 'countersign witness {repository} {RELEASES}'" in said
    assert docker_sees(repository) == {}

    assert "--yes" in client.refused(2, "witness", repository, RELEASES)
    client.run("witness", repository, RELEASES, "--yes")
    assert docker_sees(repository)["v1"][0] == image.hex
