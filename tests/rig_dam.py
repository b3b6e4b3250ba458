# SPDX-License-Identifier: Apache-2.0
"""dam: stands before a server and lets so many bytes through to it, and no more until it is opened."""
import selectors
import socket
import threading


class Dam:
    """All connections to a port of the loopback interface; what the server answers comes through.

    It is open until close_after() says how many bytes may yet pass.
    """

    def __init__(self, port):
        self._upstream = port
        self._changed = threading.Condition()
        self._left = None
        self._is_full = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close_after(self, n_bytes):
        with self._changed:
            self._left, self._is_full = n_bytes, False

    def open(self):
        with self._changed:
            self._left = None
            self._changed.notify_all()

    def wait_until_full(self, seconds=30):
        """Somebody has more to say than may pass."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._is_full, seconds)

    def stop(self):
        self.open()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self._upstream)) as server, \
                selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            try:
                while all(self._pass_on(key.fileobj, key.data, key.fileobj is client)
                          for key, _ in ready.select()):
                    pass
            except OSError:
                pass

    def _pass_on(self, source, target, is_upwards):
        data = source.recv(65536)
        if is_upwards:
            self._let_pass(len(data))
        target.sendall(data)
        return data != b""

    def _let_pass(self, n_bytes):
        with self._changed:
            if self._left is None:
                return
            self._left -= n_bytes
            if self._left < 0:
                self._is_full = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._left is None)
