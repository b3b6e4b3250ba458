# SPDX-License-Identifier: Apache-2.0
"""stub_engine: an engine that says what Debian's does not: what newer ones with containerd's store
say, and what no engine should. What it pushes is pushed by skopeo."""
import contextlib
import json
import os
import re
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class StubEngine:
    """Has one image under every name. on_push(reply, name, tag): what a push does and says; reply
    says a message, or with bytes what is none. When it returns the stream ends as it should;
    Dies: it is cut. on_delete(): what happens before a tag is taken away."""

    class Dies(Exception):
        pass

    def __init__(self, directory, on_push, on_delete=lambda: None, api="1.52", mode=0o666):
        self.path = directory / "engine.sock"
        self.host = f"unix://{self.path}"
        self.on_push, self.on_delete, self.api = on_push, on_delete, api
        self.requests, self.tags = [], set()
        stub = self

        class Handler(_Handler):
            engine = stub

        self._server = _Server(str(self.path), Handler)
        os.chmod(self.path, mode)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def _answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", self.engine.api)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _chunk(self, message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _push(self, name, tag):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.engine.on_push(self._chunk, name, tag)
            self.wfile.write(b"0\r\n\r\n")
        except (StubEngine.Dies, BrokenPipeError):
            self.close_connection = True

    def do_GET(self):
        self._take()

    def do_POST(self):
        self._take()

    def do_DELETE(self):
        self._take()

    def _take(self):
        engine = self.engine
        engine.requests.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        name, _, verb = re.sub(r"^/v[0-9.]+/images/", "", url.path).rpartition("/")
        if url.path == "/_ping":
            self._answer(200, "OK")
        elif self.command == "GET" and verb == "json":
            self._answer(200, {"Id": "sha256:" + "0" * 64})
        elif self.command == "POST" and verb == "tag":
            engine.tags.add(f"{query['repo']}:{query['tag']}")
            self._answer(201, None)
        elif self.command == "POST" and verb == "push":
            self._push(name, query["tag"])
        elif self.command == "DELETE":
            engine.on_delete()
            engine.tags.discard(f"{name}/{verb}")
            with contextlib.suppress(BrokenPipeError):
                self._answer(200, [])
        else:
            self._answer(404, {"message": "page not found"})
