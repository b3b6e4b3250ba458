# SPDX-License-Identifier: Apache-2.0
"""docker trust, Debian's and ours: two people who each do the same in a repository of their own."""
import re
import subprocess

from rig_docker import Docker
from rig_process import environment

PASSPHRASE = "passphrase"
HEX_64 = re.compile(r"\b[0-9a-f]{64}\b")


class Done:
    """How a command ended. repository: its name becomes REPO in what was said."""

    def __init__(self, done, repository):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.told = self.out.replace(repository, "REPO")

    def __repr__(self):
        return f"{self.status}: {self.out!r} {self.err!r}"


class Theirs:
    """Debian's docker trust. Its keys are files, with a passphrase of the environment."""

    def __init__(self, directory, server, gun, host=None):
        self.gun, self.directory, self._server = gun, directory, server
        self.docker = Docker(directory, server, host)
        self.docker.environment |= {
            f"DOCKER_CONTENT_TRUST_{kind}_PASSPHRASE": PASSPHRASE for kind in ("ROOT", "REPOSITORY")}

    def trust(self, *args, **more):
        return Done(self.docker.try_run("trust", *args, **more), self.gun)

    def key(self, name):
        """A signer's public key; its private one is where docker finds it."""
        path = self.directory / f"{name}.pub"
        if not path.exists():
            done = self.trust("key", "generate", name, "--dir", str(self.directory))
            assert done.status == 0, done
        return str(path)

    def publish(self, verb, *args):
        """What docker itself does only with an engine: notary does it with docker's keys."""
        config = self.docker.environment["DOCKER_CONFIG"]
        subprocess.run(
            ["/usr/bin/notary", "-s", self._server.url, "--tlscacert",
             self._server.tls.certificate, "-d", f"{config}/trust", verb, *args, "-p"],
            env=environment(HOME=str(self.directory), **{
                f"NOTARY_{role}_PASSPHRASE": PASSPHRASE
                for role in ("ROOT", "TARGETS", "SNAPSHOT", "DELEGATION")}),
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, cwd="/")


class Ours:
    """Our docker-trust, as a docker CLI of 29 calls it. Its keys are the agent's."""

    def __init__(self, client, token, gun):
        self.gun, self.client, self._token = gun, client, token
        plugins = client.home / ".docker" / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        link = plugins / "docker-trust"
        if not link.exists():
            link.symlink_to(client.programs.client)
        self._trust, self._plain = [link, "trust"], client.command

    def trust(self, *args, **more):
        self.client.command = self._trust
        try:
            return Done(self.client.try_run(*args, **more), self.gun)
        finally:
            self.client.command = self._plain

    def key(self, name):
        return self.client.write(f"{name}.pub", self._token.public_key(name))

    def publish(self, verb, *args):
        self.client.run(verb, *args)


def views(gun, docker, reader):
    """How docker and we show a repository, which must be the same bytes; and the same without what
    differs from one repository to the next: its name and its keys."""
    ways = ([], ["--pretty"])
    theirs = ["".join(docker.try_run("trust", "inspect", *way, gun).stdout) for way in ways]
    ours = [reader.try_run("inspect", *way, gun).stdout for way in ways]
    assert ours == theirs
    return theirs[0].replace(gun, "REPO")


def without_ids(text, digests=()):
    """Key IDs numbered as they come; digests of images stay."""
    ids = {}

    def number(match):
        found = match.group()
        return found if found in digests else ids.setdefault(found, f"ID-{len(ids)}")
    return HEX_64.sub(number, text)
