# SPDX-License-Identifier: Apache-2.0
"""bad_agent: what may be at a socket's path in place of an agent."""
import contextlib
import os
import socket
import threading

PART = 65536


class BadAgent:
    """Takes one call after the other, on a connection each, and answers as reply(connection) does."""

    def __init__(self, path, reply):
        self.path = path
        self._reply = reply
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        os.chmod(path, 0o777)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                call = b""
                while b"\0" not in call:
                    call += connection.recv(PART) or b"\0"
                self._reply(connection)


def says(data):
    return lambda connection: connection.sendall(data)


class Endless:
    """A reply without an end, which nobody who has a bound takes as much of."""

    ENOUGH_BYTES = 256 << 20

    def __init__(self):
        self.sent_bytes = 0

    def __call__(self, connection):
        connection.sendall(b'{"parameters":{"version":"')
        while self.sent_bytes < self.ENOUGH_BYTES:
            connection.sendall(b"x" * PART)
            self.sent_bytes += PART
