# SPDX-License-Identifier: Apache-2.0
"""Servers that ask who is there: by token or by password, for the registry and the trust server."""
import base64
import json

import pytest

from rig_image import Image
from rig_notary_server import NotaryServer
from rig_policy import Policy
from rig_registry import Registry
from tokenserver import Authority, BasicFront, TokenServer

SECRETS = {"alice": "open:sesame", "reader": "only-look", "pusher": "in-and-out"}
RIGHTS = {"alice": ["pull", "push", "*"], "reader": ["pull"], "pusher": ["pull", "push"]}
IDENTITY = "an-identity-token"


def basic(user):
    return base64.b64encode(f"{user}:{SECRETS[user]}".encode()).decode()


class World:
    """A registry and a trust server that ask for authentication, and an agent for them."""

    def __init__(self, registry, server, authority, name):
        self.registry, self.server, self.authority = registry, server, authority
        self.gun = f"{registry.host}/{name}"


@pytest.fixture(scope="session")
def authority(scratch):
    return Authority(scratch.directory("authority"))


@pytest.fixture(scope="session")
def token_server(authority):
    with TokenServer(authority, SECRETS, RIGHTS, {IDENTITY: "alice"}) as server:
        yield server


@pytest.fixture(scope="session")
def token_registry(scratch, token_server):
    registry = Registry(scratch, token_server.registry_auth())
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def token_notary_server(scratch, token_server):
    server = NotaryServer(scratch, token_server.notary_auth())
    yield server
    server.stop()


@pytest.fixture
def world(token_registry, token_notary_server, authority, request):
    return World(token_registry, token_notary_server, authority, request.node.name)


@pytest.fixture
def new_user(new_agent, new_client, token, sanitizer, world):
    """Makes a user of that world, with docker's configuration file."""
    agent = new_agent(Policy(token, world.registry.host, sanitizer)).start()

    def make(config=None):
        client = new_client(agent, server=world.server)
        client.believe(world.authority.certificate_file)
        if config:
            client.write(".docker/config.json", json.dumps(config))
        return client
    return make


def auths(world, entry):
    return {"auths": {host: entry for host in (world.registry.host, world.server.host)}}


@pytest.fixture
def image(world, scratch):
    image = Image(scratch.directory("image"), world.gun)
    world.registry.push(image, f"{world.gun}:v1", credentials=f"alice:{SECRETS['alice']}")
    return image


def signs(client, gun, image):
    """The road, with whatever credentials the client has."""
    client.run("init", gun)
    client.run("sign", f"{gun}:v1")
    assert image.hex in client.run("list", gun)


def test_signs_with_a_password(world, new_user, image, token_server):
    token_server.requests.clear()
    signs(new_user(auths(world, {"auth": basic("alice")})), world.gun, image)
    scopes = {request.scope for request in token_server.requests}
    # The trust server's repositories have the registry's name in them, the registry's have not.
    name = world.gun.split("/", 1)[1]
    assert {f"repository:{world.gun}:push,pull", f"repository:{name}:pull"} <= scopes
    assert {request.user for request in token_server.requests} == {"alice"}


def test_signs_with_an_identity_token(world, new_user, image, token_server):
    token_server.requests.clear()
    entry = {"auth": base64.b64encode(b"alice:").decode(), "identitytoken": IDENTITY}
    signs(new_user(auths(world, entry)), world.gun, image)
    assert {request.method for request in token_server.requests} == {"POST"}


def test_pushes_with_tokens_that_are_too_old_and_with_layers_from_elsewhere(
        world, new_user, image, token_server):
    """The identity token is shown as a password, as this realm knows no POST."""
    entry = {"auth": base64.b64encode(b"alice:").decode(), "identitytoken": IDENTITY}
    client = new_user(auths(world, entry))
    image.directory.chmod(0o755)
    other, name = f"{world.gun}/other", world.gun.split("/", 1)[1]
    both = f"repository:{name}/other:pull,push repository:{name}:pull"
    token_server.requests.clear()
    token_server.is_post_known = False
    token_server.stale = {f"repository:{name}/other:pull,push", both}
    try:
        client.run("init", other)
        done = client.try_run("push", "--from", f"registry:{world.gun}:v1", f"{other}:v1")
    finally:
        token_server.is_post_known = True
    assert done.returncode == 0, done.stderr
    assert f"{other}:v1@{image.digest}" in done.stdout
    assert {request.method for request in token_server.requests} == {"GET"}
    assert token_server.stale == set()
    assert [request.scope for request in token_server.requests].count(both) >= 2


