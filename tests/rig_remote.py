# SPDX-License-Identifier: Apache-2.0
"""remote: a token behind a server, as network HSMs are: SoftHSM's, by p11-kit's remote protocol."""
import contextlib
import os
import signal
import subprocess

from rig_process import LIBRARIES, Process, answers_at, environment
from rig_token import LABEL, MODULE

CLIENT = str(LIBRARIES / "pkcs11" / "p11-kit-client.so")
TRIES = 10


class RemoteToken:
    """Another token's keys, asked for over a socket. The server makes a process for each client."""

    def __init__(self, directory, token):
        self._directory, self._token = directory, token
        self._server = None
        os.chown(directory, token.owner.uid, token.owner.gid)
        self.key_uri, self.owner = token.key_uri, token.owner
        self.start()

    @property
    def _socket(self):
        return self._directory / "socket"

    def start(self):
        """SoftHSM may never show its token to a process that began while another one logged in, or
        was killed at it: then another server is started."""
        for _ in range(TRIES):
            self._start()
            if self._shows_token():
                return
            self.kill()
        raise RuntimeError(f"no server shows the token:\n{self._server.text()}")

    def _shows_token(self):
        done = subprocess.run(
            ["/usr/bin/pkcs11-tool", "--module", CLIENT, "--list-token-slots"], timeout=60,
            env=environment(P11_KIT_SERVER_ADDRESS=f"unix:path={self._socket}"), cwd="/",
            capture_output=True, text=True, **self.owner.popen())
        return LABEL in done.stdout

    def _start(self):
        self._socket.unlink(missing_ok=True)
        self._server = Process(
            ["setsid", "p11-kit", "server", "--foreground", "--provider", MODULE, "--name",
             self._socket, f"pkcs11:token={LABEL}"], self._directory / "log",
            environment(SOFTHSM2_CONF=str(self._token.configuration),
                        XDG_RUNTIME_DIR=str(self._directory)), self.owner)
        self._server.wait_until(lambda: answers_at(self._socket))

    def kill(self):
        """With all that it has started."""
        with contextlib.suppress(ProcessLookupError):  # it was killed before
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.popen.wait(10)

    def entry(self, **environment_of_worker):
        """The token's entry in a policy."""
        return {**self._token.entry(), "module": CLIENT, "workers": 8, "environment": {
            "P11_KIT_SERVER_ADDRESS": f"unix:path={self._socket}", **environment_of_worker}}
