# SPDX-License-Identifier: Apache-2.0
"""static_server: a trust server that has what it is given, and answers as badly as it is told."""
import http.server
import json
import ssl
import threading

from rig_port import free_port
from rig_tls import Tls

NOT_FOUND = json.dumps({"errors": [{"code": "METADATA_NOT_FOUND", "message": "it is not here"}]})


class Answer:
    """An answer that is more than a file. length: what Content-Length says; None: no such header,
    the end of the connection is the end of the answer."""

    def __init__(self, body=b"", status=200, length="right", **headers):
        self.body, self.status, self.length = body, status, length
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(self, handler):
        handler.send_response_only(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        if self.length is not None:
            length = len(self.body) if self.length == "right" else self.length
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(self.body)
        if self.length != "right":
            handler.close_connection = True


class Endless(Answer):
    """Goes on until the reader has enough; it never has more than the bound to offer."""

    def __init__(self, start, bound):
        super().__init__(start, length=None)
        self.bound = bound

    def send(self, handler):
        super().send(handler)
        sent, chunk = len(self.body), b" " * 65536
        while sent < self.bound:
            handler.wfile.write(chunk)
            sent += len(chunk)


class StaticServer:
    def __init__(self, scratch):
        self.tls = Tls(scratch.directory("static-server"))
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"https://{self.host}"
        self._repositories, self._lock = {}, threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True,
                                                do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def publish(self, gun, files):
        """files: bytes or an Answer by the name of the file."""
        with self._lock:
            self._repositories[gun] = files

    def find(self, path):
        gun, _, name = path.removeprefix("/v2/").partition("/_trust/tuf/")
        with self._lock:
            answer = self._repositories.get(gun, {}).get(name)
        if answer is None:  # there is none
            return Answer(NOT_FOUND.encode(), 404)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def _handler(server):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1   # head and body in one packet
            disable_nagle_algorithm = True

            def do_GET(self):
                try:
                    server.find(self.path).send(self)
                except (ConnectionError, ssl.SSLError):  # who has heard enough hangs up
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler
