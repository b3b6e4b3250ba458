# SPDX-License-Identifier: Apache-2.0
"""proxy: stands before the trust server and holds requests until they are let go."""
import email
import http.client
import http.server
import ssl
import threading

from rig_port import free_port

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class HoldingProxy:
    """holds says which requests are held, by method and path: publications, unless told otherwise.

    cuts is for those to arrive, one after the other: its connection is cut "before" or
    "after" the server has taken it; None: never.
    """

    def __init__(self, server, directory_of_tls):
        self._server = server
        self._trust = ssl.create_default_context(cafile=server.tls.certificate)
        self._changed = threading.Condition()
        self._held = []
        self.cuts = []
        self.holds = lambda method, path: method == "POST"
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(directory_of_tls.certificate, directory_of_tls.key)
        self._http.socket = own.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def wait_held(self, n, seconds=60):
        """Wait until n requests that are held have arrived, in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._held) >= n, seconds), \
                f"{len(self._held)} requests arrived, not {n}"

    def let_go(self, i):
        """Let the i-th of them go on to the server."""
        self._held[i].set()

    def let_all_go(self):
        """Hold nothing from now on."""
        with self._changed:
            self._is_open = True
            for gate in self._held:
                gate.set()

    _is_open = False

    def _hold(self):
        """Returns when to cut the connection."""
        gate = threading.Event()
        with self._changed:
            cut = self.cuts.pop(0) if self.cuts else None
            if self._is_open:
                gate.set()
            self._held.append(gate)
            self._changed.notify_all()
        gate.wait(120)
        return cut

    def stop(self):
        self.let_all_go()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self._server.port, timeout=60,
                                           context=self._trust)

    def _forward(self, method, path, headers, body):
        upstream = self._connect()
        try:
            upstream.request(method, path, body=body, headers=headers)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _handler(proxy):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                cut = proxy._hold() if proxy.holds(self.command, self.path) else None
                if cut == "before":
                    self.close_connection = True
                    return
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() not in HOP_BY_HOP | {"host"}}
                status, answered, data = proxy._forward(self.command, self.path, headers, body)
                if cut == "after":
                    self.close_connection = True
                    return
                self.send_response_only(status)
                for name, value in answered:
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_DELETE = do_any

            def log_message(self, *_):
                pass

        return Handler


class RelapsingProxy(HoldingProxy):
    """Lists what was there before meanwhile() published, from the first publication to the second:
    as notary-server does where somebody publishes between two of its reads, which nobody can time.
    """

    def __init__(self, server, directory_of_tls, meanwhile):
        super().__init__(server, directory_of_tls)
        self.let_all_go()
        self._meanwhile, self._timestamp = meanwhile, None
        self.posted = []  # of each publication the roles

    def publish_nothing(self, repository):
        """As somebody does who does not look what becomes of it."""
        boundary = "nothing"
        status, *_ = self._forward(
            "POST", f"/v2/{repository}/_trust/tuf/",
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            f"--{boundary}--\r\n".encode())
        assert status == 200

    def _forward(self, method, path, headers, body):
        if method == "POST":
            form = email.message_from_bytes(
                f"Content-Type: {headers['Content-Type']}\n\n".encode() + body)
            self.posted.append([part.get_filename() for part in form.get_payload()
                                if form.is_multipart() and part.get_filename()])
            answer = super()._forward(method, path, headers, body)
            self._timestamp = None
            if len(self.posted) == 1:
                self._timestamp = super()._forward("GET", f"{path}timestamp.json", {}, None)
                self._meanwhile()
            return answer
        if self._timestamp and path.endswith("/timestamp.json"):
            return self._timestamp
        return super()._forward(method, path, headers, body)
