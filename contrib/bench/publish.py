# SPDX-License-Identifier: Apache-2.0
"""publish: one tag in four roles, and one more tag in a role that has many, beside notary and curl

All publish on one notary-server. What curl posts was signed before and is only sent.
"""
import base64
import functools
import hashlib
import itertools
import json
import re
import subprocess
import threading
import time

import machine
import rig_users
from bench import AtMost, RatioAtMost
from process import cost
from rig_agent import Agent
from rig_chain import Chain
from rig_client import Client
from rig_delegate import Delegate
from rig_document import canonical, key_id, key_object, request, target, targets
from rig_image import Image
from rig_notary import Notary
from rig_notary_server import NotaryServer
from rig_policy import ROLES, Policy
from rig_process import environment
from rig_readers import TEAMS
from rig_registry import Registry
from rig_token import Token

ROLE = "targets/qa"

_numbers = itertools.count(1)


def digest(tag):
    return hashlib.sha256(tag.encode()).hexdigest()


def names(n):
    """Targets of so many tags."""
    return {tag: target(digest(tag), 1024) for tag in (f"v{i:06}" for i in range(n))}


def new_tag():
    return f"w{next(_numbers)}"


@functools.cache
def made_token(scratch):
    """The token that others are copied from."""
    return Token(scratch.directory("token"), rig_users.AGENT,
                 {name: "EC:secp256r1" for name in ROLES})


class Ours:
    """An agent, and a client who is granted all of its keys."""

    def __init__(self, bench, server, registry):
        self.bench, self.server, self.registry = bench, server, registry
        token = made_token(bench.scratch).copy(bench.scratch.directory("token"))
        policy = Policy(token, registry.host, bench.sanitizer)
        self.agent = Agent(bench.programs, bench.sanitizer, bench.scratch.directory("agent"),
                           policy).start()
        self.client = Client(bench.programs, bench.sanitizer, bench.scratch.directory("home"), None,
                             agent=self.agent, notary_server=server)
        self.qa = key_id(key_object(token.public_key("qa")))

    def found(self):
        """A repository with a role for each team."""
        gun = f"{self.registry.host}/bench/{next(_numbers)}"
        self.client.run("init", gun)
        for role, keys in TEAMS.items():
            self.client.run("delegation", "add", gun, role, *(f"agent:{key}" for key in keys))
        return gun

    def cost(self, *args):
        daemons = self.agent.process.pid, *self.agent.workers()
        return cost(lambda: self.client.run(*args), *daemons)

    def add(self, gun, roles):
        tag = new_tag()
        roles = [word for role in roles for word in ("-r", role)]
        return self.cost("addhash", gun, tag, "1024", "--sha256", digest(tag), *roles)

    def sign(self, gun):
        """What the registry has under a new tag."""
        reference = f"{gun}:{new_tag()}"
        self.registry.push(Image(self.bench.scratch.directory("image"), reference), reference)
        return self.cost("sign", reference)

    def file(self, gun, version, tags):
        """A signed file of the role, as it is published."""
        message = canonical(targets(version=version, names=tags))
        base = Chain(self.server, gun, [ROLE] if version > 1 else [])
        signed = self.agent.call("Sign", documents=[request(gun, ROLE, message, self.qa)],
                                 bases=[base.parameter()])
        (signature,) = signed["documents"][0]["signatures"]
        text = json.dumps([{"keyid": signature["key"], "method": signature["method"],
                            "sig": signature["sig"]}], separators=(",", ":"))
        return b'{"signed":' + message + b',"signatures":' + text.encode() + b"}"

    def instructions(self, gun, roles):
        """Of the client, in millions; those of the kernel are not counted."""
        tag = new_tag()
        roles = [word for role in roles for word in ("-r", role)]
        done = subprocess.run(
            ["/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
             self.bench.programs.client, "addhash", gun, tag, "1024", "--sha256", digest(tag),
             *roles], cwd=self.client.home, env=self.client.environment, capture_output=True,
            text=True, **self.client.user.popen())
        assert done.returncode == 0, done.stderr
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1)) / 1e6


