# SPDX-License-Identifier: Apache-2.0
"""client: countersign as a user runs it, with a home of its own."""
import json
import shutil
import subprocess
from pathlib import Path

import rig_users
from rig_sanitizer import EXIT_STATUS
from rig_scratch import give_tree, write


class Client:
    """The user knows the trust server's CA from docker's directory for it."""

    def __init__(self, programs, sanitizer, home, user, **world):
        """world: agent, notary_server; either may be None."""
        self.programs, self.sanitizer, self.home = programs, sanitizer, home
        self.user = user or rig_users.RELEASER
        self.command = [programs.client]  # or docker, which runs it as its plugin
        self.environment = sanitizer.environment(HOME=str(home), DOCKER_CONFIG=f"{home}/.docker")
        self._agent, self._server = world.get("agent"), world.get("notary_server")
        if self._agent:
            self.environment["COUNTERSIGN_SOCKET"] = str(self._agent.socket)
            self.environment["COUNTERSIGN_AGENT_USER"] = str(rig_users.AGENT.uid)
        if self._server:
            self.use_server(self._server.url)
        give_tree(home, self.user.uid)

    def use_server(self, url, server=None):
        """Reach the trust server under this address, for example through a proxy; or reach another
        server from now on."""
        self._server = server or self._server
        self.environment["DOCKER_CONTENT_TRUST_SERVER"] = url
        tls = self.home / ".docker" / "tls" / url.removeprefix("https://")
        tls.mkdir(parents=True)
        shutil.copyfile(self._server.tls.certificate, tls / "ca.crt")
        give_tree(self.home, self.user.uid)

    def believe(self, certificate):
        """Take a certificate for one of the trust server, besides the server's own."""
        for directory in (self.home / ".docker" / "tls").iterdir():
            shutil.copyfile(certificate, directory / f"{Path(certificate).stem}.crt")
        give_tree(self.home, self.user.uid)

    def write(self, name, text, mode=0o644):
        """A file in the user's home; its path."""
        return write(self.home / name, text, self.user.uid, mode)

    def start(self, *args, **environment):
        """Start it and return the subprocess.Popen; finish() ends it."""
        with self.user.starting():
            return subprocess.Popen(
                [str(arg) for arg in (*self.command, *args)], cwd=self.home,
                env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, popen, seconds=120):
        """Wait for its end. A sanitizer's report fails the test."""
        try:
            out, err = popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.communicate()
            raise
        self.sanitizer.check(err)
        assert popen.returncode != EXIT_STATUS, err
        return subprocess.CompletedProcess(popen.args, popen.returncode, out, err)

    def try_run(self, *args, **environment):
        """Run it to its end, whatever that is."""
        return self.finish(self.start(*args, **environment))

    def run(self, *args, **environment):
        """Run it and return its standard output; any other end than success fails the test."""
        done = self.try_run(*args, **environment)
        assert done.returncode == 0, f"{done.args} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout

    def refused(self, status, *args, **environment):
        """Run it, expect this exit status, and return what it says on standard error."""
        done = self.try_run(*args, **environment)
        assert done.returncode == status, \
            f"{done.args} ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
        return done.stderr

    def json(self, *args):
        return json.loads(self.run(*args))
