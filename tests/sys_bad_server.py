# SPDX-License-Identifier: Apache-2.0
"""Servers that refuse, hang, flood, cut and lie: the client names which one, what it did and what to
do, takes nothing from it, and works again as soon as the server does."""
import gzip
import socket
import ssl

import pytest
from rig_agent import Agent
from rig_bad_server import (BadServer, changed, cut, endless, head, raw, says, sends_on, silent)
from rig_client import Client
from rig_image import Image
from rig_notary_server import NotaryServer
from rig_policy import Policy

TIMESTAMP = r"GET .*/timestamp\.json"
ROOT = r"GET .*/root\.json"
SNAPSHOT = r"GET .*/snapshot\..*"
TARGETS = r"GET .*/targets\..*"
MANIFEST = r"GET .*/manifests/.*"
PUBLICATION = r"POST .*"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
MANY_HEADERS = [b"X-%d: " % i + b"y" * 1000 + b"\r\n" for i in range(300)]


def error(code, message="so it is"):
    return b'{"errors":[{"code":"%s","message":"%s"}]}' % (code.encode(), message.encode())


class World:
    """A registry and a trust server that both can go bad, an agent, and who signs with it."""

    def __init__(self, trust, registry, agent, client, image):
        self.trust, self.registry = trust, registry
        self.agent, self.client, self.image = agent, client, image
        self.gun = f"{registry.host}/bad/server"

    def sign(self):
        return ["sign", f"{self.gun}:v1", "--renew"]

    def trust_server_is_blamed(self, user, status, lie, pattern, *sentences):
        """What it says: the repository, the server, and these."""
        before = tree(user)
        with self.trust.lying(pattern, lie):
            said = user.refused(status, "list", self.gun)
        for sentence in (self.gun, self.trust.url, *sentences):
            assert sentence in said, said
        assert tree(user) == before
        assert self.image.hex in user.run("list", self.gun)

    def registry_is_blamed(self, status, lie, *sentences, reference="v1"):
        """Nothing is asked of the agent or published, and what it says has these."""
        line = ["sign", f"{self.gun}:{reference}", "--renew"]
        before = self.version()
        with self.registry.lying(MANIFEST, lie), self.trust.lying(PUBLICATION, says(500)):
            said = self.client.refused(status, *line)
            assert not self.trust.asked(PUBLICATION)
        for sentence in (self.registry.host, "bad/server", *sentences):
            assert sentence in said, said
        assert self.version() == before
        assert "allowed" in self.client.run("explain", "sign", f"{self.gun}:v1")

    def version(self):
        return self.server.document(self.gun, "targets")["signed"]["version"]


