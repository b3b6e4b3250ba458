# SPDX-License-Identifier: Apache-2.0
"""bad_server: a front of a real server that answers some requests as no good server does.

    with server.lying("GET .*/timestamp.json", cut(b'{"signed":', 5000)):
        user.refused(6, "list", gun)
    user.run("list", gun)

What it is not told to lie about is the real server's. A lie is a function that takes the handler of
the request and writes whatever it likes, up to the end of the connection.
"""
import contextlib
import re
import socket

from tokenserver import Front

PART = 65536
ENOUGH_BYTES = 256 << 20  # an endless answer: nobody who has a bound takes as much


class BadServer(Front):
    """tls: of rig_tls; None: plain HTTP. requests: method, path and headers."""

    def __init__(self, backend_port, tls=None, context=None):
        super().__init__(backend_port, context)
        self.tls = tls
        self.host = f"127.0.0.1:{self.port}"
        self.sent_bytes = 0
        self._lies = []

    def intercept(self, handler):
        self.requests.append((handler.command, handler.path, dict(handler.headers)))
        for pattern, lie in self._lies:
            if re.fullmatch(pattern, f"{handler.command} {handler.path}"):
                handler.close_connection = True
                with contextlib.suppress(ConnectionError, OSError):
                    lie(handler)
                return True
        return False

    @contextlib.contextmanager
    def lying(self, pattern, lie):
        """Requests whose "METHOD path" is this pattern are lied to meanwhile; they are recorded
        anew."""
        self.requests.clear()
        self._lies.append((pattern, lie))
        try:
            yield self
        finally:
            self._lies.pop()

    def asked(self, pattern):
        """Headers of the requests of that pattern."""
        return [headers for method, path, headers in self.requests
                if re.fullmatch(pattern, f"{method} {path}")]


def says(status, body=b"", kind="application/json", **headers):
    """A whole answer; headers: Retry_After="7"."""
    named = [("Content-Type", kind)] if kind else []
    named += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda handler: handler.answer(status, named, body)


def raw(*parts):
    """These bytes, and the end of the connection."""
    def lie(handler):
        for part in parts:
            handler.wfile.write(part)
        handler.wfile.flush()
    return lie


def head(status="200 OK", **headers):
    """The head of an answer; a body of unknown length may follow."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines + ["", ""]).encode()


def cut(body, claimed):
    """An answer that ends before the length that it claims."""
    return raw(head(Content_Type="application/json", Content_Length=claimed), body)


def endless(start=b"", part=b" " * PART):
    """An answer without an end; how much of it was sent is the server's sent_bytes."""
    def lie(handler):
        server = handler.server.owner
        server.sent_bytes = 0
        handler.wfile.write(head(Content_Type="application/json") + start)
        while server.sent_bytes < ENOUGH_BYTES:
            handler.wfile.write(part)
            server.sent_bytes += len(part)
    return lie


def silent(start=b""):
    """Nothing follows, and the connection stays open until the other side gives up."""
    def lie(handler):
        handler.wfile.write(start)
        handler.connection.settimeout(120)
        with contextlib.suppress(socket.timeout):
            while handler.connection.recv(PART):
                pass
    return lie


def sends_on(location, status=302):
    return says(status, Location=location)


def changed(change, **headers):
    """What the real server answers, with its body changed, or its headers."""
    def lie(handler):
        status, named, body = handler.forward()
        own = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        named = [(name, value) for name, value in named if name.lower() not in own]
        handler.answer(status, named + list(own.items()), change(body))
    return lie
