# SPDX-License-Identifier: Apache-2.0
"""Images of the Docker Engine: pushed under a temporary tag, which nobody finds afterwards, signed,
and pulled again by an engine whose user insists on content trust."""
import base64
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import urllib.request

import pytest

from rig_docker import Docker
from rig_image import Image
from rig_policy import Policy
from rig_process import environment
from rig_registry import Registry
from rig_scratch import give_tree, write
from rig_stub_engine import StubEngine

# One process runs one engine: dockerd has files of its own outside of what it is told to use.
pytestmark = pytest.mark.xdist_group("engine")
TRUST = {"DOCKER_CONTENT_TRUST": "1"}
ONES = "sha256:" + "1" * 64
# The password "open:sesame", as htpasswd(1) writes it.
OPEN_SESAME = "$2b$04$.wW8qBMAKxPsQ1zLXbg//Osod820KXNTp7vEHlX/hocUzRcpAorD6"


@pytest.fixture
def puller(scratch, notary_server, engine):
    """The same engine; the users of the tests may use it."""
    os.chmod(engine.host.removeprefix("unix://"), 0o666)
    return Docker(scratch.directory("docker"), notary_server, engine.host)


@pytest.fixture
def build_image(puller, scratch):
    """Makes an image in the engine: build_image(name, text)."""
    def make(name, text):
        path = scratch.directory("layer") / "layer.tar"
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("hello")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        puller.run("import", str(path), name)
    return make


@pytest.fixture
def new_stub(scratch):
    """Makes an engine that pushes as told; it is stopped after the test."""
    stubs = []

    def make(on_push, **more):
        stubs.append(StubEngine(scratch.directory("stub"), on_push, **more).__enter__())
        return stubs[-1]

    yield make
    for stub in stubs:
        stub.__exit__()


