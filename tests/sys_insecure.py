# SPDX-License-Identifier: Apache-2.0
"""Registries without TLS: those that docker's daemon.json lists, and no others."""
import pytest
from rig_image import Image
from rig_policy import Policy
from tokenserver import Front

HOST = "192.0.2.7:5000"  # RFC 5737: nobody has it


class Way(Front):
    """The proxy by which the client gets out of its network, and to the registry there."""

    def __init__(self, registry):
        super().__init__(registry.port)
        self.requests = []

    def intercept(self, handler):
        self.requests.append(handler.path)
        return False


@pytest.fixture
def way(registry):
    with Way(registry) as way:
        yield way


def test_goes_to_those_that_docker_lists_without_tls_and_to_no_others(
        way, new_agent, new_client, token, sanitizer, scratch, request):
    gun = f"{HOST}/{request.node.name}"
    image = Image(scratch.directory("image"), gun)
    image.directory.chmod(0o755)
    client = new_client(new_agent(Policy(token, HOST, sanitizer)).start())
    client.environment.update(http_proxy=way.url, https_proxy=way.url)
    push = ("push", "--from", f"oci:{image.directory}", f"{gun}:v1")
    (client.home / ".config/docker").mkdir(parents=True)
    client.run("init", gun)

    def lists(text):
        client.write(".config/docker/daemon.json", text)

    assert f"https://{HOST}/" in client.refused(6, *push)
    lists('{"insecure-registries": ["192.0.3.0/24", "192.0.2.7:5001"]}')
    assert f"https://{HOST}/" in client.refused(6, *push)
    lists('{"insecure-registries": "192.0.2.0/24"}')
    assert f"{client.home}/.config/docker/daemon.json" in client.refused(1, *push)
    assert way.requests == []

    lists('{"insecure-registries": ["192.0.2.0/24"]}')
    assert f"{gun}:v1@{image.digest}" in client.run(*push)
    assert {path.startswith(f"http://{HOST}/v2/") for path in way.requests} == {True}
    assert image.hex in client.run("list", gun)
