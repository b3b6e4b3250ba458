# SPDX-License-Identifier: Apache-2.0
"""The trust server keeps what is published in MariaDB or in PostgreSQL, as in production, and all is as
with its memory, or as told here."""
import hashlib
import json
import urllib.error

import pytest

from rig_database import MariaDb, PostgreSql
from rig_notary_server import NotaryServer
from rig_readers import TEAMS

DIGEST = "ab" * 32


@pytest.fixture(scope="module", params=[MariaDb, PostgreSql], ids=["MariaDB", "PostgreSQL"])
def database(request, scratch):
    try:
        database = request.param(scratch)
    except RuntimeError:
        pytest.skip("needs a machine on which an unpacked database starts")
    yield database
    database.stop()


@pytest.fixture(scope="module")
def notary_server(scratch, database):
    """In place of that of all other tests."""
    server = NotaryServer(scratch, database=database)
    yield server
    server.stop()


def changes(server, gun):
    """The server's records of what happened to a repository, the oldest first."""
    return json.loads(server.get(f"/v2/{gun}/_trust/changefeed?records=1000"))["records"]


def versions(server, gun, role):
    """All versions that the server gives out."""
    found = []
    while True:
        try:
            found.append(server.get(f"/v2/{gun}/_trust/tuf/{len(found) + 1}.{role}.json"))
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return found


def names(client, gun):
    return {line.split()[0] for line in client.run("list", gun).splitlines() if DIGEST in line}


def test_a_repository_lives_as_it_does_in_memory(
        client, repository, notary_server, upload, readers, docker, new_client, agent):
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert readers.read(repository) == {
        ("v1", role): (image.hex, image.size) for role in TEAMS}
    (tag,) = docker.trust_inspect(f"{repository}:v1")[0]["SignedTags"]
    assert sorted(tag["Signers"]) == ["developer", "devops", "qa"]

    # Keys are rotated below readers who have been there before.
    for role in ("timestamp", "snapshot"):
        client.run("key", "rotate", repository, role, "--server-managed")
        client.run("addhash", repository, role, 7, "--sha256", DIGEST, "-r", "targets/releases")
        assert names(client, repository) == names(new_client(agent), repository)
    assert len(docker.trust_inspect(repository)[0]["SignedTags"]) == 3

    # It keeps every version, and tells of each.
    timestamps = versions(notary_server, repository, "timestamp")
    told = changes(notary_server, repository)
    assert [record["SHA256"] for record in told] == \
        [hashlib.sha256(file).hexdigest() for file in timestamps]
    assert {record["Category"] for record in told} == {"update"}
    assert len(versions(notary_server, repository, "root")) == 3
    assert len(versions(notary_server, repository, "targets/releases")) == 3


def test_a_name_is_as_long_as_its_column(client, registry):
    name = f"{registry.host}/{'a' * 255}"[:255]
    client.run("init", name)
    client.run("addhash", name, "v1", 7, "--sha256", DIGEST, "-r", "targets")
    assert names(client, name) == {"v1"}
    assert "want 1 to 255" in client.refused(1, "init", f"{name}a")


def test_nobody_trusts_what_the_server_takes_for_the_same_name(client, database, notary, gun):
    """MariaDB compares names as people do; who does not look at the root would publish in what
    belongs to somebody else."""
    notary.run("init", f"{gun}/SHOP", "-p")
    end = client.try_run("init", f"{gun}/shop")
    assert end.returncode == (4 if database.group == "mariadb" else 0), end.stderr
    assert notary.run("list", f"{gun}/SHOP")


def test_a_crowd_loses_nothing(let_loose, record_property):
    record_property("summary", f"crowd: {let_loose(1, 2).summary()}")


def test_many_publish_at_once(client, repository, new_client, agent):
    """PostgreSQL has the server answer 500 where others were faster."""
    clients = [new_client(agent) for _ in range(6)]
    running = [(one, one.start("addhash", repository, f"v{n}", 7, "--sha256", DIGEST,
                               "-r", sorted(TEAMS)[n % len(TEAMS)]))
               for n, one in enumerate(clients)]
    ends = [one.finish(process) for one, process in running]
    assert not any(end.returncode for end in ends), [end.stderr for end in ends]
    assert names(client, repository) == {f"v{n}" for n in range(6)}
