# SPDX-License-Identifier: Apache-2.0
"""Three teams sign one image with one command, and everybody else sees it."""
from rig_readers import TEAMS


def test_signs_for_all_teams_at_once(client, repository, upload, readers):
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert readers.roles_of(repository, "v1") == (set(TEAMS), image.hex)


def test_docker_names_all_signers(client, repository, upload, docker):
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    (seen,) = docker.trust_inspect(f"{repository}:v1")
    (tag,) = seen["SignedTags"]
    assert (tag["SignedTag"], tag["Digest"]) == ("v1", image.hex)
    assert set(tag["Signers"]) == {"developer", "qa", "devops"}


def test_inspect_says_what_docker_says(client, repository, upload, docker, new_client):
    upload(f"{repository}:v1")
    upload(f"{repository}:v2")
    client.run("sign", f"{repository}:v1", f"{repository}:v2")
    for image in (repository, f"{repository}:v1", f"{repository}:unsigned"):
        for options in ([], ["--pretty"]):
            ours = new_client().try_run("inspect", image, *options)
            theirs = docker.run("trust", "inspect", image, *options)
            # docker tells the signers of a tag in the order of a map, which changes.
            assert sorted(ours.stdout.split()) == sorted(theirs.split())
            assert len(ours.stdout) == len(theirs)
            # docker ends with 0 even where nothing is signed.
            assert ours.returncode == (4 if image.endswith("unsigned") else 0)


def test_signs_an_index_of_several_platforms(client, repository, upload, readers):
    index = upload(f"{repository}:multi", architectures=("amd64", "arm64", "s390x"))
    client.run("sign", f"{repository}:multi")
    seen = readers.read(repository, "targets/releases")
    assert seen == {("multi", "targets/releases"): (index.hex, index.size)}


def test_signs_several_repositories_at_once(client, gun, upload, readers):
    repositories = [f"{gun}/a", f"{gun}/b"]
    client.run("init", *repositories)
    for repository in repositories:
        client.run("delegation", "add", repository, "targets/releases", "agent:qa")
    images = {f"{repository}:{tag}": upload(f"{repository}:{tag}")
              for repository in repositories for tag in ("v1", "v2")}
    client.run("sign", *images)
    for repository in repositories:
        assert readers.read(repository, "targets/releases") == {
            (tag, "targets/releases"): (images[f"{repository}:{tag}"].hex,
                                        images[f"{repository}:{tag}"].size)
            for tag in ("v1", "v2")}


def test_publishes_each_repository_once(client, repository, upload, notary_server):
    tags = [f"v{i}" for i in range(5)]
    for tag in tags:
        upload(f"{repository}:{tag}")
    client.run("sign", *(f"{repository}:{tag}" for tag in tags))
    for role in TEAMS:
        document = notary_server.document(repository, role)["signed"]
        assert set(document["targets"]) == set(tags)
        assert document["version"] == 1


def test_signs_the_tag_without_delegations_in_targets(client, gun, upload, readers):
    client.run("init", gun)
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    assert readers.read(gun, "targets") == {("v1", "targets"): (image.hex, image.size)}


def test_refuses_a_digest_that_the_tag_does_not_have(client, repository, upload):
    upload(f"{repository}:v1")
    client.refused(4, "sign", f"{repository}:v1@sha256:{'0' * 64}")


def test_refuses_a_tag_that_is_not_in_the_registry(client, repository):
    assert "v9" in client.refused(1, "sign", f"{repository}:v9")


def test_signs_again_what_is_signed(client, repository, upload, readers):
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert readers.roles_of(repository, "v1") == (set(TEAMS), image.hex)


def test_moves_a_signed_tag(client, repository, upload, readers):
    upload(f"{repository}:v1", "one")
    client.run("sign", f"{repository}:v1")
    image = upload(f"{repository}:v1", "two")
    client.run("sign", f"{repository}:v1")
    assert readers.roles_of(repository, "v1") == (set(TEAMS), image.hex)


def test_adds_and_removes_any_target(client, repository, readers):
    client.run("addhash", repository, "file.txt", "12", "--sha256", "ab" * 32, "-r", "targets/qa")
    assert readers.read(repository) == {("file.txt", "targets/qa"): ("ab" * 32, 12)}
    client.run("remove", repository, "file.txt", "-r", "targets/qa")
    assert readers.read(repository) == {}


def test_adds_a_signer_as_docker_does(client, gun, upload, docker):
    client.run("signer", "add", "qa", gun, "--key", "agent:qa")
    upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    (seen,) = docker.trust_inspect(f"{gun}:v1")
    assert [tag["Signers"] for tag in seen["SignedTags"]] == [["qa"]]


def test_tells_the_root_to_pin(client, repository, docker):
    (seen,) = docker.trust_inspect(repository)
    (root,) = [keys for keys in seen["AdministrativeKeys"] if keys["Name"] == "Root"]
    assert root["Keys"][0]["ID"] in client.run("root-id", repository)


def test_refuses_to_make_a_repository_twice(client, repository):
    client.refused(1, "init", repository)
