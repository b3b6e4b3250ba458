# SPDX-License-Identifier: Apache-2.0
"""What notary and docker trust say that is not so: each is run and seen to say it, and ours is seen to
tell the truth."""
import pytest

from rig_delegate import Delegate

QA = "targets/qa"
WRONG = "wrong passphrase"
NOTHING = f"{QA}: nothing to publish: it is so already\n"


def addhash(gun, name, digit, *more):
    return "addhash", gun, name, "100", "--sha256", 64 * digit, "-r", QA, *more


@pytest.fixture
def theirs(notary, gun):
    """A repository that notary made, with a role for somebody whose key it has."""
    gun = f"{gun}/theirs"
    notary.run("init", "-p", gun)
    notary.run("key", "rotate", gun, "snapshot", "-r")
    notary.run("delegation", "add", "-p", gun, QA, "--all-paths", Delegate(notary, "them").public)
    return gun


@pytest.fixture
def ours(client, gun):
    client.run("init", gun)
    client.run("delegation", "add", gun, QA, "agent:qa")
    return gun


@pytest.fixture
def forgetful(notary):
    """The same user of notary, who mistypes every passphrase."""
    def run(*args):
        passphrases = {name: value for name, value in notary.environment.items()
                       if name.endswith("_PASSPHRASE")}
        notary.environment |= {name: WRONG for name in passphrases}
        done = notary.try_run(*args)
        notary.environment |= passphrases
        return done
    return run


def names(table):
    return {line.split()[0] for line in table.splitlines() if QA in line}


def test_what_failed_is_not_published_by_who_comes_next(
        notary, theirs, forgetful, client, ours, agent):
    assert forgetful(*addhash(theirs, "failed", "1", "-p")).returncode != 0
    notary.run(*addhash(theirs, "good", "2", "-p"))
    assert names(notary.run("list", theirs, "-r", QA)) == {"failed", "good"}

    agent.stop()
    client.refused(5, *addhash(ours, "failed", "1"))
    agent.start()
    client.run(*addhash(ours, "good", "2"))
    assert names(client.run("list", ours, "-r", QA)) == {"good"}


def test_a_signature_that_is_not_made_is_not_said_to_be(
        notary, theirs, forgetful, client, ours, notary_server):
    """Of what is signed already, not even the key is looked at."""
    notary.run(*addhash(theirs, "v1", "1", "-p"))
    before = notary_server.document(theirs, QA)
    done = forgetful(*addhash(theirs, "v1", "1", "-p"))
    assert (done.returncode, "Successfully published" in done.stdout) == (0, True)
    assert notary_server.document(theirs, QA) == before

    client.run(*addhash(ours, "v1", "1"))
    assert client.run(*addhash(ours, "v1", "1")) == NOTHING


def test_what_is_not_there_is_not_removed(notary, theirs, client, ours):
    assert "Successfully published" in notary.run("remove", theirs, "absent", "-r", QA, "-p")
    assert "Successfully published" in notary.run(
        "delegation", "remove", theirs, "targets/absent", "--yes", "-p")
    assert client.run("remove", ours, "absent", "-r", QA) == NOTHING


def test_a_question_that_nobody_answers_is_not_success(notary, theirs, client, ours, notary_server):
    """Where there is no terminal."""
    assert "Aborting" in notary.run("key", "rotate", theirs, "root")  # which ends with 0
    assert notary_server.document(theirs, "root")["signed"]["version"] == 2  # that of its snapshot

    assert "--yes" in client.refused(2, "key", "rotate", ours, "root", "--key", "agent:root")
    assert notary_server.document(ours, "root")["signed"]["version"] == 1


def test_an_unsigned_tag_is_not_success(notary, theirs, docker, client, ours):
    (seen,) = docker.trust_inspect(f"{theirs}:unsigned")  # which ends with 0
    assert seen["SignedTags"] == []
    assert "not signed" in client.refused(4, "inspect", f"{ours}:unsigned")


def test_a_server_that_is_away_does_not_make_a_repository_unsigned(docker, client, gun):
    away = "https://127.0.0.1:1"
    said = [docker.try_run("trust", "inspect", gun, **more).stderr
            for more in ({}, {"DOCKER_CONTENT_TRUST_SERVER": away})]
    assert said[0] == said[1] and "No signatures or cannot access" in said[0]
    assert "not signed" in client.refused(4, "inspect", gun)
    assert "cannot connect" in client.refused(6, "inspect", gun, "-s", away)


@pytest.fixture
def docker_of_theirs(docker, notary, theirs):
    """docker with the keys of notary, and with a role that it signs in."""
    public = notary.directory / "them.pem"
    notary.run("delegation", "add", "-p", theirs, "targets/releases", "--all-paths", public)
    for role in (QA, "targets/releases"):
        notary.run(*addhash(theirs, "v1", "1", "-r", role))
    notary.run("publish", theirs)
    (notary.directory / "trust").rename(f"{docker.environment['DOCKER_CONFIG']}/trust")
    docker.environment["DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"] = "passphrase"
    return docker


def test_what_is_signed_is_what_the_registry_holds(
        theirs, docker_of_theirs, new_notary, client, ours, upload):
    """And not what was signed before."""
    upload(f"{theirs}:v1")
    assert "Successfully signed" in docker_of_theirs.run("trust", "sign", f"{theirs}:v1")
    assert 64 * "1" in new_notary().run("list", theirs, "-r", QA)

    upload(f"{ours}:v1", "the first image")
    client.run("sign", f"{ours}:v1")
    image = upload(f"{ours}:v1", "the second image")
    client.run("sign", f"{ours}:v1")
    assert image.hex in new_notary().run("list", ours, "-r", QA)
