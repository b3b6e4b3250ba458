# SPDX-License-Identifier: Apache-2.0
"""own_server: a trust server of the tests' own, for what the real one does only when it is unlucky.

It takes publications as notary-server does: higher versions only, all or nothing; snapshot and
timestamp are its own. faults says what goes wrong with the publications to come, one after the
other.
"""
import base64
import hashlib
import http.server
import json
import re
import ssl
import threading

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from rig_port import free_port
from rig_tls import Tls

PART = re.compile(rb'filename="([^"]+)"\r\nContent-Type: application/octet-stream\r\n\r\n(.*?)\r\n--',
                  re.DOTALL)
FAULTS = ("none", "lose request", "lose answer", "error after", "list wrongly", "deny")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class _Key:
    def __init__(self):
        self._private = ec.generate_private_key(ec.SECP256R1())
        spki = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.object = {"keytype": "ecdsa", "keyval": {
            "private": None, "public": base64.b64encode(spki).decode()}}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()

    def file(self, signed):
        der = self._private.sign(canonical(signed), ec.ECDSA(hashes.SHA256()))
        raw = b"".join(n.to_bytes(32, "big") for n in utils.decode_dss_signature(der))
        signature = {"keyid": self.id, "method": "ecdsa", "sig": base64.b64encode(raw).decode()}
        return b'{"signed":' + canonical(signed) + b',"signatures":[' + \
            json.dumps(signature, separators=(",", ":")).encode() + b"]}"


def listed(data):
    return {"hashes": {name: base64.b64encode(hashlib.new(name, data).digest()).decode()
                       for name in ("sha256", "sha512")}, "length": len(data)}


class _Repository:
    """keys: those of the server for it."""

    def __init__(self):
        self.keys = {"snapshot": _Key(), "timestamp": _Key()}
        self.files = {}     # role: [(version, data)], oldest first
        self.meta = {}

    def version(self, role):
        return self.files[role][-1][0] if role in self.files else 0

    def take(self, uploads, lists_wrongly):
        """False: a version is not higher than the one that is there."""
        versions = {role: json.loads(data)["signed"]["version"] for role, data in uploads.items()}
        if any(version <= self.version(role) for role, version in versions.items()):
            return False
        for role, data in uploads.items():
            self._add(role, versions[role], data)
            if role != "root":
                self.meta[role] = listed(data + b"\n" if lists_wrongly else data)
            else:
                self.meta[role] = listed(data)
        self._add_own("Snapshot", "snapshot", self.meta)
        self.renew()
        return True

    def renew(self, expires="2049-01-01T00:00:00Z"):
        """Another timestamp, of the same snapshot."""
        self._add_own("Timestamp", "timestamp",
                      {"snapshot": listed(self.files["snapshot"][-1][1])}, expires)

    def _add(self, role, version, data):
        self.files.setdefault(role, []).append((version, data))

    def _add_own(self, kind, role, meta, expires="2049-01-01T00:00:00Z"):
        version = self.version(role) + 1
        self._add(role, version, self.keys[role].file(
            {"_type": kind, "expires": expires, "meta": meta, "version": version}))

    def find(self, name):
        """'targets/qa', '3.targets/qa' or 'targets/qa.SHA256'."""
        by_version = re.fullmatch(r"(\d+)\.(.+)", name)
        by_digest = re.fullmatch(r"(.+)\.([0-9a-f]{64})", name)
        role = by_version[2] if by_version else by_digest[1] if by_digest else name
        for version, data in reversed(self.files.get(role, [])):
            if by_version and version != int(by_version[1]):
                continue
            if by_digest and hashlib.sha256(data).hexdigest() != by_digest[2]:
                continue
            return data
        return None


class OwnServer:
    def __init__(self, scratch):
        self.tls = Tls(scratch.directory("own-server"))
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"https://{self.host}"
        self.faults = []
        self._repositories = {}
        self._lock = threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def repository(self, gun):
        return self._repositories.setdefault(gun, _Repository())

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def post(self, gun, body):
        """Status, answer; None: the connection breaks."""
        with self._lock:
            fault = self.faults.pop(0) if self.faults else None
            if fault == "lose request":
                return None
            if fault == "deny":
                return 403, self._error("DENIED")
            uploads = {role.decode(): data for role, data in PART.findall(body)}
            if not self.repository(gun).take(uploads, fault == "list wrongly"):
                return 400, self._error("VERSION")
            if fault == "lose answer":
                return None
            return (500, self._error("UNKNOWN")) if fault == "error after" else (200, b"")

    def get(self, gun, name):
        with self._lock:
            repository = self.repository(gun)
            if name.endswith(".key"):
                return 200, json.dumps(repository.keys[name.removesuffix(".key")].object).encode()
            data = repository.find(name.removesuffix(".json"))
            return (200, data) if data is not None else (404, self._error("METADATA_NOT_FOUND"))

    @staticmethod
    def _error(code):
        return json.dumps({"errors": [{"code": code, "message": "so it is"}]}).encode()

    def _handler(server):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gun, name = self.path.removeprefix("/v2/").split("/_trust/tuf/")
                answer = server.post(gun, body) if self.command == "POST" else \
                    server.get(gun, name)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response_only(answer[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            do_GET = do_POST = do_any

            def log_message(self, *_):
                pass

        return Handler
