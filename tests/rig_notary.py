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

    def try_run(self, *args, text=""):
        """text: what notary finds on its standard input."""
        return subprocess.run(
            ["/usr/bin/notary", "-s", self.server.url, "--tlscacert", self.server.tls.certificate,
             "-d", self.directory / "trust", *args],
            cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=60,
            input=text)

    def run(self, *args):
        done = self.try_run(*args)
        assert done.returncode == 0, f"{done.args}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def answer(self, text, *args):
        """Run what asks, and would end with 0 where nobody answers."""
        done = self.try_run(*args, text=text + "\n")
        assert done.returncode == 0 and "Abort" not in done.stdout, f"{done.args}:\n{done.stdout}"
