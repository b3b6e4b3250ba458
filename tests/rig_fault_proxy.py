# SPDX-License-Identifier: Apache-2.0
"""fault_proxy: stands between a client and real servers, does to some requests what bad networks and
bad servers do, and records who was asked what, with which credentials.

    traffic = Traffic()
    front = FaultProxy(traffic, registry.port)
    with traffic.faults(Fault("PUT .*/manifests/v1", resets("after"))) as faults:
        client.run("push", ...)
    assert faults.hits == 1
    assert traffic.asked("PATCH .*")

What becomes of a request is a function of its Exchange; rig_faults has them.
"""
import collections
import contextlib
import dataclasses
import re
import select
import socket
import ssl
import struct
import threading

PART = 65536
HEAD_MAX = 1 << 20
SECONDS = 60
TLS_HANDSHAKE = b"\x16"  # of who tries whether we speak it


class HungUp(ConnectionError):
    """The other side is gone."""


class Stream:
    """Bytes of a connection, with what was read and not used yet."""

    def __init__(self, connection):
        self.connection = connection
        self._kept = b""

    def head(self):
        """The lines of a head; None: the other side has ended in order."""
        while b"\r\n\r\n" not in self._kept:
            part = self.connection.recv(PART)
            if not part:
                if self._kept:
                    raise HungUp
                return None
            self._kept += part
            if len(self._kept) > HEAD_MAX or self._kept.startswith(TLS_HANDSHAKE):
                raise HungUp
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        return head.decode("latin-1").split("\r\n")

    def some(self, n=PART):
        """At least one byte, at most n."""
        if not self._kept:
            self._kept = self.connection.recv(min(n, PART))
            if not self._kept:
                raise HungUp
        part, self._kept = self._kept[:n], self._kept[n:]
        return part

    def line(self):
        while b"\r\n" not in self._kept:
            part = self.connection.recv(PART)
            if not part:
                raise HungUp
            self._kept += part
        line, _, self._kept = self._kept.partition(b"\r\n")
        return line + b"\r\n"

    def body(self, headers):
        """Its pieces as they lie on the wire, so that they can be passed on."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                line = self.line()
                size = int(line.split(b";")[0], 16)
                yield line
                if size == 0:
                    yield self.line()
                    return
                yield from self._exactly(size + 2)
        else:
            yield from self._exactly(int(headers.get("content-length", 0)))

    def _exactly(self, left):
        while left:
            part = self.some(left)
            left -= len(part)
            yield part


def parsed(lines):
    """Headers by their names in small letters; the last of several wins."""
    return {name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])}


@dataclasses.dataclass
class Request:
    """What was asked. front: the FaultProxy. n_bytes: of its body, as far as they came."""
    front: object
    method: str
    path: str
    headers: dict
    n_bytes: int = 0

    @property
    def line(self):
        return f"{self.method} {self.path}"

    @property
    def kind(self):
        """Without what differs from one run to the next."""
        return re.sub(r"/uploads/.+", "/uploads/*", self.line.partition("?")[0])

    @property
    def authorization(self):
        return self.headers.get("authorization", "")


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, connection, request, lines):
        self._connection, self.request, self.lines = connection, request, lines
        self.client = connection.client
        self.is_over = False  # the connection must not be used again
        self._is_body_read = False

    def request_body(self):
        """Pieces of the request's body, which can be had once."""
        self._is_body_read = True
        for part in self.client.body(self.request.headers):
            self.request.n_bytes += len(part)
            yield part

    def ask(self, share=1.0, drink=None):
        """Hand the request to the server, or this share of its body; the lines of the answer's
        head, which has not been passed on. drink: called between the pieces of the body."""
        server, front = self._connection.server(), self.request.front
        lines = self.lines + (["X-Forwarded-Proto: https"] if front.tls else [])
        if front.authorize:
            lines = [line for line in lines if not line.lower().startswith("authorization:")]
            lines.append(f"Authorization: {front.authorize(self.request)}")
        server.connection.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))
        length = int(self.request.headers.get("content-length", 0))
        left = int(length * share) if share < 1 else None
        for part in self.request_body():
            if drink:
                drink()
            if left is not None:
                part = part[:left]
                left -= len(part)
            try:
                server.connection.sendall(part)
            except OSError:  # it has answered already, and will hear no more
                self.is_over = True
                break
            if left == 0:
                return None
        while True:
            answer = server.head()
            if answer is None:
                raise HungUp
            if not answer[0].split()[1].startswith("1"):
                return answer

    def answer_body(self, answer):
        """Pieces of the answer's body, as they come from the server."""
        status = int(answer[0].split()[1])
        if self.request.method == "HEAD" or status in (204, 304):
            return iter(())
        return self._connection.server().body(parsed(answer))

    def forward(self):
        answer = self.ask()
        self.client.connection.sendall("\r\n".join(answer + ["", ""]).encode("latin-1"))
        for part in self.answer_body(answer):
            self.client.connection.sendall(part)
        if parsed(answer).get("connection", "").lower() == "close":
            self.is_over = True

    def whole_answer(self):
        """Status line, the headers without those of length, and the body."""
        answer = self.ask()
        body = b"".join(self.answer_body(answer))
        if parsed(answer).get("transfer-encoding", "").lower() == "chunked":
            body = unchunked(body)
        lines = [line for line in answer[1:]
                 if not line.lower().startswith(("content-length:", "transfer-encoding:"))]
        length = parsed(answer).get("content-length") if self.request.method == "HEAD" else len(body)
        return answer[0], lines, length, body

    def reply(self, status_line, lines, length, body):
        lines = [status_line, *lines]
        if length is not None and status_line.split()[1] != "204":
            lines.append(f"Content-Length: {length}")
        self.client.connection.sendall("\r\n".join(lines + ["", ""]).encode("latin-1") + body)

    def finish_body(self):
        """Read what is left of the request."""
        if not self._is_body_read:
            for _ in self.request_body():
                pass

    def hang_up(self, is_reset=True):
        """End the connection, with RST or in order."""
        self.is_over = True
        if is_reset:
            self.client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              struct.pack("ii", 1, 0))

    def wait_gone(self):
        """Until the client hangs up. What it sends stays where it is."""
        gone = select.poll()
        gone.register(self.client.connection, select.POLLRDHUP)
        gone.poll(2000 * SECONDS)
        self.is_over = True


