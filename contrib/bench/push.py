# SPDX-License-Identifier: Apache-2.0
"""push: an image of large layers and one of many small ones, uploaded and signed, beside skopeo copy

Ours is signed in two roles, and what skopeo copies is not signed. Neither knows anything of the registry
beforehand.
"""
import itertools
import subprocess
import time

import rig_users
from bench import AtMost, RatioAtMost
from layers import Layers
from process import cost, family_memory
from publish import Ours
from rig_notary_server import NotaryServer
from rig_process import environment
from rig_registry import Registry
from rig_scratch import give_tree

MIB = 1 << 20

_numbers = itertools.count(1)


class Pushes:
    """The same image into new repositories of one registry, by ours and by skopeo."""

    def __init__(self, bench, ours, layers):
        self.bench, self.ours, self.layers = bench, ours, layers
        give_tree(layers.directory, rig_users.RELEASER.uid)

    def ready(self):
        """A repository that there is, as a user who has its trust data from before."""
        gun = f"{self.ours.registry.host}/bench/push/{next(_numbers)}"
        self.ours.client.run("signer", "add", "developer", gun, "--key", "agent:developer")
        return gun

    def start_ours(self, gun):
        return self.ours.client.start("push", "--quiet", "--from", f"oci:{self.layers.directory}",
                                      f"{gun}:v1")

    def start_skopeo(self):
        """With a home of its own: what it remembers of a registry lets it mount layers from elsewhere."""
        home = self.bench.scratch.directory("skopeo", owner=rig_users.RELEASER.uid)
        to = f"docker://{self.ours.registry.host}/skopeo/{next(_numbers)}:v1"
        return subprocess.Popen(
            ["/usr/bin/skopeo", "copy", "--quiet", "--dest-tls-verify=false",
             f"oci:{self.layers.directory}", to], env=environment(HOME=str(home)), cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            **rig_users.RELEASER.popen())

    def cost_of_ours(self):
        gun = self.ready()
        return cost(lambda: finish(self.start_ours(gun)))

    def cost_of_skopeo(self):
        return cost(lambda: finish(self.start_skopeo()))


def finish(popen):
    out, err = popen.communicate(timeout=600)
    assert popen.returncode == 0, f"{popen.args}:\n{out}{err}"


def peak_mib(popen):
    """Of a program and all that it starts, taken together."""
    peak = 0
    while popen.poll() is None:
        peak = max(peak, family_memory(popen.pid, "Pss"))
        time.sleep(0.002)
    finish(popen)
    return peak


def compare(bench, ours, name, sizes, aim):
    pushes = Pushes(bench, ours, Layers(bench.scratch.directory("layers"), sizes))
    costs = bench.rounds({"ours": pushes.cost_of_ours, "skopeo": pushes.cost_of_skopeo})
    peer = "skopeo copy"
    bench.add(name, "ms", [c.wall_ms for c in costs["ours"]],
              peer=[c.wall_ms for c in costs["skopeo"]], peer_name=peer, aim=RatioAtMost(aim))
    bench.add("  processor time of the program", "ms", [c.cpu_ms for c in costs["ours"]],
              peer=[c.cpu_ms for c in costs["skopeo"]], peer_name=peer)
    bench.add("  peak memory of all its processes", "MiB",
              [peak_mib(pushes.start_ours(pushes.ready()))],
              peer=[peak_mib(pushes.start_skopeo())], peer_name=peer, aim=AtMost(32))


def run(bench):
    server, registry = NotaryServer(bench.scratch), Registry(bench.scratch)
    ours = Ours(bench, server, registry)
    try:
        n, size = bench.choose(10, 2), bench.choose(1024 * MIB // 10, MIB // 2)
        name = f"{n * size / MIB:,.0f} MiB in {n} layers, pushed and signed"
        compare(bench, ours, name, [size] * n, 1)
        n = bench.choose(200, 2)
        compare(bench, ours, f"{n} layers of 4 KiB, pushed and signed", [4096] * n, 1 / 2)
    finally:
        ours.agent.stop()
        registry.stop()
        server.stop()