def tags_of(repository, credentials=None):
    """What the registry says."""
    host, path = repository.split("/", 1)
    request = urllib.request.Request(f"http://{host}/v2/{path}/tags/list")
    if credentials:
        request.add_header(
            "Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
    try:
        with urllib.request.urlopen(request) as answer:
            return sorted(json.load(answer)["tags"] or [])
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return []


def digest_of(reference):
    """What skopeo says."""
    return json.loads(subprocess.run(
        ["/usr/bin/skopeo", "inspect", "--tls-verify=false", f"docker://{reference}"],
        env=environment(HOME="/nonexistent"), check=True, stdout=subprocess.PIPE,
        timeout=60).stdout)["Digest"]


def test_pushes_what_the_engine_has(client, gun, engine, puller, build_image):
    repositories = [f"{gun}/web", f"{gun}/db"]
    client.run("init", *repositories)
    images = [f"{repositories[0]}:v1", f"{repositories[0]}:v2", f"{repositories[1]}:v1"]
    for image in images:
        build_image(image, f"first {image}")
    client.run("push", *images, DOCKER_HOST=engine.host)
    assert tags_of(repositories[0]) == ["v1", "v2"] and tags_of(repositories[1]) == ["v1"]
    assert "countersign-" not in puller.run("images")
    for image in images:
        puller.run("rmi", image)
        assert digest_of(image) in puller.run("pull", image, **TRUST)

    # The tag moves with its signature.
    before = digest_of(images[0])
    build_image(images[0], "second")
    client.run("push", images[0], DOCKER_HOST=engine.host)
    puller.run("rmi", images[0])
    assert before != digest_of(images[0]) and digest_of(images[0]) in puller.run(
        "pull", images[0], **TRUST)
    said = client.refused(1, "push", f"{gun}/web:none", DOCKER_HOST=engine.host)
    assert f"has no image '{gun}/web:none': build or tag it" in said
    assert tags_of(repositories[0]) == ["v1", "v2"]


def test_finds_the_engine_as_docker_does(client, gun, engine, puller, build_image):
    client.run("init", gun)
    build_image(f"{gun}:v1", "one")
    (client.home / "tls").mkdir()
    # One certificate for all: the authority, the engine's, and the client's.
    names = {name: client.write(f"tls/{name}.pem", path.read_text()) for name, path in (
        ("ca", engine.tls.certificate), ("cert", engine.tls.certificate), ("key", engine.tls.key))}
    by_host = {"DOCKER_HOST": engine.tls_host, "DOCKER_TLS_VERIFY": "1"}
    client.run("push", f"{gun}:v1", **by_host, DOCKER_CERT_PATH=str(client.home / "tls"))
    assert tags_of(gun) == ["v1"]
    said = client.refused(6, "push", f"{gun}:v1", **by_host)
    assert f"engine '{engine.tls_host}' of DOCKER_HOST" in said

    config = {"DOCKER_CONFIG": str(client.home / ".docker")}
    puller.run("context", "create", "far", "--docker", f"host={engine.tls_host}," + ",".join(
        f"{name}={path}" for name, path in names.items()), **config)
    give_tree(client.home, client.user.uid)
    assert "nothing to publish" in client.run("push", f"{gun}:v1", DOCKER_CONTEXT="far")
    puller.run("context", "use", "far", **config)
    give_tree(client.home, client.user.uid)
    assert "nothing to publish" in client.run("push", f"{gun}:v1")
    assert "docker has no context 'near'" in client.refused(
        1, "push", f"{gun}:v1", DOCKER_CONTEXT="near")


@pytest.fixture(scope="session")
def strict_registry(scratch):
    """Asks for a password, and deletes nothing."""
    users = scratch.directory("users") / "htpasswd"
    write(users, f"ci:{OPEN_SESAME}\n")
    server = Registry(scratch, {"htpasswd": {"realm": "strict", "path": str(users)}}, deletes=False)
    yield server
    server.stop()


def test_gives_the_engine_the_password_and_tells_of_the_tag_that_stays(
        strict_registry, new_agent, new_client, token, sanitizer, engine, puller, build_image):
    repository = f"{strict_registry.host}/shop/web"
    client = new_client(new_agent(Policy(token, strict_registry.host, sanitizer)).start())
    client.run("init", repository)
    build_image(f"{repository}:v1", "one")
    said = client.refused(6, "push", f"{repository}:v1", DOCKER_HOST=engine.host)
    assert "docker login" in said
    auth = base64.b64encode(b"ci:open:sesame").decode()
    client.write(".docker/config.json",
                 json.dumps({"auths": {strict_registry.host: {"auth": auth}}}))
    done = client.try_run("push", f"{repository}:v1", DOCKER_HOST=engine.host)
    assert done.returncode == 0, done.stderr
    temporary, tag = tags_of(repository, "ci:open:sesame")
    assert tag == "v1" and f"the temporary tag '{repository}:{temporary}' stays" in done.stderr
    assert "open:sesame" not in done.stdout + done.stderr
    assert "countersign-" not in puller.run("images")


@pytest.fixture
def pushes(registry, scratch):
    """What a push of the stub does: pushes(image, say) uploads the image and says what say(tag,
    image) gives."""
    def make(image, say):
        def on_push(reply, name, tag):
            registry.push(image, f"{name}:{tag}")
            for message in say(tag, image):
                reply(message)
        return on_push
    return make


def line(tag, image):
    return {"status": f"{tag}: digest: {image.digest} size: {image.size}"}


def test_understands_the_containerd_store(client, gun, new_stub, pushes, scratch, readers):
    client.run("init", gun)
    index = Image(scratch.directory("image"), "index", ("amd64", "arm64"))
    single = Image(scratch.directory("image"), "single")
    whole = new_stub(pushes(index, lambda tag, image: [line(tag, image)]))
    client.run("push", f"{gun}:index", DOCKER_HOST=whole.host)
    part = new_stub(pushes(single, lambda tag, image: [
        {"aux": {"manifestPushedInsteadOfIndex": True, "originalIndex": {"digest": index.digest},
                 "selectedManifest": {"digest": image.digest, "platform": {
                     "os": "linux", "architecture": "amd64"}}}},
        line(tag, image)]))
    done = client.try_run("push", f"{gun}:part", DOCKER_HOST=part.host)
    assert done.returncode == 0, done.stderr
    assert "does not have all platforms of the index, and pushes one of them: linux/amd64" \
        in done.stderr
    client.run("push", f"{gun}:arm", "--platform", "linux/arm64", DOCKER_HOST=whole.host)
    assert "%22architecture%22%3A%22arm64%22" in "".join(whole.requests)
    assert readers.read(gun, "targets") == {
        ("index", "targets"): (index.hex, index.size), ("arm", "targets"): (index.hex, index.size),
        ("part", "targets"): (single.hex, single.size)}
    assert tags_of(gun) == ["arm", "index", "part"] and not whole.tags and not part.tags


def test_a_push_that_fails_leaves_nothing_under_any_tag(client, gun, new_stub, pushes, scratch):
    client.run("init", gun)
    image = Image(scratch.directory("image"), "image")

    def dies(reply, name, tag):
        reply({"status": "Pushing", "id": "27884c31bb5b",
               "progressDetail": {"current": 1, "total": 2}})
        reply(b'{"status":"Pu')
        raise StubEngine.Dies

    cases = [
        (dies, 6, "engine 'unix://"),
        (lambda reply, *_: None, 6, "ended without a word on the digest, after 0 messages"),
        (lambda reply, *_: (
            reply({"aux": {"contentMissing": True, "desc": {"digest": ONES}}}),
            reply({"errorDetail": {"message": "content digest: not found"}, "error": "x"})),
         6, "does not have all platforms of the index, and --platform names one"),
        (lambda reply, *_: reply(b"Bad Gateway"), 6, "says what is no JSON"),
        (pushes(image, lambda tag, image: [{"status": f"{tag}: digest: {ONES} size: 5"}]), 4,
         f"is {image.digest} in the registry, the engine says that it pushed {ONES}"),
        (lambda reply, name, tag: reply(line(tag, image)), 6, "but it is not there: check whether '"),
        (pushes(image, lambda tag, image: [{"error": "the disk is full"}]), 6,
         "says: the disk is full"),
    ]
    for on_push, status, sentence in cases:
        stub = new_stub(on_push)
        assert sentence in client.refused(status, "push", f"{gun}:v1", DOCKER_HOST=stub.host)
        assert not stub.tags and not tags_of(gun)
    old = new_stub(cases[0][0], api="1.41")
    assert "pushes no single platform" in client.refused(
        1, "push", f"{gun}:v1", "--platform", "linux/arm64", DOCKER_HOST=old.host)
    closed = new_stub(cases[0][0], mode=0o600)
    assert "no right to the engine's socket" in client.refused(
        6, "push", f"{gun}:v1", DOCKER_HOST=closed.host)
    assert not closed.requests


def test_an_interrupt_takes_the_temporary_tag_away(client, gun, new_stub, registry, scratch):
    client.run("init", gun)
    image = Image(scratch.directory("image"), "image")
    has_pushed, is_removing, is_over = (threading.Event() for _ in range(3))

    def hangs(reply, name, tag):
        registry.push(image, f"{name}:{tag}")
        has_pushed.set()
        is_over.wait(60)

    stub = new_stub(hangs)
    popen = client.start("push", f"{gun}:v1", DOCKER_HOST=stub.host)
    assert has_pushed.wait(60)
    assert len(stub.tags) == 1 and len(tags_of(gun)) == 1
    popen.send_signal(signal.SIGINT)
    done = client.finish(popen)
    assert done.returncode == 130, done.stderr
    assert not stub.tags and not tags_of(gun)

    # A second one is for those who do not want to wait for that either.
    has_pushed.clear()
    stub = new_stub(hangs, on_delete=lambda: (is_removing.set(), is_over.wait(60)))
    popen = client.start("push", f"{gun}:v1", DOCKER_HOST=stub.host)
    assert has_pushed.wait(60)
    (temporary,) = stub.tags
    popen.send_signal(signal.SIGINT)
    assert is_removing.wait(60)
    popen.send_signal(signal.SIGINT)
    done = client.finish(popen)
    is_over.set()
    assert done.returncode == 130
    assert f"the temporary tag '{temporary}' may stay: interrupted" in done.stderr
