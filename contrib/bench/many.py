# SPDX-License-Identifier: Apache-2.0
"""many: tags of many repositories signed in three roles by one command, beside notary in a loop

The loop publishes a tag in all of its roles at once, and is given digests and sizes that ours asks the
registry for. It is measured for some tags, and what it takes for all is computed from that.
"""
import hashlib
import http.client
import itertools
import json

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
        self.ours, self.shelf, self.n = ours, shelf, n_repositories

    def sign(self):
        """Tags of repositories that were never signed before."""
        paths = [f"bench/many/{next(_numbers)}" for _ in range(self.n)]
        names = [name for path in paths for name in self.shelf.fill(path)]
        guns = [f"{self.ours.registry.host}/{path}" for path in paths]
        for team in TEAMS:
            self.ours.client.run("signer", "add", team, *guns, "--key", f"agent:{team}")
        return self.ours.cost("sign", *ROLES, *names)


class Loop:
    """One tag after the other, in a new repository."""

    def __init__(self, theirs, n_sample):
        self.notary, self.keys, self.n_sample = theirs.notary, theirs.keys, n_sample

    def sign(self):
        gun = f"notary.example.com/many/{next(_numbers)}"
        self.notary.run("init", gun, "-p")
        self.notary.run("key", "rotate", gun, "snapshot", "-r")
        for team in TEAMS:
            self.notary.run("delegation", "add", "-p", gun, f"targets/{team}", "--all-paths",
                            self.keys[team].public)
        digest = hashlib.sha256(b"").hexdigest()
        return cost(lambda: [self.notary.run("addhash", "-p", gun, f"v{n}", "500", "--sha256", digest,
                                             *ROLES) for n in range(self.n_sample)])


def run(bench):
    server, registry = NotaryServer(bench.scratch), Registry(bench.scratch)
    ours = Ours(bench, server, registry)
    n_repositories, n_tags = bench.choose(50, 2), bench.choose(20, 2)
    n, n_sample = n_repositories * n_tags, bench.choose(20, 1)
    command = OneCommand(ours, Shelf(bench, registry, n_tags), n_repositories)
    loop = Loop(Theirs(bench, server), n_sample)
    try:
        costs = bench.rounds({"ours": command.sign, "notary": loop.sign})
    finally:
        ours.agent.stop()
        registry.stop()
        server.stop()
    name = f"{n:,} tags of {n_repositories} repositories in {len(TEAMS)} roles"
    peer = f"notary in a loop, by {n_sample} tags"
    for figure, member in ((name, "wall_ms"), ("  of processor time", "cpu_ms")):
        rates = {who: [1e3 * signed / getattr(c, member) for c in costs[who]]
                 for who, signed in (("ours", n), ("notary", n_sample))}
        bench.add(figure, "tags/s", rates["ours"], peer=rates["notary"], peer_name=peer,
                  aim=RatioAtLeast(20) if member == "wall_ms" else None)
