# SPDX-License-Identifier: Apache-2.0
"""audit: a ledger of a million records beside one of ten thousand: to verify, to find, to go on signing

Both are made by tests/manyrecords, and each has an agent of its own.
"""
import contextlib
import json
import subprocess
import time

import rig_users
from bench import MoreAtMost, RatioAtMost
from process import forget_peak, memory
from rig_agent import Agent
from rig_document import key_id, key_object, request, targets
from rig_token import Token

KEY, ROLE, GUN = "bench", "targets", "bench.example.com/audit"
# One of the repositories and one of the users of manyrecords.
OTHER_GUN, OTHER_UID = "registry.example.com/many/7", "20007"
SHOWN = 20
N_SIGN = 300


class Keeper:
    """An agent whose ledger has n records already."""

    def __init__(self, bench, token, n):
        self.bench, self.n = bench, n
        policy = {
            "tokens": {"hsm": token.entry(**bench.sanitizer.variables)},
            "keys": {KEY: {"token": "hsm", "uri": token.key_uri(KEY),
                           "scope": [{"repositories": [GUN], "roles": [ROLE]}]}},
            "grants": {"bench": {"users": [rig_users.RELEASER.uid], "keys": [KEY]}},
            "admins": {"users": [rig_users.RELEASER.uid]},
        }
        self.agent = Agent(bench.programs, bench.sanitizer, bench.scratch.directory("agent"),
                           json.dumps(policy))
        subprocess.run([bench.programs.take(bench.build / "tests" / "manyrecords"),
                        self.agent.state, str(n)], check=True, cwd="/",
                       env=bench.sanitizer.environment(), **rig_users.AGENT.popen())
        self.key = key_id(key_object(token.public_key(KEY)))
        self.version = 0
        self.agent.start()
        newest = json.loads(self.run("show", "-n", "1", "--json")[0])
        self.before_end = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                        time.gmtime(newest["at_us"] // 1_000_000 - SHOWN + 1))

    def start(self, *args):
        """The client, as an admin."""
        return subprocess.Popen(
            [self.bench.programs.client, "--socket", self.agent.socket, "audit", *args], cwd="/",
            env=self.bench.sanitizer.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, **rig_users.RELEASER.popen())

    def run(self, *args):
        """(output, milliseconds, MiB of the client at most)"""
        before, peak = time.monotonic(), 0
        popen = self.start(*args)
        with contextlib.suppress(FileNotFoundError, AttributeError):  # it has ended meanwhile
            while popen.poll() is None:
                peak = memory(popen.pid, "VmHWM")
                time.sleep(0.001)
        text = popen.communicate()[0]
        assert popen.returncode == 0, text
        return text, (time.monotonic() - before) * 1e3, peak

    def verify(self):
        """(records a second, MiB of the client at most, MiB of the agent at most)"""
        pid = self.agent.process.pid
        forget_peak(pid)
        text, ms, mib = self.run("verify")
        assert "records follow one another" in text
        return self.n / ms * 1e3, mib, memory(pid, "VmHWM")

    def show(self, *selection):
        """Milliseconds."""
        text, ms, _ = self.run("show", *selection)
        assert len(text.splitlines()) <= SHOWN
        return ms

    def sign(self, connection):
        """Microseconds."""
        self.version += 1
        document = request(GUN, ROLE, targets(version=self.version), self.key)
        before = time.perf_counter()
        connection.call("Sign", documents=[document])
        return (time.perf_counter() - before) * 1e6

    def sign_alone(self):
        """Sorted microseconds of many."""
        with self.agent.connect() as connection:
            return sorted(self.sign(connection)
                          for _ in range(self.bench.choose(N_SIGN, 5)))

    def sign_meanwhile(self):
        """The same while somebody verifies, again and again."""
        times = []
        with self.agent.connect() as connection:
            while len(times) < self.bench.choose(N_SIGN, 5):
                reader = self.start("verify")
                while reader.poll() is None and len(times) < self.bench.choose(N_SIGN, 5):
                    times.append(self.sign(connection))
                reader.kill()
                reader.communicate()
        return sorted(times)


def run(bench):
    token = Token(bench.scratch.directory("token"), rig_users.AGENT, {KEY: "EC:secp256r1"})
    few = Keeper(bench, token, bench.choose(10_000, 100))
    many = Keeper(bench, token.copy(bench.scratch.directory("token")),
                  bench.choose(1_000_000, 1000))
    try:
        read(bench, few, many)
        find(bench, few, many)
        go_on(bench, many)
    finally:
        few.agent.stop()
        many.agent.stop()


def read(bench, few, many):
    peer_name = f"{few.n:,} records"
    results = bench.rounds({"many": many.verify, "few": few.verify})
    rate, client, agent = ([[row[i] for row in results[name]] for name in ("many", "few")]
                           for i in range(3))
    bench.add(f"verify {many.n:,} records", "records/s", rate[0], peer=rate[1],
              peer_name=peer_name)
    bench.add("  the client, at most", "MiB", client[0], peer=client[1], peer_name=peer_name,
              aim=MoreAtMost(2))
    bench.add("  the agent, at most", "MiB", agent[0], peer=agent[1], peer_name=peer_name,
              aim=MoreAtMost(4))


def find(bench, few, many):
    newest = ("-n", str(SHOWN))
    for what, selection in {
            "of the last seconds": lambda keeper: ("--since", keeper.before_end),
            "newest": lambda _: newest,
            "newest of a user": lambda _: (*newest, "--user", OTHER_UID),
            "newest of a repository": lambda _: (*newest, "--repository", OTHER_GUN)}.items():
        times = bench.rounds({
            keeper.n: lambda keeper=keeper, selection=selection: keeper.show(*selection(keeper))
            for keeper in (many, few)})
        bench.add(f"show, {what}, of {many.n:,} records", "ms", times[many.n], peer=times[few.n],
                  peer_name=f"of {few.n:,}", aim=RatioAtMost(2))


def go_on(bench, many):
    times = bench.rounds({"meanwhile": many.sign_meanwhile, "alone": many.sign_alone})
    for name, part in (("p50", 50), ("p99", 99)):
        ours, peer = ([row[len(row) * part // 100] for row in times[which]]
                      for which in ("meanwhile", "alone"))
        bench.add(f"Sign while {many.n:,} records are verified, {name}", "us", ours, peer=peer,
                  peer_name="nobody reads", aim=RatioAtMost(2) if part == 50 else None)