def tree(user):
    """All files of a user with what is in them."""
    return {path: path.read_bytes() for path in user.home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def world(scratch, registry, programs, sanitizer, made_token):
    server = NotaryServer(scratch, is_plain=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server.tls.certificate, server.tls.key)
    with BadServer(server.port, server.tls, tls) as trust, BadServer(registry.port) as front:
        policy = Policy(made_token.copy(scratch.directory("token")), front.host, sanitizer)
        agent = Agent(programs, sanitizer, scratch.directory("agent"), policy).start()
        client = Client(programs, sanitizer, scratch.directory("home"), None, agent=agent,
                        notary_server=trust)
        image = Image(scratch.directory("image"), "bad server")
        registry.push(image, f"{registry.host}/bad/server:v1")
        world = World(trust, front, agent, client, image)
        world.server = server
        client.run("init", world.gun)
        client.run(*world.sign())
        yield world
        published = world.version()
        agent.stop()
        # Nothing was signed for publications that did not come.
        assert agent.ledger.marks()[(world.gun, "targets")] == published
    server.stop()


@pytest.fixture
def newcomer(world, new_client):
    """Somebody who has not seen the repository yet."""
    return new_client(server=world.trust)


# The trust server


DISTRUST = "whoever publishes there must look into it"


TRUST_SERVERS = [
    ("wants to know who is there", 6, says(401, error("UNAUTHORIZED")), "not without credentials",
     "docker login 127.0.0.1:"),
    ("wants a password", 6, says(401, WWW_Authenticate='Basic realm="x"'), "HTTP 401;",
     "or set NOTARY_AUTH"),
    ("asks for one without sense", 6, says(401, WWW_Authenticate='Bearer x="'),
     "a quoted string without an end", "whoever runs it must mend that"),
    ("refuses", 6, says(403, error("DENIED")), "HTTP 403 DENIED: so it is", "docker login 127.0.0.1:"),
    ("is no trust server", 6, says(404, PAGE, "text/html"), "no Notary server answers here",
     "--server or DOCKER_CONTENT_TRUST_SERVER"),
    ("lost the repository", 4, says(404, error("METADATA_NOT_FOUND")), "vanished", "remove '"),
    ("wants us later", 6, says(429, Retry_After="60"), "HTTP 429",
     "wants to be asked again in 60 s"),
    ("wants us later and does not say when", 6, says(429), "HTTP 429", "try again later"),
    ("is broken", 6, says(500, error("UNKNOWN")), "HTTP 500 UNKNOWN: so it is",
     "see the log of the server"),
    ("is broken and says nothing", 6, says(500, b"", None), "HTTP 500",
     "try again later, and see the log of the server"),
    ("is behind a proxy that does not find it", 6, says(502, PAGE, "text/html"),
     "HTTP 502 with a body of type 'text/html'", "try again"),
    ("has nothing", 6, says(204), "HTTP 204", "check the address, and proxies in between"),
    ("says that nothing has changed", 6, says(304), "HTTP 304", "proxies in between"),
    ("sends an empty file", 4, says(200), "timestamp: byte 0: want a value", DISTRUST),
    ("sends a page", 6, says(200, PAGE, "text/html"), "a page of HTML instead of timestamp.json",
     "login page"),
    ("sends half of the JSON", 4, says(200, b'{"signed":{"_type":"Ti'), "have the end", DISTRUST),
    ("sends a deep nest", 4, says(200, b"[" * 100000), "deeper than 64 levels", DISTRUST),
    ("sends a member twice", 4, says(200, b'{"signed":{},"signed":{}}'), "timestamp: ", DISTRUST),
    ("sends no UTF-8", 4, says(200, b'{"signed":"\xff\xfe"}'), "timestamp: ", DISTRUST),
    ("sends a bomb of gzip", 4, says(200, gzip.compress(bytes(64 << 20)), Content_Encoding="gzip"),
     "have 0x1f", DISTRUST),
    ("sends what nobody signed", 4,
     changed(lambda body: body.replace(b'"version":', b'"version":1')), "signed by 0 of 1",
     DISTRUST),
    ("hangs up within the body", 6, cut(b'{"signed":', 5000), "closed within the answer",
     "try again"),
    ("claims a terabyte", 6, cut(b'{"signed":', 1 << 40), "closed within the answer", "try again"),
    ("claims two lengths", 6,
     raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 5\r\n\r\n1"),
     "closed within the answer", "try again"),
    ("claims a length below zero", 6, raw(head(Content_Length="-5"), b"12345"), "Content-Length",
     "check host and port"),
    ("sends chunks that are none", 6, raw(head(Transfer_Encoding="chunked"), b"zz\r\nhello\r\n"),
     "chunked", "try again"),
    ("sends headers without an end", 6, raw(b"HTTP/1.1 200 OK\r\n", *MANY_HEADERS, b"\r\n"),
     "more than 65536 bytes", "check what answers"),
    ("sends a header without an end", 6, raw(b"HTTP/1.1 200 OK\r\nX: ", b"y" * (1 << 21)),
     "far too long", "check host and port"),
    ("speaks SSH", 6, raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP", "check host and port"),
    ("sends a body without a head", 6, raw(b'{"signed":'), "does not speak HTTP", "check host"),
    ("hangs up", 6, raw(), "closed without an answer", "check host and port, and the log"),
]


@pytest.mark.parametrize("status, lie, cause, remedy", [row[1:] for row in TRUST_SERVERS],
                         ids=[row[0] for row in TRUST_SERVERS])
def test_a_trust_server_that(world, status, lie, cause, remedy):
    world.trust_server_is_blamed(world.client, status, lie, TIMESTAMP, cause, remedy)


@pytest.mark.parametrize("pattern", [TIMESTAMP, ROOT], ids=["timestamp", "root"])
def test_an_answer_without_an_end_is_cut_off(world, newcomer, pattern):
    bound = (1 if pattern == TIMESTAMP else 16) << 20
    world.trust_server_is_blamed(newcomer, 6, endless(b'{"signed":"'), pattern,
                                 f"the answer has more than {bound} bytes", "check what answers")
    assert world.trust.sent_bytes < bound + (32 << 20)  # what is under way


@pytest.mark.parametrize("pattern", [SNAPSHOT, TARGETS], ids=["snapshot", "targets"])
def test_an_answer_is_cut_off_where_it_is_longer_than_listed(world, newcomer, pattern):
    world.trust_server_is_blamed(newcomer, 4, endless(b'{"signed":"'), pattern,
                                 "the answer has more than", "must look into it")
    assert world.trust.sent_bytes < 16 << 20  # what is under way


FILES = [
    ("hidden root", ROOT, says(404, error("METADATA_NOT_FOUND")), "has a timestamp of"),
    ("root with a byte more", ROOT, changed(lambda body: body + b" "), "lists another root"),
    ("altered root", ROOT, changed(lambda body: body.replace(b'"version":1', b'"version":2')),
     "signed by 0 of 1"),
    ("hidden snapshot", SNAPSHOT, says(404, error("METADATA_NOT_FOUND")), "has no such file"),
    ("snapshot with a byte more", SNAPSHOT, changed(lambda body: body + b" "),
     "the answer has more than"),
    ("altered snapshot", SNAPSHOT, changed(lambda body: body.replace(b"3", b"4", 1)),
     "snapshot: sha256 is"),
    ("hidden targets", TARGETS, says(404, error("METADATA_NOT_FOUND")), "has no such file"),
    ("targets with a byte less", TARGETS, changed(lambda body: body[:-1]), "targets: file is"),
    ("altered targets", TARGETS, changed(lambda body: body.replace(b"v1", b"v2")),
     "targets: sha256 is"),
]


@pytest.mark.parametrize("pattern, lie, cause", [row[1:] for row in FILES],
                         ids=[row[0] for row in FILES])
def test_files_that_are_not_those_that_are_listed_are_not_taken(
        world, newcomer, pattern, lie, cause):
    status = 6 if cause == "has a timestamp of" else 4
    world.trust_server_is_blamed(newcomer, status, lie, pattern, cause, "must look into it")


def test_trust_data_is_not_fetched_through_redirects(world):
    with BadServer(0) as elsewhere:
        for location in (f"http://{elsewhere.host}/x", "file:///etc/passwd", "https://example.com/"):
            world.trust_server_is_blamed(
                world.client, 6, sends_on(location), TIMESTAMP, f"sends us on to '{location}'",
                "name that server with --server, if it is the right one")
        assert not elsewhere.requests


def test_old_http_will_do_and_compression_is_not_asked_for(world):
    def old(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + handler.forward()[2])
    with world.trust.lying(TIMESTAMP, old):
        assert world.image.hex in world.client.run("list", world.gun)
        (headers,) = world.trust.asked(TIMESTAMP)
        assert "Accept-Encoding" not in headers


@pytest.mark.parametrize("lie, says_so", [
    (says(403, error("DENIED")), ["HTTP 403 DENIED", "docker login"]),
    (says(413, PAGE, "text/html"), ["HTTP 413", "proxies in between"]),
    (says(500, error("UNKNOWN")), ["HTTP 500 UNKNOWN", "see the log of the server"]),
    (sends_on("https://example.com/"), ["sends us on to 'https://example.com/'"]),
    (says(200, PAGE, "text/html"), ["3 times that it has taken the publication",
                                    "whoever runs it must look into it"]),
], ids=["refused", "too-large", "broken", "sent-on", "not-taken"])
def test_what_is_not_published_is_not_said_to_be(world, lie, says_so, request):
    gun = f"{world.registry.host}/bad/{request.node.callspec.id}"
    world.client.run("init", gun)
    line = ["addhash", gun, "v1", "5", "--sha256", "ab" * 32]
    with world.trust.lying(PUBLICATION, lie):
        said = world.client.refused(6, *line)
    for sentence in (gun, world.trust.url, *says_so):
        assert sentence in said, said
    assert "v1" not in world.client.run("list", gun)
    world.client.run(*line)
    assert "ab" * 32 in world.client.run("list", gun)


def test_a_new_repository_that_is_not_taken_is_not_said_to_be(world):
    gun = f"{world.registry.host}/bad/new"
    with world.trust.lying(PUBLICATION, says(200)):
        said = world.client.refused(6, "init", gun)
    assert gun in said and world.trust.url in said
    assert "3 times that it has taken the publication" in said
    world.client.refused(4, "list", gun)
    world.client.run("init", gun)


# The registry


NO_MANIFEST = "which is no manifest that we know"
REGISTRIES = [
    ("wants to know who is there", 6, says(401, error("UNAUTHORIZED")), "not without credentials",
     "docker login 127.0.0.1:"),
    ("refuses", 6, says(403, error("DENIED")), "HTTP 403 DENIED: so it is",
     "docker login 127.0.0.1:"),
    ("is no registry", 6, says(404, PAGE, "text/html"), "there is no registry here",
     "check the host in the name"),
    ("does not have the tag", 1, says(404, error("MANIFEST_UNKNOWN")), "has no 'v1'",
     "push the image first"),
    ("wants us later", 6, says(429, Retry_After="60"), "HTTP 429",
     "wants to be asked again in 60 s"),
    ("is broken", 6, says(500, error("UNKNOWN")), "HTTP 500 UNKNOWN: so it is",
     "see the log of the server"),
    ("is overloaded", 6, says(503), "HTTP 503", "try again later"),
    ("sends nothing", 6, says(200), NO_MANIFEST, "check whether it is an image"),
    ("sends a page", 6, says(200, PAGE, "text/html"), f"'text/html', {NO_MANIFEST}",
     "proxies in between"),
    ("says that nothing has changed", 6, says(304), "HTTP 304", "proxies in between"),
    ("hangs up within the body", 6, cut(b'{"schemaVersion":2', 5000), "closed within the answer",
     "try again"),
    ("sends chunks that are none", 6, raw(head(Transfer_Encoding="chunked"), b"zz\r\nhello\r\n"),
     "chunked", "try again"),
    ("sends headers without an end", 6, raw(b"HTTP/1.1 200 OK\r\n", *MANY_HEADERS, b"\r\n"),
     "more than 65536 bytes", "check what answers"),
    ("speaks SSH", 6, raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP", "check host and port"),
    ("hangs up", 6, raw(), "closed without an answer", "check host and port, and the log"),
    ("sends us to a file", 6, sends_on("file:///etc/passwd"),
     "redirect: 'file:///etc/passwd'", "want https://"),
    ("sends us to plain HTTP", 6, sends_on("http://example.com/"), "http://example.com/",
     "want https://; plain http:// is for loopback only"),
    ("sends us round in circles", 6, sends_on("/v2/bad/server/manifests/v1"),
     "more than 5 redirects", "whoever runs it must mend that"),
    ("lies about the digest", 4, changed(bytes, Docker_Content_Digest="sha256:" + "00" * 32),
     "the registry says sha256:000", "nothing was signed: see to the registry"),
    ("sends another manifest", 4, changed(lambda body: body + b" "),
     "the digest of what came is sha256:", "nothing was signed: see to the registry"),
]


@pytest.mark.parametrize("status, lie, cause, remedy", [row[1:] for row in REGISTRIES],
                         ids=[row[0] for row in REGISTRIES])
def test_a_registry_that(world, status, lie, cause, remedy):
    world.registry_is_blamed(status, lie, cause, remedy)


def test_a_manifest_without_an_end_is_cut_off(world):
    bound = 16 << 20
    world.registry_is_blamed(6, endless(), f"the answer has more than {bound} bytes")
    assert world.registry.sent_bytes < bound + (32 << 20)


def test_a_manifest_of_another_digest_than_the_one_asked_for_is_not_signed(world):
    world.registry_is_blamed(
        4, changed(lambda body: body + b" ", Docker_Content_Digest=""), "has moved",
        "nothing was signed", reference=f"v1@{world.image.digest}")


def test_a_tag_and_a_repository_that_are_not_there(world):
    for image, name in (("bad/server", "v9"), ("bad/absent", "v1")):
        said = world.client.refused(1, "sign", f"{world.registry.host}/{image}:{name}")
        assert f"'{world.registry.host}/{image}' has no '{name}'" in said
        assert "push the image first, and check the spelling" in said


def test_credentials_do_not_follow_a_redirect_to_another_host(world, new_client):
    user = new_client(world.agent, server=world.trust)
    user.write(".docker/config.json",
               '{"auths":{"%s":{"auth":"YWxpY2U6c2VzYW1l"}}}' % world.registry.host)

    def ask_then_send_on(handler):
        if "Authorization" in handler.headers:
            handler.answer(302, [("Location", f"http://{storage.host}{handler.path}")], b"")
        else:
            handler.answer(401, [("WWW-Authenticate", 'Basic realm="x"')], b"")

    with BadServer(world.registry.backend_port) as storage:
        with world.registry.lying(MANIFEST, ask_then_send_on):
            user.run("explain", "sign", f"{world.gun}:v1")
            assert any("Authorization" in asked for asked in world.registry.asked(MANIFEST))
        assert storage.requests
        assert not any("Authorization" in headers for _, _, headers in storage.requests)


# Both hang


def test_servers_that_hang_are_given_up(world, new_client):
    """All at the same time: the one that is given up last takes 30 s."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, \
            world.trust.lying(TIMESTAMP, silent()), world.registry.lying(MANIFEST, silent(
                head(Content_Type=MANIFEST_TYPE, Content_Length=500) + b'{"schema')):
        deaf_url = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        runs = [(user, user.start(*line), sentence) for user, line, sentence in (
            (new_client(server=world.trust), ["list", world.gun],
             f"{world.trust.url}/v2/{world.gun}/_trust/tuf/timestamp.json: the server hangs"),
            (new_client(world.agent, server=world.trust), world.sign(),
             f"http://{world.registry.host}/v2/bad/server/manifests/v1: the server hangs"),
            (new_client(), ["list", world.gun, "-s", deaf_url], f"{deaf_url}/v2/"))]
        for user, run, sentence in runs:
            done = user.finish(run)
            assert done.returncode == 6, done.stderr
            assert sentence in done.stderr
            assert "try again, and see its log" in done.stderr or \
                "check the address, and firewalls in between" in done.stderr
