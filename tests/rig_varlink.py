# SPDX-License-Identifier: Apache-2.0
"""varlink: a raw client of the agent's socket, which sends whatever it is told to."""
import fcntl
import json
import socket
import struct
import termios

INTERFACE = "org.countersign.Agent"


class VarlinkError(Exception):
    """An error reply. name is without our interface; parameters are members."""

    def __init__(self, reply):
        self.name = reply["error"].removeprefix(INTERFACE + ".")
        self.parameters = reply.get("parameters", {})
        super().__init__(f"{self.name} {self.parameters}")


class Varlink:
    def __init__(self, path, seconds=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # With a timeout of Python's own, connect(2) does not wait for room in the queue.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))
        self.socket.connect(str(path))
        self.socket.settimeout(seconds)
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Any bytes."""
        self.socket.sendall(data)

    def send_message(self, message):
        self.send(json.dumps(message).encode() + b"\0")

    def is_read(self):
        """Whether the other side has taken all that was sent. It answers others in any order."""
        (left,) = struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))
        return left == 0

    def receive(self):
        """The next reply, parsed; None at the end of the stream."""
        while b"\0" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                assert not self._rest, f"the stream ends within a reply: {self._rest!r}"
                return None
            self._rest += data
        frame, self._rest = self._rest.split(b"\0", 1)
        return json.loads(frame)

    def call(self, method, **parameters):
        """Parameters of the reply; raises VarlinkError."""
        if "." not in method:
            method = f"{INTERFACE}.{method}"
        self.send_message({"method": method, "parameters": parameters})
        reply = self.receive()
        assert reply is not None, "the agent closed the connection without a reply"
        if "error" in reply:
            raise VarlinkError(reply)
        return reply.get("parameters", {})
