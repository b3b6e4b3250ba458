# SPDX-License-Identifier: Apache-2.0
"""many: tags of many repositories signed in three roles by one command, beside notary in a loop

The loop reads a tag from the registry with curl, as notary has to be told digest and size, and publishes it
in all of its roles at once. It is measured for some tags, and rates are compared.
"""
import hashlib
import http.client
import itertools
import json
import subprocess

from bench import RatioAtLeast
from layers import Layers
from process import cost
from publish import Ours, Theirs
from rig_image import MANIFEST
from rig_notary_server import NotaryServer
from rig_registry import Registry

TEAMS = ("developer", "qa", "devops")
ROLES = [word for team in TEAMS for word in ("-r", f"targets/{team}")]

_numbers = itertools.count(1)


class Shelf:
    """Repositories of a registry with so many tags each, all of them different manifests of one image."""

    def __init__(self, bench, registry, n_tags):
        layers = Layers(bench.scratch.directory("layers"), [64])
        self._registry = registry
        self._blobs = [(blob["digest"], layers.read(blob)) for blob in layers.blobs]
        manifest = json.loads(layers.read(layers.manifest))
        self._manifests = [json.dumps({**manifest, "annotations": {"n": str(n)}}).encode()
                           for n in range(n_tags)]

    def fill(self, path):
        """The names of the images that are then there."""
        connection = http.client.HTTPConnection(self._registry.host, timeout=60)
        for digest, data in self._blobs:
            place = _ask(connection, "POST", f"/v2/{path}/blobs/uploads/", 202)
            _ask(connection, "PUT", f"{place}&digest={digest}", 201, data)
        for n, manifest in enumerate(self._manifests):
            _ask(connection, "PUT", f"/v2/{path}/manifests/v{n}", 201, manifest)
        connection.close()
        return [f"{self._registry.host}/{path}:v{n}" for n in range(len(self._manifests))]


def _ask(connection, method, url, status, body=None):
    """Where it is, as the registry says."""
    connection.request(method, url, body, {"Content-Type": MANIFEST} if "/manifests/" in url else {})
    answer = connection.getresponse()
    assert answer.status == status, answer.read()
    answer.read()
    return answer.getheader("Location")


class OneCommand:
    def __init__(self, ours, shelf, n_repositories):
        self.ours = ours
        paths = [f"bench/many/{n}" for n in range(n_repositories)]
        self.names = [name for path in paths for name in shelf.fill(path)]
        for team in TEAMS:
            ours.client.run("signer", "add", team, *(f"{ours.registry.host}/{path}" for path in paths),
                            "--key", f"agent:{team}")
        self.sign()

    def sign(self):
        """All of them, whether they are signed already or not."""
        return self.ours.cost("sign", "--renew", *ROLES, *self.names)


class Loop:
    """One tag after the other, by its digest and size."""

    def __init__(self, theirs, manifest):
        """manifest: what the registry has under the tag, as a URL."""
        self.notary, self.manifest, self.gun = theirs.notary, manifest, "notary.example.com/many"
        self.notary.run("init", self.gun, "-p")
        self.notary.run("key", "rotate", self.gun, "snapshot", "-r")
        for team in TEAMS:
            self.notary.run("delegation", "add", "-p", self.gun, f"targets/{team}", "--all-paths",
                            theirs.keys[team].public)
        self.sign(1)

    def sign(self, n):
        return cost(lambda: [self._sign(f"v{next(_numbers)}") for _ in range(n)])

    def _sign(self, tag):
        read = subprocess.run(["/usr/bin/curl", "--silent", "--fail", "--header", f"Accept: {MANIFEST}",
                               self.manifest], check=True, capture_output=True).stdout
        self.notary.run("addhash", "-p", self.gun, tag, str(len(read)), "--sha256",
                        hashlib.sha256(read).hexdigest(), *ROLES)


def run(bench):
    server, registry = NotaryServer(bench.scratch), Registry(bench.scratch)
    ours = Ours(bench, server, registry)
    n_repositories, n_tags = bench.choose(50, 2), bench.choose(20, 2)
    n, n_sample = n_repositories * n_tags, bench.choose(20, 1)
    try:
        command = OneCommand(ours, Shelf(bench, registry, n_tags), n_repositories)
        loop = Loop(Theirs(bench, server), f"http://{registry.host}/v2/bench/many/0/manifests/v0")
        costs = bench.rounds({"ours": command.sign, "loop": lambda: loop.sign(n_sample)})
    finally:
        ours.agent.stop()
        registry.stop()
        server.stop()
    name = f"{n:,} tags of {n_repositories} repositories in {len(TEAMS)} roles"
    peer = f"curl and notary in a loop, by {n_sample} tags"
    for figure, member in ((name, "wall_ms"), ("  of processor time", "cpu_ms")):
        rates = {who: [1e3 * signed / getattr(c, member) for c in costs[who]]
                 for who, signed in (("ours", n), ("loop", n_sample))}
        bench.add(figure, "tags/s", rates["ours"], peer=rates["loop"], peer_name=peer,
                  aim=RatioAtLeast(20) if member == "wall_ms" else None)
