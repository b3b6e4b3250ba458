# SPDX-License-Identifier: Apache-2.0
"""docker trust, Debian's and ours: two people who each do the same in a repository of their own."""
import re
import subprocess

from rig_docker import Docker
from rig_process import environment
from rig_scratch import give_tree

PASSPHRASE = "passphrase"
HEX = re.compile(r"\b([0-9a-f]{12})([0-9a-f]{52})?\b")  # of a key or digest, or short


class Person:
    """What a test writes as KEY-name is a path of that signer's public key, REPO his repository, and
    WORK a directory of his."""

    def __init__(self, work):
        self.work, self.gun = work, None

    def expand(self, args):
        return [self.key(arg.removeprefix("KEY-")) if arg.startswith("KEY-") else
                arg.replace("REPO", self.gun).replace("WORK", str(self.work)) for arg in args]

    def told(self, done):
        """What was said on standard output, with the test's words."""
        return done.stdout.replace(self.gun, "REPO").replace(str(self.work), "WORK")

    def key(self, name):
        raise NotImplementedError


class Theirs(Person):
    """Debian's docker trust. Its keys are files, with a passphrase of the environment."""

    def __init__(self, directory, server, host=None):
        super().__init__(directory)
        self._server = server
        self.docker = Docker(directory, server, host)
        self.docker.environment |= {
            f"DOCKER_CONTENT_TRUST_{kind}_PASSPHRASE": PASSPHRASE for kind in ("ROOT", "REPOSITORY")}

    def trust(self, *args, answer=None, **more):
        """answer: what a script pipes into it."""
        line = ["trust", *self.expand(args)]
        if answer is None:
            return self.docker.try_run(*line, **more)
        return subprocess.run([self.docker.program, *line], input=answer, cwd="/", timeout=120,
                              env={**self.docker.environment, **more}, capture_output=True, text=True)

    def key(self, name):
        """A signer's public key; its private one is where docker finds it."""
        path = self.work / f"{name}.pub"
        if not path.exists():
            done = self.trust("key", "generate", name, "--dir", "WORK")
            assert done.returncode == 0, done
        return str(path)

    def publish(self, verb, *args):
        """What docker itself does only with an engine: notary does it with docker's keys."""
        config = self.docker.environment["DOCKER_CONFIG"]
        subprocess.run(
            ["/usr/bin/notary", "-s", self._server.url, "--tlscacert",
             self._server.tls.certificate, "-d", f"{config}/trust", verb, *args, "-p"],
            env=environment(HOME=str(self.work), **{
                f"NOTARY_{role}_PASSPHRASE": PASSPHRASE
                for role in ("ROOT", "TARGETS", "SNAPSHOT", "DELEGATION")}),
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, cwd="/")


class Ours(Person):
    """Our docker-trust, as a docker CLI of 29 calls it. Its keys are the agent's."""

    def __init__(self, client, token):
        super().__init__(client.home)
        self.client, self._token = client, token
        client.environment["DOCKER_HOST"] = f"unix://{client.home}/nobody.sock"
        plugins = client.home / ".docker" / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        link = plugins / "docker-trust"
        link.symlink_to(client.programs.client)
        give_tree(client.home, client.user.uid)
        self._trust, self._plain = [link, "trust"], client.command

    def trust(self, *args, answer=None, **more):
        piped = ["/bin/sh", "-c", 'answer=$1; shift; printf %s "$answer" | "$@"', "sh", answer]
        self.client.command = self._trust if answer is None else piped + self._trust
        try:
            return self.client.try_run(*self.expand(args), **more)
        finally:
            self.client.command = self._plain

    def key(self, name):
        return self.client.write(f"{name}.pub", self._token.public_key(name))

    def publish(self, verb, *args):
        self.client.run(verb, *args)


def view(gun, docker, reader):
    """How docker and we show a repository, which must be the same bytes; without its name."""
    theirs = docker.try_run("trust", "inspect", gun).stdout
    assert reader.try_run("inspect", gun).stdout == theirs
    return theirs.replace(gun, "REPO")


def without_ids(text, digests=()):
    """Key IDs numbered as they come; digests of images stay."""
    ids = {}

    def number(match):
        found, short = match.group(0, 1)
        return found if found in digests else ids.setdefault(short, f"ID-{len(ids)}")
    return HEX.sub(number, text)
