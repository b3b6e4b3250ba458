# SPDX-License-Identifier: Apache-2.0
"""agent_front: stands before a real agent, sees what passes, and lies as it is told to.

    with AgentFront(agent) as front:
        front.lies["Sign"] = lambda reply: reply["parameters"]["documents"].clear()
        client.run("sign", image, **front.environment)
    front.calls   # [("ListKeys", {}), ("Sign", {...})]
"""
import contextlib
import json
import os
import socket
import threading

PART = 65536


class AgentFront:
    """All clients are the releaser to the agent. before: what happens between a call and the agent,
    by method, with its parameters; once. lies: what becomes of a reply."""

    def __init__(self, agent):
        self.path = agent.socket.parent / "front.sock"
        self.environment = {"COUNTERSIGN_SOCKET": str(self.path)}
        self.calls, self.before, self.lies = [], {}, {}
        self._agent = agent.connect()  # here, as becoming somebody is for all threads
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        os.chmod(self.path, 0o777)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._agent.close()
        self.path.unlink()

    def asked(self, method):
        """Parameters of the calls of a method."""
        return [parameters for name, parameters in self.calls if name == method]

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=[connection], daemon=True).start()

    def _serve_one(self, connection):
        rest = b""
        with connection, contextlib.suppress(ConnectionError):
            while data := connection.recv(PART):
                rest += data
                while b"\0" in rest:
                    frame, rest = rest.split(b"\0", 1)
                    connection.sendall(json.dumps(self._pass_on(json.loads(frame))).encode() +
                                       b"\0")

    def _pass_on(self, call):
        method = call["method"].rsplit(".", 1)[1]
        self.calls.append((method, call.get("parameters") or {}))
        self.before.pop(method, lambda parameters: None)(self.calls[-1][1])
        with self._lock:
            self._agent.send_message({**call, "more": False})
            reply = self._agent.receive()
        self.lies.get(method, lambda reply: None)(reply)
        return reply