class Poster:
    """Posts files of one repository, that are ready, with curl."""

    def __init__(self, bench, ours, gun, tags):
        self.ours, self.gun, self.tags, self.version = ours, gun, tags, 0
        self.path = bench.scratch.directory("curl") / "file"

    def post(self):
        """The next version, with one tag more."""
        self.version += 1
        self.tags = {**self.tags, new_tag(): target()}
        self.path.write_bytes(self.ours.file(self.gun, self.version, self.tags))
        return cost(self._curl)

    def _curl(self):
        server = self.ours.server
        done = subprocess.run(
            ["/usr/bin/curl", "--silent", "--show-error", "--fail", "--http1.1",
             "--cacert", server.tls.certificate,
             "--form", f"files=@{self.path};filename={ROLE};type=application/octet-stream",
             f"{server.url}/v2/{self.gun}/_trust/tuf/"],
            env=environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


class Theirs:
    """A user of notary with the same roles, and keys in files."""

    def __init__(self, bench, server):
        self.notary = Notary(bench.scratch.directory("notary"), server)
        self.keys = {name: Delegate(self.notary, name)
                     for name in sorted({key for keys in TEAMS.values() for key in keys})}

    def found(self):
        gun = f"notary.example.com/bench/{next(_numbers)}"
        self.notary.run("init", gun, "-p")
        self.notary.run("key", "rotate", gun, "snapshot", "-r")
        for role, keys in TEAMS.items():
            self.notary.run("delegation", "add", "-p", gun, role, "--all-paths",
                            *(self.keys[key].public for key in keys))
        return gun

    def fill(self, gun, tags):
        """Publish what so many calls of addhash leave to be published."""
        directory = self.notary.directory / "trust" / "tuf" / gun / "changelist"
        directory.mkdir(parents=True, exist_ok=True)
        for i, (name, entry) in enumerate(tags.items()):
            data = base64.b64encode(json.dumps(entry).encode()).decode()
            (directory / f"{i:020}_bench.change").write_text(json.dumps(
                {"action": "create", "role": ROLE, "type": "target", "path": name, "data": data}))
        self.notary.run("publish", gun)

    def add(self, gun, roles):
        tag = new_tag()
        return cost(lambda: self._add(gun, tag, roles))

    def _add(self, gun, tag, roles):
        for role in roles:
            self.notary.run("addhash", gun, tag, "1024", "--sha256", digest(tag), "-r", role)
        self.notary.run("publish", gun)


class Bystander(threading.Thread):
    """Another client, who asks for signatures one after the other."""

    def __init__(self, ours):
        super().__init__(daemon=True)
        self.gun, self.key = f"{ours.registry.host}/bystander/{next(_numbers)}", ours.qa
        self.connection = ours.agent.connect()
        self.longest_ms = 0
        self.is_over = threading.Event()

    def run(self):
        for version in itertools.count(1):
            document = request(self.gun, ROLE, targets(version=version), self.key)
            start = time.monotonic()
            self.connection.call("Sign", documents=[document])
            self.longest_ms = max(self.longest_ms, (time.monotonic() - start) * 1e3)
            if self.is_over.is_set():
                return

    def beside(self, function):
        """How long one had to wait at most, in milliseconds, while function ran."""
        self.start()
        try:
            function()
        finally:
            self.is_over.set()
            self.join()
            self.connection.close()
        return self.longest_ms


def run(bench):
    server, registry = NotaryServer(bench.scratch), Registry(bench.scratch)
    ours = Ours(bench, server, registry)
    try:
        compare_roles(bench, ours, Theirs(bench, server))
        compare_tags(bench, ours, Theirs(bench, server), bench.choose(10000, 20))
        if not bench.is_quick:
            measure_tags(bench, ours, 100000)
    finally:
        ours.agent.stop()
        registry.stop()
        server.stop()


def compare_roles(bench, ours, theirs):
    """Six signatures, where three teams have a role each and share one."""
    gun, notary_gun = ours.found(), theirs.found()
    for one, other in ((ours, gun), (theirs, notary_gun)):
        one.add(other, TEAMS)
    costs = bench.rounds({
        "sign": lambda: ours.sign(gun),
        "addhash": lambda: ours.add(gun, TEAMS),
        "notary": lambda: theirs.add(notary_gun, TEAMS),
    })
    walls = {name: [c.wall_ms for c in costs[name]] for name in costs}
    cpus = {name: [c.cpu_ms for c in costs[name]] for name in costs}
    peer = "notary: 4 addhash, publish"
    bench.add("one tag in four roles: sign", "ms", walls["sign"], peer=walls["notary"],
              peer_name=peer, aim=RatioAtMost(1 / 3))
    bench.add("  processor time", "ms", cpus["sign"], peer=cpus["notary"], peer_name=peer)
    bench.add("one tag in four roles: addhash", "ms", walls["addhash"], peer=walls["notary"],
              peer_name=peer, aim=RatioAtMost(1 / 3))
    bench.add("  processor time", "ms", cpus["addhash"], peer=cpus["notary"], peer_name=peer)
    if machine.option(bench.build, "b_sanitize") == "none" and not bench.is_quick:
        bench.add("  instructions of the client", "million", [ours.instructions(gun, TEAMS)])


def fill(bench, ours, n):
    """Two repositories of ours whose role has n tags: one to add to, one for curl to post to."""
    posters = [Poster(bench, ours, ours.found(), names(n)) for _ in range(2)]
    for poster in posters:
        poster.post()
    ours.add(posters[0].gun, [ROLE])  # the client has it in its cache, the agent has warmed up
    return posters[0].gun, posters[1]


def compare_tags(bench, ours, theirs, n):
    gun, poster = fill(bench, ours, n)
    notary_gun = theirs.found()
    theirs.fill(notary_gun, names(n))
    theirs.add(notary_gun, [ROLE])
    costs = bench.rounds({
        "ours": lambda: ours.add(gun, [ROLE]),
        "curl": poster.post,
        "notary": lambda: theirs.add(notary_gun, [ROLE]),
        "wait": lambda: Bystander(ours).beside(lambda: ours.add(gun, [ROLE])),
    })
    add_tags(bench, poster, n, costs, aims=True)
    bench.add("  processor time", "ms", [c.cpu_ms for c in costs["ours"]],
              peer=[c.cpu_ms for c in costs["notary"]], peer_name="notary: addhash, publish",
              aim=RatioAtMost(1 / 4))
    bench.add("  longest wait of another client", "ms", costs["wait"], aim=AtMost(300))
    if machine.option(bench.build, "b_sanitize") == "none" and not bench.is_quick:
        bench.add("  instructions of the client", "million", [ours.instructions(gun, [ROLE])])


def measure_tags(bench, ours, n):
    gun, poster = fill(bench, ours, n)
    costs = bench.rounds({"ours": lambda: ours.add(gun, [ROLE]), "curl": poster.post})
    add_tags(bench, poster, n, costs, aims=False)


def add_tags(bench, poster, n, costs, aims):
    size_mib = poster.path.stat().st_size / 2**20
    bench.add(f"one tag more than {n:,} ({size_mib:.2g} MiB)", "ms",
              [c.wall_ms for c in costs["ours"]], peer=[c.wall_ms for c in costs["curl"]],
              peer_name="curl posts ready bytes", aim=RatioAtMost(1.3) if aims else None)
    bench.add("  peak of the agent's memory above idle", "documents",
              [c.peak_mib / size_mib for c in costs["ours"]],
              aim=AtMost(4) if aims else None, may_be_zero=True)