def unchunked(data):
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        n = int(size.split(b";")[0], 16)
        if n == 0:
            return body
        body, data = body + data[:n], data[n + 2:]


@dataclasses.dataclass(eq=False)
class Fault:
    """do: what becomes of requests of this pattern, "METHOD PATH"; the first of them is number 1.
    is_of_each: requests that differ in more than their query and the name of their upload are
    counted apart. after: only those count that come behind this many requests of this pattern."""
    pattern: str
    do: object
    first: int = 1
    times: int = 1
    is_of_each: bool = False
    after: tuple = (0, "")
    hits: int = 0

    def __post_init__(self):
        self._seen = collections.Counter()
        self._waits_for = self.after[0]

    def takes(self, request):
        if self._waits_for > 0:
            self._waits_for -= bool(re.fullmatch(self.after[1], request.line))
            return False
        if not re.fullmatch(self.pattern, request.line):
            return False
        key = request.kind if self.is_of_each else None
        self._seen[key] += 1
        if not self.first <= self._seen[key] < self.first + self.times:
            return False
        self.hits += 1
        return True


class Stop:
    """Where a run is stopped: at the n-th request from now on, which the server never gets. is_late:
    at the n-th that may change something, which the server has done, and nobody is told."""

    def __init__(self, n, is_late=False):
        self.n, self.is_late, self._left = n, is_late, n
        self.request = None
        self._arrived, self._released = threading.Event(), threading.Event()

    def wait(self, is_alive, seconds=SECONDS):
        """Until the request has come: True; False: the run is over without it."""
        while not self._arrived.wait(0.01):
            seconds -= 0.01
            if not is_alive():
                return self._arrived.is_set()
            assert seconds > 0, "neither comes the request, nor the end"
        return True

    def release(self):
        self._released.set()

    def takes(self, request):
        if self.is_late and request.method in ("GET", "HEAD"):
            return False
        self._left -= 1
        if self._left == 0:
            self.request = request
        return self._left == 0

    def hold(self, exchange):
        if self.is_late:
            for _ in exchange.answer_body(exchange.ask()):
                pass
        self._arrived.set()
        self._released.wait(SECONDS)
        exchange.hang_up()


