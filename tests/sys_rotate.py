# SPDX-License-Identifier: Apache-2.0
"""Keys of the base roles are replaced, and everybody follows: who has cached an older root, and who
comes for the first time; notary, docker, ours, and the agent itself."""
import pytest

from rig_docker import Docker
from rig_publisher import new_private_key, private_pem

DIGEST = "ab" * 32
MORE = {"root2": "root", "root3": "root", "targets2": "targets"}


@pytest.fixture
def token(new_token):
    token = new_token()
    for name in MORE:
        token.take_key(name, private_pem(new_private_key()))
    return token


@pytest.fixture
def policy(policy, token):
    """The usual one, with more keys for the same roles."""
    for name, role in MORE.items():
        policy["keys"][name] = policy["keys"][role] | {"uri": token.key_uri(name)}
        policy["grants"]["releaser"]["keys"].append(name)
    return policy


class Crowd:
    """Readers with caches, and each time a new one of each kind."""

    def __init__(self, gun, new_notary, new_client, new_docker):
        self.gun = gun
        self._new = [new_notary, new_client, new_docker]
        self._old = []

    def read(self):
        """All see the tag v1; what they saw is in their caches from then on."""
        self._old += [new() for new in self._new]
        for reader in self._old:
            if hasattr(reader, "trust_inspect"):
                (tag,) = reader.trust_inspect(self.gun)[0]["SignedTags"]
                assert (tag["SignedTag"], tag["Digest"]) == ("v1", DIGEST)
            else:
                assert "v1" in reader.run("list", self.gun)


@pytest.fixture
def new_docker(scratch, notary_server):
    return lambda: Docker(scratch.directory("docker"), notary_server)


@pytest.fixture
def crowd(gun, new_notary, new_client, new_docker):
    return Crowd(gun, new_notary, new_client, new_docker)


@pytest.fixture
def repository(client, gun):
    client.run("init", gun, "--root-key", "agent:root", "--targets-key", "agent:targets")
    client.run("addhash", gun, "v1", "7", "--sha256", DIGEST, "--role", "targets")
    return gun


def versions(server, gun):
    return {role: server.document(gun, role)["version"]
            for role in ("root", "targets", "snapshot", "timestamp")}


def test_root_keys_follow_each_other_and_so_do_all_readers(client, repository, crowd):
    crowd.read()
    for key in ("root2", "root3", "root"):
        said = client.run("key", "rotate", repository, "root", "--key", f"agent:{key}", "--yes")
        print(said)
        crowd.read()
