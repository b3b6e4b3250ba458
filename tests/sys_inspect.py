# SPDX-License-Identifier: Apache-2.0
"""inspect and list, against docker and notary: the same bytes for the same repository."""
import hashlib

import pytest
from rig_delegate import Delegate


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Repository:
    """A repository made by notary."""

    def __init__(self, notary, gun):
        self.notary, self.gun, self.delegates = notary, gun, {}
        notary.run("init", gun, "-p")

    def delegate(self, role, *delegates, paths="--all-paths"):
        args = [delegate.public for delegate in delegates]
        self.notary.run("delegation", "add", self.gun, role, *args,
                        *([paths] if paths == "--all-paths" else ["--paths", paths]))

    def sign(self, tag, *roles, text=None, size=523):
        args = [arg for role in roles for arg in ("-r", role)]
        self.notary.run("addhash", self.gun, tag, str(size), "--sha256", digest(text or tag), *args)

    def publish(self):
        self.notary.run("publish", self.gun)


@pytest.fixture
def new_delegate(notary):
    """Makes a key that notary can sign with: new_delegate(role, certified)."""
    return lambda *args, **kwargs: Delegate(notary, *args, **kwargs)


@pytest.fixture
def repository(notary, gun):
    return Repository(notary, gun)


@pytest.fixture
def reader(new_client):
    return new_client()


def same_as_docker(reader, docker, *images):
    """docker trust inspect and ours print the same, plain and --pretty. Their exit statuses."""
    theirs, ours = docker.try_run("trust", "inspect", *images), reader.try_run("inspect", *images)
    assert ours.stdout == theirs.stdout
    pretty = docker.try_run("trust", "inspect", "--pretty", *images)
    ours_pretty = reader.try_run("inspect", "--pretty", *images)
    assert ours_pretty.stdout == pretty.stdout
    return theirs.returncode, ours.returncode


def test_a_repository_without_tags(repository, docker, reader):
    repository.publish()
    assert same_as_docker(reader, docker, repository.gun) == (0, 0)


def test_tags_of_the_base_role_in_natural_order(repository, docker, reader):
    for tag in ("latest", "v10", "v2", "v1", "v1.10", "v1.9", "V1", "01", "1", "v01", "a_b", "a.b",
                "a-b", "18446744073709551617", "18446744073709551616", "x<y>&z", "ähnlich"):
        repository.sign(tag)
    repository.publish()
    assert same_as_docker(reader, docker, repository.gun) == (0, 0)


@pytest.fixture
def teams(repository, new_delegate):
    """Several signers, plain keys and certificates, nested roles, tags here and there."""
    alice, bob = new_delegate("alice"), new_delegate("bob", kind="certificate", algorithm="rsa")
    carol, dave = new_delegate("carol", kind="certificate"), new_delegate("dave")
    repository.delegate("targets/alice", alice)
    repository.delegate("targets/releases", alice, bob, carol)
    repository.delegate("targets/bob", bob)
    repository.delegate("targets/qa", carol, dave, paths="v1,w")
    repository.delegate("targets/alice2", alice)
    repository.delegate("targets/alice10", alice)
    repository.delegate("targets/idle", dave)
    repository.sign("old")
    repository.sign("both", "targets", "targets/alice", "targets/releases")
    repository.sign("v1", "targets/releases", "targets/bob", "targets/alice10", "targets/alice",
                    "targets/qa", "targets/alice2")
    repository.sign("v10", "targets/releases", "targets/qa")
    repository.sign("v9", "targets/releases", "targets/bob")
    repository.sign("v9", "targets/alice", text="another v9")
    repository.sign("staged", "targets/bob")
    repository.publish()
    repository.delegate("targets/alice/night", dave)
    repository.publish()
    repository.sign("v1", "targets/alice/night")
    repository.sign("w", "targets/alice/night")
    repository.publish()
    return repository


def test_several_signers(teams, docker, reader):
    assert same_as_docker(reader, docker, teams.gun) == (0, 0)
    for tag in ("v1", "v9", "both", "old"):
        assert same_as_docker(reader, docker, f"{teams.gun}:{tag}") == (0, 0)


def test_several_arguments_in_any_form(teams, docker, reader):
    images = [f"{teams.gun}:v9", teams.gun, f"{teams.gun}@sha256:{digest('v9')}",
              f"{teams.gun}:v9@sha256:{digest('v1')}"]
    assert same_as_docker(reader, docker, *images) == (0, 0)


@pytest.mark.parametrize("tag", ["staged", "absent"])
def test_a_tag_that_is_not_signed(teams, docker, reader, tag):
    # docker has no exit status for it, and so every script has to look for the empty list.
    assert same_as_docker(reader, docker, f"{teams.gun}:{tag}") == (0, 4)
    image = f"{teams.gun}:{tag}"
    assert f"'{image}' is not signed" in reader.refused(4, "inspect", image)


def test_a_tag_that_was_taken_back(teams, docker, reader):
    teams.notary.run("remove", teams.gun, "v9", "-r", "targets/releases")
    teams.notary.run("remove", teams.gun, "old")
    teams.publish()
    assert same_as_docker(reader, docker, teams.gun) == (0, 0)
    assert same_as_docker(reader, docker, f"{teams.gun}:v9") == (0, 4)


