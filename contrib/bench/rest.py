# SPDX-License-Identifier: Apache-2.0
"""rest: what an agent costs that nobody asks, and how soon one signs that had to be started

It is started through its socket, and asked for a signature at once.
"""
import json
import signal
import subprocess
import time
from pathlib import Path

import rig_users
from bench import AtMost
from process import memory, switches
from rig_agent import Agent
from rig_document import key_id, key_object, request, targets
from rig_process import environment, running_timers
from rig_scratch import write
from rig_token import LABEL, MODULE, PIN, Token
from rig_varlink import Varlink

KEY, ROLE = "bench", "targets"
GUN = "bench.example.com/rest"
REST_S = 65  # longer than a minute, after which some daemons look around


def is_listening(path):
    """A socket file is there a moment before it takes connections. 00010000 is __SO_ACCEPTON."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
    return any(line.endswith(f" {path}") and line.split()[3] == "00010000" for line in lines)


class Sleeper:
    """An agent with one key on a SoftHSM token."""

    def __init__(self, bench):
        self.bench = bench
        self.token = Token(bench.scratch.directory("token"), rig_users.AGENT,
                           {KEY: "EC:secp256r1"})
        self.key = key_id(key_object(self.token.public_key(KEY)))
        policy = {
            "tokens": {"hsm": self.token.entry(**bench.sanitizer.variables)},
            "keys": {KEY: {"token": "hsm", "uri": f"pkcs11:object={KEY}",
                           "scope": [{"repositories": [GUN], "roles": [ROLE]}]}},
            "grants": {"bench": {"users": [rig_users.RELEASER.uid], "keys": [KEY]}},
        }
        self.agent = Agent(bench.programs, bench.sanitizer, bench.scratch.directory("agent"),
                           json.dumps(policy))
        self.version = 0
        self.digest = write(bench.scratch.directory("digest") / "digest", "0" * 32)

    def request(self):
        """Asks for a signature of the next version."""
        self.version += 1
        return {"documents": [request(GUN, ROLE, targets(version=self.version), self.key)]}

    def pids(self):
        return [self.agent.process.pid, *self.agent.workers()]

    def wait_asleep(self):
        self.agent.process.wait_until(lambda: not any(map(running_timers, self.pids())))

    def first_signature_ms(self):
        """From connecting to a socket that nobody listens on yet, to the answer."""
        path = self.agent.socket
        with rig_users.AGENT.acting():
            path.unlink(missing_ok=True)
        env = self.bench.sanitizer.environment()
        program = subprocess.Popen(
            ["/usr/bin/systemd-socket-activate", "--listen", path,
             *(word for name in env for word in ("--setenv", name)), self.bench.programs.agent,
             "--policy", self.agent.policy_file, "--state", self.agent.state],
            env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **rig_users.AGENT.popen())
        try:
            while not is_listening(path):
                assert program.poll() is None
                time.sleep(0.001)
            path.chmod(0o666)
            parameters = self.request()
            with rig_users.RELEASER.acting():
                start = time.monotonic()
                with Varlink(path) as connection:
                    connection.call("Sign", **parameters)
                    return (time.monotonic() - start) * 1e3
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(30)

    def raw_signature_ms(self):
        """pkcs11-tool does with the token what the agent's worker does."""
        start = time.monotonic()
        subprocess.run(
            ["/usr/bin/pkcs11-tool", "--module", MODULE, "--token-label", LABEL, "--login", "--pin",
             PIN, "--sign", "--mechanism", "ECDSA", "--label", KEY, "--input-file", self.digest],
            check=True, capture_output=True, cwd="/",
            env=environment(SOFTHSM2_CONF=str(self.token.configuration)), **rig_users.AGENT.popen())
        return (time.monotonic() - start) * 1e3


def run(bench):
    sleeper = Sleeper(bench)
    sleeper.agent.start()
    try:
        measure_memory(bench, sleeper)
        measure_sleep(bench, sleeper)
    finally:
        sleeper.agent.stop()
    times = bench.rounds({
        "agent": sleeper.first_signature_ms,
        "pkcs11-tool": sleeper.raw_signature_ms,
    })
    bench.add("from connecting to a socket to the first signature", "ms", times["agent"],
              peer=times["pkcs11-tool"], peer_name="pkcs11-tool logs in and signs",
              aim=AtMost(50))


def measure_memory(bench, sleeper):
    pid, *workers = sleeper.pids()

    def add(when):
        sleeper.wait_asleep()
        bench.add(f"agent {when}: resident", "MiB", [memory(pid, "VmRSS")], aim=AtMost(8))
        bench.add("  of that private", "MiB", [memory(pid, "Private_Dirty")])

    add("after its start")
    bench.add("worker after its start: resident", "MiB", [memory(workers[0], "VmRSS")])
    n = bench.choose(1000, 10)
    with sleeper.agent.connect() as connection:
        for _ in range(n):
            connection.call("Sign", **sleeper.request())
    add(f"after {n:,} signatures")


def measure_sleep(bench, sleeper):
    sleeper.wait_asleep()
    before = sum(map(switches, sleeper.pids()))
    seconds = bench.choose(REST_S, 1)
    time.sleep(seconds)
    bench.add(f"wake-ups of agent and worker in {seconds} s", "times",
              [sum(map(switches, sleeper.pids())) - before], aim=AtMost(0), may_be_zero=True)
