# SPDX-License-Identifier: Apache-2.0
"""Bad networks and bad servers between a push and its end: it gets there in spite of them, or ends
with a sentence and has left everything as it was. Credentials go where they belong, whatever happens.
"""
import concurrent.futures
import re

import pytest
from rig_fault_proxy import Fault
from rig_fault_world import FaultWorld, State
from rig_faults import (PHASES, Gate, answers, changes, drinks, drips, moves, redirects, resets,
                        says, stalls)

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
OTHER = "sha256:" + 64 * "0"
LARGE = 65 << 20  # more than UPLOAD_CHUNK_BYTES


@pytest.fixture(scope="module")
def world(scratch, programs, sanitizer, made_token):
    world = FaultWorld(scratch, programs, sanitizer, made_token)
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def credentials_are_kept(world):
    """A password goes to the token server, and tokens go to those for whom it gave them."""
    n = len(world.traffic.asked())
    yield
    fronts = {world.tokens: "Basic", world.registry: "Bearer", world.server: "Bearer"}
    for request in world.traffic.asked()[n:]:
        scheme, _, secret = request.authorization.partition(" ")
        assert not scheme or scheme == fronts.get(request.front), request
        assert not secret or secret not in request.path


class Pusher:
    """A repository, and pushes into it, of a new image each."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.gun = f"{world.registry.host}/{name}"
        world.client.run("init", self.gun)
        self.image = world.image(name)
        self.succeed()

    def line(self):
        return "push", "--from", f"oci:{self.image.directory}", f"{self.gun}:v1"

    def succeed(self):
        self.world.client.run(*self.line())
        assert self.world.state(self.gun) == State(self.image.hex, self.image.hex)

    def asked(self, pattern=".*", front=None):
        """Requests about this repository."""
        return [request for request in self.world.traffic.asked(pattern, front)
                if self.name in request.path]


def on(name, pattern, do, **more):
    """A fault of requests about one repository; pattern: "METHOD REST OF THE PATH"."""
    method, _, rest = pattern.partition(" ")
    if rest.startswith("/token"):
        return Fault(f"{method} {rest}{name}.*", do, **more)
    return Fault(f"{method} .*{name}.*{rest}", do, **more)


def together(tasks):
    """Run functions at the same time, as most of theirs is waiting."""
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        done = [pool.submit(task) for task in tasks]
    errors = [str(task.exception()) for task in done if task.exception()]
    assert not errors, "\n\n".join(errors)


# It gets there


def each(do):
    """Every request, once."""
    return [(".* ", do, {"is_of_each": True})]


def expired(world):
    """What a registry says of a token that is too old."""
    challenge = f'Bearer realm="{world.tokens.url}/token",service="countersign-tests-service"'
    return lambda **more: answers(401, "UNAUTHORIZED", WWW_Authenticate=challenge, **more)


UPLOAD = "(PUT|PATCH) /blobs/uploads/.*"
MANIFEST = "PUT /manifests/sha256:.*"
TAG = "PUT /manifests/v1"
PUBLICATION = "POST /_trust/tuf/"
PUBLISHED = (2, "POST .*/_trust/tuf/")  # the first is that of the rehearsal


def roads(world):
    """Faults by the name of the road: (pattern, what happens, and when)."""
    late = expired(world)
    http_date = "Fri, 31 Dec 1999 23:59:59 GMT"
    return {
        **{f"reset-{phase.replace(' ', '-')}": each(resets(phase)) for phase in PHASES},
        "ends-before": each(resets("before", is_reset=False)),
        "busy": each(answers(503)),
        "gateway": each(answers(502, is_done=True)),
        "too-many": [(what, answers(429, "TOOMANYREQUESTS", Retry_After=after), {})
                     for what, after in (("HEAD /blobs/.*", 1), (UPLOAD, http_date), (MANIFEST, 1),
                                         (TAG, 0))],
        "expired": [(what, late(), {"is_of_each": True})
                    for what in ("HEAD .*", "POST /blobs/.*", UPLOAD, MANIFEST, TAG)],
        "early": [(UPLOAD, late(is_early=True), {})],
        "slowly": [(".* ", drips(0.005, 200), {"times": 99})],
    }


def test_gets_there_where_every_request_fails_once(world):
    def go(name, faults):
        pusher = Pusher(world, name)
        pusher.image = world.image(name)
        faults = [on(name, pattern, do, **more) for pattern, do, more in faults]
        with world.traffic.faults(*faults):
            pusher.succeed()
        assert all(fault.hits for fault in faults), name

    def stall(name, what, is_passed, padding=0):
        """Only what stands where an upload of which it is known can go on is tried again."""
        pusher = Pusher(world, name)
        before, pusher.image = world.state(pusher.gun), world.image(name, padding=padding)
        with world.traffic.faults(on(name, what, stalls)):
            if is_passed:
                pusher.succeed()
                return
            said = world.client.refused(6, *pusher.line())
            assert re.search(r"hangs: nothing came for 3\d s", said), said
        assert world.state(pusher.gun) == before
        pusher.succeed()

    stalled = [("stall-trust", "GET /timestamp.json", False), ("stall-token", "GET /token.*", False),
               ("stall-start", "POST /blobs/.*", False), ("stall-upload", "PATCH .*", True, LARGE)]
    together([lambda road=road: go(*road) for road in roads(world).items()] +
             [lambda road=road: stall(*road) for road in stalled])


def test_uploads_what_is_large_in_spite_of_everything(world):
    pusher = Pusher(world, "large")
    pusher.image = world.image("large", padding=LARGE)
    happens = [resets("in request"), answers(503), expired(world)(is_early=True), drinks(0.0001)]
    faults = [on("large", "PATCH .*", do, first=n) for n, do in enumerate(happens, 1)]
    with world.traffic.faults(*faults):
        pusher.succeed()
    assert all(fault.hits for fault in faults)
    # docker's registry forgets an upload whose connection broke; nothing is sent without need.
    sent = sum(request.n_bytes for request in pusher.asked("(PUT|PATCH) .*"))
    assert LARGE < sent < 3 * LARGE


# It does not get there


REFUSALS = [
    # says, what, what happens, exit status, sentences, what is signed and tagged then, and behind how
    # many requests of what kind it happens
    ("a blob becomes another one", "PUT /blobs/uploads/.*",
     changes(Docker_Content_Digest=OTHER), 4, [OTHER], "nothing"),
    ("a manifest becomes another one", MANIFEST, changes(Docker_Content_Digest=OTHER), 4, [OTHER],
     "nothing"),
    ("the registry finds the upload damaged", "(PUT) /blobs/uploads/.*",
     answers(400, "DIGEST_INVALID"), 6, ["DIGEST_INVALID"], "nothing"),
    ("the rights are not there", "POST /blobs/.*", answers(403, "DENIED"), 6, ["DENIED"], "nothing"),
    ("the registry is broken", MANIFEST, answers(500), 6, ["HTTP 500"], "nothing"),
    ("the registry is busy for long", MANIFEST, answers(429, "TOOMANYREQUESTS", Retry_After=3600),
     6, ["3600"], "nothing"),
    ("no token is to be had", "GET /token.*", answers(401, "UNAUTHORIZED"), 6, [], "nothing"),
    ("the trust server is broken", PUBLICATION, answers(500), 6, ["HTTP 500"], "nothing"),
    ("the trust server refuses", PUBLICATION, answers(403, "DENIED"), 6, ["DENIED"], "nothing"),
    ("the trust server's answers are cut", "GET /timestamp.json", resets("in answer"), 6, [],
     "nothing"),
    ("the trust server's answers are short", "GET /timestamp.json",
     changes(lambda body: body[:len(body) // 2]), 4, ["timestamp"], "nothing"),
    ("the trust server's answers are cut when it has published", "GET /timestamp.json",
     resets("in answer"), 6, ["not known"], "trust", PUBLISHED),
    ("the trust server's answers are short when it has published", "GET /timestamp.json",
     changes(lambda body: body[:len(body) // 2]), 4, ["not known"], "trust", PUBLISHED),
    ("the tag may not move", TAG, answers(409, "TAG_IMMUTABLE"), 7, ["TAG_IMMUTABLE"], "trust"),
    ("the tag cannot be put", TAG, answers(500), 6, ["HTTP 500"], "trust"),
    ("the tag is read as another one", "GET /manifests/v1", says(200, b"{}", MANIFEST_TYPE), 4,
     ["sha256:"], "all"),
    ("the tag is not there", "GET /manifests/v1", answers(404, "MANIFEST_UNKNOWN"), 4,
     ["is not there, though"], "all"),
    ("the tag becomes another one", TAG, changes(Docker_Content_Digest=OTHER), 4, [OTHER], "all"),
]


@pytest.fixture(scope="module")
def pusher(world):
    return Pusher(world, "refused")


@pytest.mark.parametrize("row", REFUSALS, ids=[row[0].replace(" ", "-") for row in REFUSALS])
def test_ends_with_a_sentence(world, pusher, row):
    what, do, status, sentences, then, after = [*row[1:], (0, "")][:6]
    pusher.image = world.image("refused")
    before = world.state(pusher.gun)
    with world.traffic.faults(on("refused", what, do, times=1000, after=after)) as fault:
        said = world.client.refused(status, *pusher.line())
    assert fault.hits
    for sentence in [*sentences, "refused"]:
        assert sentence in said, said
    new = pusher.image.hex
    assert world.state(pusher.gun) == {
        "nothing": before, "trust": State(before.tag, new), "all": State(new, new)}[then], said
    pusher.succeed()


def test_tells_who_was_overtaken(world, pusher):
    """Whose tag comes last is chance, and who is not signed any more is told so."""
    gate = Gate()
    slow = pusher.image = world.image("slow")
    with world.traffic.faults(on("refused", TAG, gate)):
        process = world.client.start(*pusher.line())
        gate.wait()
    pusher.image = world.image("fast")
    pusher.succeed()
    gate.open()
    done = world.client.finish(process)
    assert done.returncode == 7 and "was signed as another image by others" in done.stderr
    assert world.state(pusher.gun) == State(slow.hex, pusher.image.hex)
    pusher.succeed()


# Sources


SOURCES = [
    # says, what, what happens, how often, exit status
    ("break once", "GET /blobs/.*", resets("in answer"), 1, 0),
    ("are busy once", "GET .*", answers(503), 1, 0),
    ("break always", "GET /blobs/.*", resets("in answer"), 1000, 6),
    ("are cut", "GET /blobs/.*", changes(lambda body: body[:-1]), 1000, 4),
    ("are changed", "GET /blobs/.*", changes(lambda body: bytes(len(body))), 1000, 4),
    ("are longer", "GET /blobs/.*", changes(lambda body: body + body), 1000, 4),
    ("have other manifests", "GET /manifests/.*", changes(lambda body: body + b"\n"), 1000, 4),
]


@pytest.mark.parametrize("what, do, times, status", [row[1:] for row in SOURCES],
                         ids=[row[0].replace(" ", "-") for row in SOURCES])
def test_takes_nothing_wrong_from_a_registry(world, pusher, what, do, times, status):
    """Nor does it show who it is to a source that does not ask."""
    image = world.image("source")
    world.upload(image, f"{world.registry.host}/source/{image.hex[:12]}:v1")
    before = world.state(pusher.gun)
    with world.traffic.faults(on(image.hex[:12], what, do, times=times)) as fault:
        done = world.client.try_run(
            "push", "--from", f"registry:{world.elsewhere.host}/source/{image.hex[:12]}:v1",
            f"{pusher.gun}:v1")
    assert fault.hits
    assert done.returncode == status, done.stderr
    assert world.state(pusher.gun) == (before if status else State(image.hex, image.hex))


# Other hosts


def demands(front):
    """Says that tokens are to be had there."""
    return answers(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{front.url}/token"')


ELSEWHERE = [
    # says, what, what happens, exit status, whether the other host is asked
    ("uploads", "POST /blobs/.*", moves, 0, True),
    ("manifests that are read", "GET /manifests/.*", redirects, 0, True),
    ("tags that are put", TAG, redirects, 6, False),
    ("blobs that are put", "(PUT|PATCH) /blobs/.*", redirects, 6, False),
    ("publications", PUBLICATION, redirects, 6, False),
    ("trust data", "GET /_trust/.*", redirects, 6, False),
    ("tokens", "GET /token.*", redirects, 6, False),
    ("realms without TLS", "GET /_trust/.*", demands, 6, False),
]


@pytest.mark.parametrize("what, do, status, is_asked", [row[1:] for row in ELSEWHERE],
                         ids=[row[0].replace(" ", "-") for row in ELSEWHERE])
def test_no_other_host_gets_credentials(world, pusher, what, do, status, is_asked):
    """What they would be worth there is shown by what comes without them."""
    n = len(world.traffic.asked(front=world.elsewhere))
    pusher.image = world.image("elsewhere")
    with world.traffic.faults(on("refused", what, do(world.elsewhere), times=1000)) as fault:
        done = world.client.try_run(*pusher.line())
    assert fault.hits
    assert done.returncode == status, done.stderr
    asked = world.traffic.asked(front=world.elsewhere)[n:]
    assert bool(asked) == is_asked
    assert not any(request.authorization or "cookie" in request.headers for request in asked)
    pusher.succeed()
