# SPDX-License-Identifier: Apache-2.0
"""unit: the unit of a token, with systemd's own means of socket activation but not as PID 1."""
import os
from pathlib import Path

import rig_users
from rig_process import Process
from rig_scratch import give_tree, write
from rig_token import MODULE, PIN


class Unit:
    """Serves a token, which from then on belongs to the unit's user and to nobody else."""

    def __init__(self, programs, sanitizer, directory, token, user):
        self.programs, self.sanitizer, self.user = programs, sanitizer, user
        self.socket = directory / "token"
        self.log = directory / "log-of-unit"
        self.credentials = directory / "credentials"
        self.credentials.mkdir()
        write(self.credentials / "hsm-pin", PIN + "\n", mode=0o400)
        give_tree(self.credentials, user.uid)
        give_tree(token.directory, user.uid)
        self.credentials.chmod(0o500)
        token.directory.chmod(0o700)
        token.owner = user
        self.token = token
        self.process = None

    def entry(self):
        """The token's entry in a policy."""
        return {"module": MODULE, "uri": self.token.entry()["uri"], "pin": "credential:hsm-pin",
                "worker": str(self.socket)}

    def start(self):
        self.socket.unlink(missing_ok=True)
        variables = {"COUNTERSIGN_MODULE": MODULE, "CREDENTIALS_DIRECTORY": self.credentials,
                     "SOFTHSM2_CONF": self.token.configuration, **self.sanitizer.variables}
        settings = [part for name, value in variables.items() for part in ("-E", f"{name}={value}")]
        # The service changes its user by itself, as the manager that listens is root.
        self.process = Process(
            ["/usr/bin/systemd-socket-activate", "--seqpacket", f"--listen={self.socket}", *settings,
             "/usr/bin/setpriv", f"--reuid={self.user.uid}", f"--regid={self.user.gid}",
             "--clear-groups", self.programs.token],
            self.log, self.sanitizer.environment())
        self.process.wait_until(self.socket.exists)
        os.chown(self.socket, rig_users.AGENT.uid, rig_users.AGENT.gid)
        self.socket.chmod(0o600)
        return self

    def workers(self):
        """Process IDs of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text(encoding="ascii").split()]

    def stop(self):
        """End it in order; a report of a sanitizer, or any other end, fails the test."""
        if self.process is None:
            return
        status = self.process.stop()
        text = self.process.text()
        self.process = None
        self.sanitizer.check(text)
        assert status == 0, text
