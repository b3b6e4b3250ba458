# SPDX-License-Identifier: Apache-2.0
"""Authentication for system tests: a token server that docker-registry and notary-server believe,
and fronts of real servers, of which one asks for Basic authentication.

    authority = Authority(tmp_path)
    with TokenServer(authority, users={"alice": "secret"}, rights={"alice": ["pull", "push"]}) as s:
        ...start a registry or a notary-server with s.registry_auth() or s.notary_auth()...
        assert s.requests[0].scope == "repository:shop/web:pull"

docker-registry and notary-server verify the tokens (ES256, x5c) against the authority's certificate.
"""
import base64
import dataclasses
import datetime
import http.client
import http.server
import ipaddress
import json
import secrets
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

ISSUER = "countersign-tests"
SERVICE = "countersign-tests-service"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """A self-signed certificate, by default for loopback: for TLS, and for signing tokens."""

    def __init__(self, directory, names=("localhost", "127.0.0.1"), days=30):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate_file = directory / "authority.crt"
        self.key_file = directory / "authority.key"

        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.datetime.utcnow()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.certificate_file.write_bytes(
            self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.key_file.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def tls_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def token(self, subject, access, lifetime_s):
        """A JWT as docker's token specification has it."""
        now = int(time.time())
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + lifetime_s,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@dataclasses.dataclass
class Request:
    """What a client asked a token server for."""

    method: str
    user: str  # by password or identity token; "" is anonymous
    account: str
    service: str
    scope: str
    granted: list  # actions


class Server:
    """A threaded HTTP server on a free loopback port."""

    def __init__(self, handler, tls_context=None):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.owner = self
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.scheme = "https" if tls_context else "http"
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        if tls_context:
            self._server.socket = tls_context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _basic(header):
    """User and password of an Authorization header, or None."""
    scheme, _, value = (header or "").partition(" ")
    if scheme != "Basic":
        return None
    user, _, password = base64.b64decode(value).decode().partition(":")
    return user, password


class _TokenHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self):
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
        self._reply(401, body)

    def _grant(self, user, query):
        owner = self.server.owner
        scopes = " ".join(query.get("scope", []))
        access = []
        for scope in scopes.split():
            kind, rest = scope.split(":", 1)
            name, _, wanted = rest.rpartition(":")
            actions = [a for a in wanted.split(",") if a in owner.rights.get(user, [])]
            access.append({"type": kind, "name": name, "actions": actions})
        first = {name: values[0] for name, values in query.items()}
        owner.requests.append(
            Request(
                self.command,
                user,
                first.get("account", ""),
                first.get("service", ""),
                scopes,
                [action for one in access for action in one["actions"]],
            )
        )
        access = [one for one in access if one["actions"]]
        lifetime_s = owner.lifetime_s
        if scopes in owner.stale:
            owner.stale.remove(scopes)
            lifetime_s = -100
        body = {owner.member: owner.authority.token(user, access, lifetime_s)}
        if owner.is_lifetime_told:
            body["expires_in"] = max(lifetime_s, 0)
        self._reply(200, body)

    def do_GET(self):
        owner = self.server.owner
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        pair = _basic(self.headers.get("Authorization"))
        if pair is None:
            self._grant("", query)
        elif owner.users.get(pair[0]) == pair[1] or owner.identity_tokens.get(pair[1]) == pair[0]:
            self._grant(pair[0], query)
        else:
            self._refuse()

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        form = urllib.parse.parse_qs(self.rfile.read(length).decode())
        user = self.server.owner.identity_tokens.get(form.get("refresh_token", [""])[0])
        if not self.server.owner.is_post_known:
            self._reply(405, {})
        elif form.get("grant_type") != ["refresh_token"] or user is None:
            self._refuse()
        else:
            self._grant(user, form)


class TokenServer(Server):
    """rights: actions ("pull", "push", "*") by user; the user "" is who comes without a password.

    identity_tokens: user by token, for POST. member: "token" or "access_token".
    """

    def __init__(self, authority, users, rights, identity_tokens=None):
        super().__init__(_TokenHandler, authority.tls_context())
        self.authority = authority
        self.users = users
        self.rights = rights
        self.identity_tokens = identity_tokens or {}
        self.member = "token"
        self.lifetime_s = 300
        self.stale = set()  # scopes of which the next token is too old by more than a minute
        self.is_post_known = True
        self.is_lifetime_told = True
        self.requests = []
        self.realm = self.url + "/token"

    def registry_auth(self):
        """The "auth" member of docker-registry's configuration."""
        return {
            "token": {
                "realm": self.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self.authority.certificate_file),
            }
        }

    def notary_auth(self):
        """The "auth" member of notary-server's configuration."""
        return {"type": "token", "options": self.registry_auth()["token"]}


class _FrontHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _do(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.server.owner.intercept(self):
            self.answer(*self.forward())

    def forward(self):
        """Status, headers and body of the server behind."""
        backend = http.client.HTTPConnection("127.0.0.1", self.server.owner.backend_port)
        kept = ("host", "authorization", "connection")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in kept}
        backend.request(self.command, self.path, self.body, headers)
        answer = backend.getresponse()
        data = answer.read()
        backend.close()
        return answer.status, answer.getheaders(), data

    def answer(self, status, headers, data):
        """Headers about length and connection are our own."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _do


class Front(Server):
    """A proxy before a plain server on loopback. tls_context: None for a plain front."""

    def __init__(self, backend_port, tls_context=None):
        super().__init__(_FrontHandler, tls_context)
        self.backend_port = backend_port
        self.requests = []

    def intercept(self, handler):
        """Whether this request was answered here; else it goes to the server behind."""
        raise NotImplementedError


class BasicFront(Front):
    """A front that asks for Basic authentication."""

    def __init__(self, backend_port, users, tls_context=None):
        super().__init__(backend_port, tls_context)
        self.users = users

    def intercept(self, handler):
        pair = _basic(handler.headers.get("Authorization"))
        self.requests.append((handler.command, handler.path, pair[0] if pair else ""))
        if pair is not None and self.users.get(pair[0]) == pair[1]:
            return False
        handler.answer(401, [("WWW-Authenticate", 'Basic realm="front"')], b"")
        return True