def test_a_tag_with_two_digests(teams, docker, reader):
    teams.sign("v1", text="another v1")
    teams.publish()
    theirs = docker.trust_inspect(f"{teams.gun}:v1")[0]["SignedTags"]
    ours = reader.json("inspect", f"{teams.gun}:v1")[0]["SignedTags"]
    # Docker lists them in the order of a Go map, that is in none.
    assert sorted(map(str, ours)) == sorted(map(str, theirs))
    assert ours[0]["Digest"] == digest("v1")


def test_a_role_that_does_not_verify_any_more(teams, new_delegate, docker, reader):
    """As after a signer left: what he signed in targets/releases is gone for everybody."""
    teams.delegate("targets/alice", new_delegate("eve"))
    alice = reader.json("inspect", teams.gun)[0]["Signers"][-1]["Keys"][0]["ID"]
    teams.notary.run("delegation", "remove", teams.gun, "targets/alice", alice)
    teams.publish()
    assert same_as_docker(reader, docker, teams.gun) == (0, 0)
    notes = reader.try_run("inspect", teams.gun).stderr
    assert "readers skip targets/alice, as it does not verify" in notes


def test_a_tag_outside_the_paths_of_its_role(repository, new_delegate, docker, reader):
    repository.delegate("targets/releases", new_delegate("alice"), paths="v,x")
    repository.sign("v1", "targets/releases")
    repository.sign("x1", "targets/releases")
    repository.publish()
    repository.notary.run("delegation", "remove", repository.gun, "targets/releases", "--paths",
                          "x")
    repository.publish()
    assert same_as_docker(reader, docker, repository.gun) == (0, 0)
    assert same_as_docker(reader, docker, f"{repository.gun}:x1") == (0, 4)
    notes = reader.try_run("inspect", repository.gun).stderr
    assert "'x1' is outside the paths of targets/releases: nobody will pull it" in notes
    assert "v1" not in notes


def test_repositories_that_cannot_be_read(teams, docker, reader, registry):
    absent = f"{registry.host}/nobody/knows"
    assert same_as_docker(reader, docker, absent) == (1, 4)
    assert same_as_docker(reader, docker, f"{teams.gun}:v1", absent, f"{teams.gun}:v9") == (1, 4)
    assert same_as_docker(reader, docker, "Upper/Case", teams.gun) == (1, 1)
    said = reader.refused(4, "inspect", absent)
    assert f"'{absent}' is not signed: https://" in said and "has no such repository" in said
    reader.use_server("https://127.0.0.1:1")
    assert "127.0.0.1:1" in reader.refused(6, "inspect", teams.gun)
    assert reader.try_run("inspect", teams.gun).stdout == "[]\n"


def same_as_notary(reader, notary, gun, *roles):
    theirs = notary.run("list", gun, *[arg for role in roles for arg in ("-r", role)])
    ours = reader.run("list", *[arg for role in roles for arg in ("-r", role)], gun)
    assert ours == theirs


def test_list_without_targets(repository, notary, reader):
    repository.publish()
    same_as_notary(reader, notary, repository.gun)


def test_list_of_the_whole_tree_and_of_roles(teams, notary, reader):
    teams.sign("ähnlich", size=1234567890123)
    teams.publish()
    for roles in ((), ("targets",), ("targets/releases",), ("targets/alice",),
                  ("targets/alice/night",), ("targets/alice/night", "targets/alice"),
                  ("targets/bob", "targets/alice"), ("targets/bob,targets/alice2",),
                  ("targets/alice", "targets"), ("targets/idle",), ("targets/nobody",), ("qa",)):
        same_as_notary(reader, notary, teams.gun, *roles)


def test_list_says_which_role_is_not_there(teams, reader):
    done = reader.try_run("list", teams.gun, "-r", "targets/nobody")
    assert done.returncode == 0
    assert f"'{teams.gun}' has no role 'targets/nobody'" in done.stderr


def test_list_for_programs(teams, reader):
    targets = reader.json("list", "--json", teams.gun, "-r", "targets/bob")
    assert targets[-1] == {"name": "v9", "sha256": digest("v9"), "size": 523, "role": "targets/bob"}
    assert [target["name"] for target in targets] == ["staged", "v1", "v9"]


def test_delegation_list(teams, new_delegate, notary, reader):
    teams.delegate("targets/paths", new_delegate("erin"), paths="x,b,a")
    notary.run("delegation", "add", teams.gun, "targets/nothing", new_delegate("frank").public)
    teams.publish()
    assert reader.run("delegation", "list", teams.gun) == \
        notary.run("delegation", "list", teams.gun)


def test_delegation_list_without_delegations(repository, notary, reader):
    assert reader.run("delegation", "list", repository.gun) == \
        notary.run("delegation", "list", repository.gun)


def test_list_of_what_is_not_there(reader, registry):
    assert "not signed" in reader.refused(4, "list", f"{registry.host}/nobody/knows")
