# SPDX-License-Identifier: Apache-2.0
"""A Docker engine whose user insists on content trust takes what is signed, and nothing else."""
import pytest

from rig_docker import Docker

# One process runs one engine: dockerd has files of its own outside of what it is told to use.
pytestmark = pytest.mark.xdist_group("engine")
TRUST = {"DOCKER_CONTENT_TRUST": "1"}


@pytest.fixture
def puller(scratch, notary_server, engine):
    return Docker(scratch.directory("docker"), notary_server, engine.host)


def test_takes_the_signed_tag(client, repository, upload, puller):
    image = upload(f"{repository}:v1")
    client.run("sign", f"{repository}:v1")
    assert image.digest in puller.run("pull", f"{repository}:v1", **TRUST)


def test_refuses_the_unsigned_tag(client, repository, upload, puller):
    for tag in ("v1", "unsigned"):
        upload(f"{repository}:{tag}")
    client.run("sign", f"{repository}:v1")
    done = puller.try_run("pull", f"{repository}:unsigned", **TRUST)
    assert done.returncode == 1
    assert "No valid trust data for unsigned" in done.stderr


def test_takes_the_signed_digest_of_a_tag_that_was_moved(client, repository, upload, puller):
    image = upload(f"{repository}:v1", "signed")
    client.run("sign", f"{repository}:v1")
    upload(f"{repository}:v1", "moved by somebody else")
    assert image.digest in puller.run("pull", f"{repository}:v1", **TRUST)


def test_takes_a_signed_index(client, repository, upload, puller):
    index = upload(f"{repository}:multi", architectures=("amd64", "arm64"))
    client.run("sign", f"{repository}:multi")
    assert index.digest in puller.run("pull", f"{repository}:multi", **TRUST)