def test_signs_with_a_credential_helper(world, new_user, image):
    client = new_user({"credsStore": "test"})
    helper = client.home / "helpers"
    helper.mkdir()
    client.write("helpers/docker-credential-test", mode=0o755, text=(
        '#!/bin/sh\nread -r host\n'
        f'printf \'{{"ServerURL":"%s","Username":"alice","Secret":"{SECRETS["alice"]}"}}\' "$host"\n'))
    client.environment["PATH"] = f"{helper}:{client.environment['PATH']}"
    signs(client, world.gun, image)


def test_says_what_a_helper_says_that_fails(world, new_user):
    client = new_user({"credsStore": "test"})
    helper = client.home / "helpers"
    helper.mkdir()
    client.write("helpers/docker-credential-test", mode=0o755,
                 text="#!/bin/sh\necho the keychain is locked\nexit 1\n")
    client.environment["PATH"] = f"{helper}:{client.environment['PATH']}"
    assert "the keychain is locked" in client.refused(6, "init", world.gun)


def test_signs_with_the_variable_of_notary(world, new_user, image):
    client = new_user({"auths": {world.registry.host: {"auth": basic("alice")}}})
    client.environment["NOTARY_AUTH"] = basic("alice")
    signs(client, world.gun, image)


def test_the_variable_of_notary_is_for_trust_servers_only(world, new_user, image, token_server):
    """And it may be what a shell makes of a line, as notary takes it."""
    client = new_user({"auths": {world.registry.host: {"auth": basic("reader")}}})
    client.environment["NOTARY_AUTH"] = base64.encodebytes(
        f"alice:{SECRETS['alice']}\n".encode()).decode()
    token_server.requests.clear()
    signs(client, world.gun, image)
    name = world.gun.split("/", 1)[1]
    assert {(request.user, request.scope.split(":", 1)[1].rsplit(":", 1)[0])
            for request in token_server.requests} == {("alice", world.gun), ("reader", name)}
    client.environment["NOTARY_AUTH"] = base64.b64encode(b":nobody").decode()
    assert "NOTARY_AUTH: want base64 of USER:PASSWORD" in client.refused(1, "list", world.gun)


@pytest.mark.parametrize("entry", [
    None, {"auth": base64.b64encode(b"alice:wrong").decode()}, {"auth": basic("reader")}],
    ids=["nobody", "wrong-password", "only-reads"])
def test_who_may_not_publish_is_told_so(world, new_user, entry):
    client = new_user(auths(world, entry) if entry else None)
    said = client.refused(6, "init", world.gun)
    assert world.server.host in said or world.authority.certificate_file.stem in said


def test_who_only_reads_reads(world, new_user, image):
    signs(new_user(auths(world, {"auth": basic("alice")})), world.gun, image)
    reader = new_user(auths(world, {"auth": basic("reader")}))
    assert image.hex in reader.run("list", world.gun)
    reader.refused(6, "addhash", world.gun, "v2", "1", "--sha256", "ab" * 32, "-r", "targets")
    assert "v2" not in reader.run("list", world.gun)


def test_keys_of_the_server_and_deletion_want_every_permission(world, new_user):
    pusher = new_user(auths(world, {"auth": basic("pusher")}))
    alice = new_user(auths(world, {"auth": basic("alice")}))
    pusher.run("init", world.gun)
    verbs = [("key", "rotate", world.gun, role, "--server-managed")
             for role in ("snapshot", "timestamp")] + [("delete", world.gun, "--remote", "--yes")]
    for verb in verbs:
        assert "every permission ('*')" in pusher.refused(6, *verb)
    for verb in verbs:
        alice.run(*verb)


@pytest.fixture
def basic_world(scratch, registry, authority, request):
    """The same servers behind fronts that ask for a password by themselves."""
    server = NotaryServer(scratch, is_plain=True)
    with BasicFront(registry.port, SECRETS) as registry_front:
        with BasicFront(server.port, SECRETS, authority.tls_context()) as server_front:
            registry_front.host = f"127.0.0.1:{registry_front.port}"
            server_front.host = f"127.0.0.1:{server_front.port}"
            server_front.tls = server.tls
            yield World(registry_front, server_front, authority, request.node.name)
    server.stop()


def test_signs_with_basic_authentication(
        basic_world, new_agent, new_client, token, sanitizer, upload, registry):
    world = basic_world
    image = upload(f"{registry.host}/{world.gun.split('/', 1)[1]}:v1")
    agent = new_agent(Policy(token, world.registry.host, sanitizer)).start()
    client = new_client(agent, server=world.server)
    client.believe(world.authority.certificate_file)
    client.refused(6, "init", world.gun)
    client.write(".docker/config.json", json.dumps(auths(world, {"auth": basic("alice")})))
    signs(client, world.gun, image)
