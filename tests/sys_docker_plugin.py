# SPDX-License-Identifier: Apache-2.0
"""countersign as a plugin of the docker CLI: Debian's runs it, and newer ones are played."""
import json
import os
import resource
import socket
import subprocess

import pytest

from rig_docker import unpacked
from rig_port import free_port
from rig_scratch import give_tree

# What users wait for before each command of docker; measured: 5 ms of a processor.
METADATA_SECONDS = 0.02
SLACK = 10


@pytest.fixture(scope="module")
def docker_program(programs):
    """The docker CLI where every user may run it."""
    return programs.take(unpacked() / "usr" / "bin" / "docker")


@pytest.fixture
def install():
    """Makes the program a plugin of a user: install(client, name); its path."""
    def make(client, name):
        plugins = client.home / ".docker" / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        (plugins / name).symlink_to(client.programs.client)
        give_tree(client.home, client.user.uid)
        return plugins / name
    return make


@pytest.fixture
def by_docker(docker_program, install):
    """Lets a user run it as `docker countersign`."""
    def make(client, *before):
        install(client, "docker-countersign")
        client.command = [docker_program, *before, "countersign"]
        return client
    return make


def test_docker_runs_it_with_the_signer_behind(client, by_docker, gun, upload, docker):
    image = upload(f"{gun}:v1")
    user = by_docker(client)
    assert "initialized" in user.run("init", gun)
    assert f"{gun}:v1@{image.digest}" in user.run("sign", f"{gun}:v1")
    (tag,) = docker.trust_inspect(gun)[0]["SignedTags"]
    assert tag["Digest"] == image.hex
    # Its exit status is docker's, and docker's is nobody else's.
    assert "not signed" in user.refused(4, "inspect", f"{gun}:v2")
    assert "takes fewer" in user.refused(2, "list", gun, "x")


def test_docker_shows_it_and_its_help(client, by_docker):
    user = by_docker(client)
    program = user.command[0]
    assert "Usage: docker countersign sign " in user.run("sign", "--help")
    assert "See docker-countersign(1)" in user.run("--help")
    user.command = [program]
    assert user.run("help", "countersign") == user.run("countersign", "--help")
    assert "Push and sign images with the keys" in user.run("--help")


def spent():
    """Seconds of a processor, by all that this process has run: others may be busy, too."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_it_says_what_it_is_at_once_and_touches_nothing(client, install):
    plugin = install(client, "docker-countersign")
    took = []
    for _ in range(3):
        began = spent()
        # Nothing of a user's world is there.
        said = subprocess.run([plugin, "docker-cli-plugin-metadata"], env={}, cwd="/", check=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout
        took.append(spent() - began)
    told = json.loads(said)
    assert told["SchemaVersion"] == "0.1.0" and told["Vendor"] == "Countersign"
    assert client.run("--version") == f"countersign {told['Version'].removeprefix('v')}\n"
    assert min(took) < SLACK * METADATA_SECONDS, took


def test_what_docker_was_told_of_the_engine_counts(client, by_docker, gun, notary_server):
    docker = by_docker(client).command[0]
    client.command = [docker]
    client.run("context", "create", "far", "--docker", "host=unix:///far.sock")
    (client.home / "tls").mkdir()
    tls = client.write("tls/ca.pem", notary_server.tls.certificate.read_text())
    closed = f"tcp://127.0.0.1:{free_port()}"
    for flags, address, origin in [
            (["-H", "unix:///1.sock"], "unix:///1.sock", "DOCKER_HOST"),
            (["--host=unix:///2.sock", "-D", "-l", "debug"], "unix:///2.sock", "DOCKER_HOST"),
            (["--log-level=debug", "-Hunix:///3.sock"], "unix:///3.sock", "DOCKER_HOST"),
            (["-c", "far"], "unix:///far.sock", "docker's context 'far'"),
            (["--context", "default"], "unix:///0.sock", "DOCKER_HOST"),
            (["--tlsverify", "--tlscacert", tls, "-H", closed], closed, "DOCKER_HOST")]:
        client.command = [docker, *flags, "countersign"]
        said = client.refused(6, "push", f"{gun}:v1", DOCKER_HOST="unix:///0.sock")
        assert f"'{address}' (of {origin})" in said or f"'{address}' of {origin}" in said


def test_docker_s_directory_is_where_docker_was_told(client, install, gun, scratch):
    """Without the authority that is there, the trust server is a stranger."""
    client.command = [install(client, "docker-countersign"), "--config", str(scratch.directory("x")),
                      "countersign"]
    assert "certificate" in client.refused(6, "list", gun)
    client.command[2] = client.environment.pop("DOCKER_CONFIG")
    client.environment["HOME"] = "/nonexistent"
    assert "not signed" in client.refused(4, "list", gun, "-d", str(client.home / "trust"))


def test_certificates_that_are_all_over_the_place_are_refused(client, install):
    plugin = install(client, "docker-countersign")
    for flags in (["--tlscacert", "a/ca.pem", "--tlskey", "b/key.pem"], ["--tlscert", "a/my.pem"]):
        client.command = [plugin, *flags, "countersign"]
        assert "want ca.pem, cert.pem and key.pem in one directory" in client.refused(2, "status")
    client.command = [plugin, "--config"]
    assert "--config lacks its value" in client.refused(2)


def test_a_yes_that_go_does_not_read_is_none(client, install, gun):
    """What nobody agreed to, as all signatures of a repository, is not done."""
    client.command = [install(client, "docker-trust"), "trust"]
    for said in ("--yes=tomorrow", "--force=total", "--yes=fine", "--yes="):
        assert "doesn't allow an argument" in client.refused(2, "revoke", said, gun)
    for said in ("--yes=False", "--force=0"):
        assert "nobody answers" in client.refused(2, "revoke", said, gun)


def test_it_ends_with_docker(new_client, install, gun):
    """Newer CLIs end a plugin by closing a connection."""
    name = f"\0docker_cli_{os.getpid()}_{free_port()}"
    client = new_client()
    client.command = [install(client, "docker-countersign"), "countersign"]
    client.environment["DOCKER_CLI_PLUGIN_SOCKET"] = "@" + name[1:]
    with socket.create_server(("127.0.0.1", 0)) as silent, \
            socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        running = client.start("list", gun, "-s", f"https://127.0.0.1:{silent.getsockname()[1]}")
        docker = listener.accept()[0]
        with silent.accept()[0]:
            assert running.poll() is None
            listener.close()
            docker.close()
            assert client.finish(running).returncode == 130
    # A docker that is gone before it was there, or that is not there.
    assert "agent" in client.refused(5, "status")
