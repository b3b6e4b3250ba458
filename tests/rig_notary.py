# SPDX-License-Identifier: Apache-2.0
"""notary: the notary CLI, as a peer that must understand us and be understood."""
import subprocess

from rig_process import environment


class Notary:
    """A user of notary, with a trust directory of its own; nothing but the CA is known to it."""

    def __init__(self, directory, server):
        self.directory, self.server = directory, server
        passphrases = {f"NOTARY_{role}_PASSPHRASE": "passphrase"
                       for role in ("ROOT", "TARGETS", "SNAPSHOT", "DELEGATION")}
        self.environment = environment(HOME=str(directory), **passphrases)

    def try_run(self, *args):
        return subprocess.run(
            ["/usr/bin/notary", "-s", self.server.url, "--tlscacert", self.server.tls.certificate,
             "-d", self.directory / "trust", *args],
            cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL)

    def run(self, *args):
        done = self.try_run(*args)
        assert done.returncode == 0, f"{done.args}:\n{done.stdout}{done.stderr}"
        return done.stdout
