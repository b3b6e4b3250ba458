# SPDX-License-Identifier: Apache-2.0
"""A repository is deleted, here or on the trust server, and made again with the root certificate that
the agent has kept."""
import urllib.error

import pytest

from rig_docker import Docker

DIGEST = "ab" * 32


@pytest.fixture
def repository(client, gun):
    client.run("init", gun)
    for tag in ("v1", "v2"):
        client.run("addhash", gun, tag, "7", "--sha256", DIGEST, "--role", "targets")
    return gun


def cached(client, gun):
    return {str(path.relative_to(client.home / ".docker" / "trust" / "tuf"))
            for path in (client.home / ".docker" / "trust" / "tuf" / gun).rglob("*") if path.is_file()}


def is_there(server, gun):
    try:
        server.get(f"/v2/{gun}/_trust/tuf/root.json")
    except urllib.error.HTTPError as problem:
        assert problem.code == 404
        return False
    return True


def test_what_this_machine_knows_of_it_goes_and_nothing_else(client, repository, notary_server):
    client.run("delegation", "add", repository, "targets/qa", "agent:qa")
    client.run("addhash", repository, "v1", "7", "--sha256", DIGEST, "--role", "targets/qa")
    below = f"{repository}/metadata"  # a name that looks like a directory of the cache
    client.run("init", below)
    before = cached(client, f"{below}/metadata")
    assert len(before) == 4
    assert f"{repository}/metadata/targets/qa.json" in cached(client, repository)

    said = client.run("delete", repository)
    assert "5 files" in said and f"tuf/{repository}" in said
    assert cached(client, repository) == before
    assert is_there(notary_server, repository)
    assert "no copy" in client.run("delete", repository)
    assert DIGEST in client.run("list", repository)  # which trusts on first use again, or the pin

    client.run("delete", below)
    client.run("delete", repository)
    assert not (client.home / ".docker" / "trust" / "tuf" / repository).exists()


def test_the_server_s_goes_only_after_a_question(client, repository, notary_server):
    said = client.refused(2, "delete", repository, "--remote")
    assert "--yes" in said and "name begins with" in said
    assert is_there(notary_server, repository) and cached(client, repository)
    assert "--remote" in client.refused(2, "delete", repository, "--retire")

    said = client.run("delete", repository, "--remote", "-y")
    assert f"'{repository}' is deleted on {notary_server.url}" in said
    assert not is_there(notary_server, repository) and not cached(client, repository)
    client.run("delete", repository, "--remote", "-y")  # again, which a server takes for done


def test_nothing_is_deleted_for_who_may_not_retire_it(person, repository, notary_server):
    somebody = person(61047, "qa")
    somebody.run("list", repository)
    error = somebody.refused(3, "delete", repository, "--remote", "--retire", "--yes")
    assert "'admins'" in error and "nothing was done" in error
    assert is_there(notary_server, repository) and cached(somebody, repository)


def test_made_again_with_the_same_certificate_old_readers_follow(
        client, new_client, agent, repository, new_notary, scratch, notary_server):
    notary, docker = new_notary(), Docker(scratch.directory("docker"), notary_server)
    ours = new_client(agent)
    readers = [lambda: notary.try_run("list", repository),
               lambda: docker.try_run("trust", "inspect", repository)]
    for read in (*readers, lambda: ours.try_run("list", repository)):
        assert read().returncode == 0
    before = notary_server.document(repository, "root")["signed"]

    said = client.run("delete", repository, "--remote", "--retire", "--yes")
    assert "is retired" in said
    client.run("init", repository)
    after = notary_server.document(repository, "root")["signed"]
    assert before["roles"]["root"] == after["roles"]["root"] and after["version"] == 1
    assert notary_server.document(repository, "targets")["signed"]["version"] > 3
    client.run("addhash", repository, "v1", "7", "--sha256", DIGEST, "--role", "targets")

    # What the server signs begins at version 1 again, which notary's code takes for a rollback: once,
    # as it keeps the new root, under which its copies of the old files do not verify.
    for read in readers:
        assert read().returncode == 1
        done = read()
        assert done.returncode == 0 and DIGEST in done.stdout, done.stderr

    # Ours takes no other root of a version that it knows.
    assert "was made anew" in ours.refused(4, "list", repository)
    ours.run("delete", repository)
    assert DIGEST in ours.run("list", repository)


def test_not_retired_the_agent_signs_no_other_first_root(client, repository, notary_server):
    client.run("delete", repository, "--remote", "--yes")
    said = client.refused(3, "init", repository)
    assert f"countersign retire {repository}" in said
    assert not is_there(notary_server, repository)
    client.run("retire", repository)
    client.run("init", repository)