class Traffic:
    """Requests to one or more proxies, in the order in which they came."""

    def __init__(self):
        self._requests, self._faults, self._stops = [], [], []
        self._lock = threading.Lock()

    def asked(self, pattern=".*", front=None):
        with self._lock:
            return [request for request in self._requests
                    if front in (None, request.front) and re.fullmatch(pattern, request.line)]

    @contextlib.contextmanager
    def faults(self, *faults):
        """Meanwhile these happen; gives the first of them."""
        with self._lock:
            self._faults += faults
        try:
            yield faults[0]
        finally:
            with self._lock:
                for fault in faults:
                    self._faults.remove(fault)

    @contextlib.contextmanager
    def stopping(self, stop):
        with self._lock:
            self._stops.append(stop)
        try:
            yield stop
        finally:
            with self._lock:
                self._stops.remove(stop)
            stop.release()

    def judge(self, request):
        """What to do with a request that has come; None: what the server does."""
        with self._lock:
            self._requests.append(request)
            for stop in self._stops:
                if stop.takes(request):
                    return stop.hold
            taken = [fault for fault in self._faults if fault.takes(request)]
        return taken[0].do if taken else None


class _Connection:
    """Of a client, with one of its own to the server."""

    def __init__(self, front, accepted):
        self.front = front
        self.client = Stream(accepted)
        self._server = None

    def server(self):
        if self._server is None:
            raw = socket.create_connection(("127.0.0.1", self.front.port_behind), SECONDS)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.front.trust:
                raw = self.front.trust.wrap_socket(raw, server_hostname="localhost")
            self._server = Stream(raw)
        return self._server

    def serve(self):
        try:
            while lines := self.client.head():
                method, path, _ = lines[0].split(" ")
                request = Request(self.front, method, path, parsed(lines))
                exchange = Exchange(self, request, lines)
                do = self.front.traffic.judge(request)
                try:
                    (do or Exchange.forward)(exchange)
                except HungUp:
                    exchange.hang_up()
                if exchange.is_over:
                    return
        except (OSError, ValueError):  # ssl's errors are some
            pass
        finally:
            for stream in (self.client, self._server):
                if stream:
                    stream.connection.close()


class FaultProxy:
    """port_behind: of the server, on loopback. tls: of rig_tls, to speak with clients; None: plain.
    certificate: of a server behind that speaks TLS. name: how the proxy is called. authorize: gives
    the Authorization of a request that has come; None: its own."""

    def __init__(self, traffic, port_behind, tls=None, certificate=None, name="127.0.0.1",
                 authorize=None):
        self.traffic, self.port_behind, self.tls = traffic, port_behind, tls
        self.authorize = authorize
        self.trust = ssl.create_default_context(cafile=certificate) if certificate else None
        self._own = None
        if tls:
            self._own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._own.load_cert_chain(tls.certificate, tls.key)
        self.cuts = 0  # so many connections are cut as soon as they come
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.host = f"{name}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # stop()
                return
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        with accepted:
            if self.cuts > 0:
                self.cuts -= 1
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            accepted.settimeout(2 * SECONDS)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                wrapped = self._own.wrap_socket(accepted, server_side=True) if self._own else accepted
            except OSError:
                return
            _Connection(self, wrapped).serve()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
