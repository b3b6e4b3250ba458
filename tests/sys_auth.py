# SPDX-License-Identifier: Apache-2.0
"""Servers that want to know who asks: docker's tokens, Basic, helpers, and what is said without."""
import base64
import json

import pytest
import tokenserver
from rig_image import Image
from rig_notary_server import NotaryServer
from rig_registry import Registry

ALICE, BOB = "alice:s3:cret", "bob:password"


def encoded(pair):
    return base64.b64encode(pair.encode()).decode()


@pytest.fixture(scope="module")
def authority(scratch):
    return tokenserver.Authority(scratch.directory("authority"))


@pytest.fixture(scope="module")
def tokens(authority):
    """alice may publish, bob may read, and who has no password may do nothing."""
    users = dict(pair.split(":", 1) for pair in (ALICE, BOB))
    rights = {"alice": ["pull", "push"], "bob": ["pull"], "ivan": ["pull"]}
    with tokenserver.TokenServer(authority, users, rights, {"an-identity": "ivan"}) as server:
        yield server


@pytest.fixture(scope="module")
def guarded_notary(scratch, tokens):
    server = NotaryServer(scratch, tokens.notary_auth())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def guarded_registry(scratch, tokens):
    server = Registry(scratch, tokens.registry_auth())
    yield server
    server.stop()


@pytest.fixture
def registry(guarded_registry):
    """The policy is for this registry, and so is the gun."""
    return guarded_registry


@pytest.fixture
def new_user(new_client, guarded_notary, authority):
    """Makes a user of the client who trusts the token server as well: new_user(agent, config)."""
    def make(agent=None, config=None):
        client = new_client(agent, server=guarded_notary)
        directory = client.home / ".docker" / "tls" / guarded_notary.host
        certificate = authority.certificate_file.read_text()
        client.write(directory.relative_to(client.home) / "realm.crt", certificate)
        client.write(".docker/config.json", json.dumps(config or {}))
        return client
    return make


def login(registry, pair):
    return {"auths": {registry.host: {"auth": encoded(pair)}}}


def requests_of(tokens, run):
    """What a run asked the token server for: [(user, scope)]."""
    before = len(tokens.requests)
    run()
    return [(request.user, request.scope) for request in tokens.requests[before:]]


def push(registry, scratch, reference):
    image = Image(scratch.directory("image"), reference, ("amd64",))
    registry.push(image, reference, ALICE)
    return image


def test_a_repository_is_made_and_signed_with_tokens(
        new_user, new_agent, policy, registry, tokens, scratch, gun):
    agent = new_agent(policy).start()
    alice = new_user(agent, login(registry, ALICE))
    image = push(registry, scratch, f"{gun}:v1")

    asked = requests_of(tokens, lambda: alice.run("init", gun))
    # Notary's scopes have the host of the registry in them. One token is enough for many requests.
    assert sorted(asked) == [("alice", f"repository:{gun}:pull"),
                             ("alice", f"repository:{gun}:push,pull")]

    asked = requests_of(tokens, lambda: alice.run("sign", f"{gun}:v1"))
    path = gun.removeprefix(registry.host + "/")
    assert ("alice", f"repository:{path}:pull") in asked  # the registry's own have none
    assert len(asked) == len(set(asked)) == 3

    bob = new_user(config=login(registry, BOB))
    assert image.hex in bob.run("list", gun)


def test_who_may_only_read_is_told_so_and_nothing_is_posted(
        new_user, new_agent, policy, registry, gun):
    bob = new_user(new_agent(policy).start(), login(registry, BOB))
    said = bob.refused(6, "init", gun)
    assert "user 'bob' is not allowed to do this" in said
    assert "no answer" not in said


def test_without_credentials_the_user_is_told_to_log_in(new_user, registry, gun):
    said = new_user().refused(6, "list", gun)
    assert f"docker login {registry.host}, or set NOTARY_AUTH" in said


def test_a_wrong_password_is_no_lack_of_trust_data(new_user, registry, gun):
    said = new_user(config=login(registry, "alice:hunter2")).refused(6, "list", gun)
    assert "user 'alice'" in said and "incorrect username or password" in said
    assert "hunter2" not in said


def test_notary_auth_is_taken_before_the_login(new_user, registry, tokens, gun):
    client = new_user(config=login(registry, BOB))
    asked = requests_of(tokens, lambda: client.try_run("list", gun, NOTARY_AUTH=encoded(ALICE)))
    assert asked == [("alice", f"repository:{gun}:pull")]


def test_an_identity_token_is_posted(new_user, registry, tokens, gun):
    client = new_user(config={"auths": {registry.host: {"identitytoken": "an-identity"}}})
    asked = requests_of(tokens, lambda: client.try_run("list", gun))
    assert asked == [("ivan", f"repository:{gun}:pull")]
    assert tokens.requests[-1].method == "POST"


@pytest.fixture
def helper(new_user):
    """Makes a user whose credentials are in a helper with this script."""
    def make(script):
        client = new_user(config={"credsStore": "test"})
        client.write("docker-credential-test", f"#!/bin/sh\n{script}\n", 0o755)
        client.environment["PATH"] = f"{client.home}:/usr/bin:/bin"
        return client
    return make


def test_a_helper_is_asked(helper, registry, tokens, gun):
    answer = json.dumps({"ServerURL": registry.host, "Username": "bob", "Secret": "password"})
    client = helper(f"""[ "$1" = get ] && [ "$(cat)" = "{registry.host}" ] && echo '{answer}'""")
    asked = requests_of(tokens, lambda: client.try_run("list", gun))
    assert asked == [("bob", f"repository:{gun}:pull")]


def test_a_helper_that_fails_is_not_passed_over(helper, tokens, gun):
    client = helper("echo 'no D-Bus here' >&2; exit 1")
    before = len(tokens.requests)
    said = client.refused(6, "list", gun)
    assert "docker-credential-test" in said and "no D-Bus here" in said
    assert len(tokens.requests) == before


def test_a_registry_behind_basic_is_signed_from(
        new_client, new_agent, policy, scratch, authority):
    backend = Registry(scratch)
    users = dict([BOB.split(":", 1)])
    with tokenserver.BasicFront(backend.port, users, authority.tls_context()) as front:
        host = f"127.0.0.1:{front.port}"
        gun = f"{host}/basic/1"
        for key in policy["keys"].values():
            key["scope"][0]["repositories"] = [f"{host}/**"]
        client = new_client(new_agent(policy).start())
        image = Image(scratch.directory("image"), "basic", ("amd64",))
        backend.push(image, f"{backend.host}/basic/1:v1")
        client.run("init", gun)

        said = client.refused(6, "sign", f"{gun}:v1")
        assert f"docker login {host}" in said

        client.write(".docker/config.json", json.dumps({"auths": {host: {"auth": encoded(BOB)}}}))
        client.run("sign", f"{gun}:v1")
    backend.stop()
