# SPDX-License-Identifier: Apache-2.0
"""sign: signatures with a P-256 key of a SoftHSM token, beside others who hand such a token on

Ours reads documents of 2 KiB and records each signature durably; the peers sign what they are given.
"""
import itertools
import json
import os
import re
import subprocess

import rig_users
import machine
from bench import MoreAtMost, RatioAtLeast
from rig_agent import Agent
from rig_document import key_id, key_object
from rig_process import LIBRARIES, Process, environment
from rig_token import LABEL, MODULE, PIN, Token

KEY = "bench"
# A token that is used has several: ssh-agent looks for its key among them for each signature.
OTHER_KEYS = ("root", "targets", "developer", "qa")
N_CORES = os.cpu_count()
P11_KIT_CLIENT = str(LIBRARIES / "pkcs11/p11-kit-client.so")

_numbers = itertools.count(1)


class Load:
    """Our load generator, run by one user against one target: what it reports."""

    def __init__(self, bench, kind, target, user, *options, **env):
        self.program = bench.programs.take(bench.build / "contrib" / "bench" / "load")
        self.args = [kind, target, "--milliseconds", bench.choose(2000, 100), *options]
        self.user, self.env = user, bench.sanitizer.environment(**env)

    def run(self, *options):
        args = [str(arg) for arg in [self.program, *self.args, *options]]
        done = subprocess.run(args, cwd="/", env=self.env, capture_output=True, text=True,
                              timeout=300, **self.user.popen())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rate(self, *options):
        return self.run(*options)["rate"]


class Signers:
    """Ours and the peers, each with a copy of one token."""

    def __init__(self, bench):
        self.bench = bench
        self.token = Token(bench.scratch.directory("token"), rig_users.AGENT,
                           {key: "EC:secp256r1" for key in (KEY, *OTHER_KEYS)})
        self.agent = self._agent()
        self.processes = []
        self.ours = Load(bench, "agent", self.agent.socket, rig_users.RELEASER, "--key",
                         key_id(key_object(self.token.public_key(KEY))))
        raw = self._copy()
        self.raw = self._p11(MODULE, SOFTHSM2_CONF=raw.configuration)
        self.server = self._p11(P11_KIT_CLIENT,
                                P11_KIT_SERVER_ADDRESS=f"unix:path={self._p11_kit_server()}")
        self.ssh = Load(bench, "ssh", self._ssh_agent(), rig_users.AGENT)

    def stop(self):
        self.agent.stop()
        for process in self.processes:
            process.stop()

    def sign(self, *options):
        """With documents that nobody has signed before."""
        return self.ours.run("--repository", f"bench.example.com/{next(_numbers)}", *options)

    def _copy(self):
        return self.token.copy(self._directory("token"))

    def _directory(self, name):
        return self.bench.scratch.directory(name, owner=rig_users.AGENT.uid)

    def _agent(self):
        token = self._copy().entry(**self.bench.sanitizer.variables)
        token["workers"] = N_CORES
        policy = {
            "tokens": {"hsm": token},
            "keys": {KEY: {"token": "hsm", "uri": f"pkcs11:object={KEY}",
                           "scope": [{"repositories": ["bench.example.com/**"],
                                      "roles": ["targets"]}]}},
            "grants": {"bench": {"users": [rig_users.RELEASER.uid], "keys": [KEY]}},
        }
        return Agent(self.bench.programs, self.bench.sanitizer,
                     self.bench.scratch.directory("agent"), json.dumps(policy)).start()

    def _p11(self, module, **env):
        env = {name: str(value) for name, value in env.items()}
        return Load(self.bench, "p11", module, rig_users.AGENT, "--key", KEY, "--pin", PIN, **env)

    def _start(self, directory, is_ready, *args, **env):
        process = Process(args, directory / "log", environment(**env), rig_users.AGENT)
        self.processes.append(process)
        process.wait_until(is_ready)

    def _p11_kit_server(self):
        directory = self._directory("p11-kit")
        socket = directory / "socket"
        self._start(directory, socket.exists, "/usr/bin/p11-kit", "server", "--foreground",
                    "--provider", MODULE, "--name", socket, f"pkcs11:token={LABEL}",
                    SOFTHSM2_CONF=str(self._copy().configuration),
                    XDG_RUNTIME_DIR=str(directory))
        return socket

    def _ssh_agent(self):
        directory = self._directory("ssh")
        socket = directory / "socket"
        env = {"SOFTHSM2_CONF": str(self._copy().configuration)}
        self._start(directory, socket.exists, "/usr/bin/ssh-agent", "-D", "-a", socket, **env)
        askpass = directory / "askpass"
        askpass.write_text(f"#!/bin/sh\necho {PIN}\n", encoding="ascii")
        askpass.chmod(0o755)
        subprocess.run(["/usr/bin/ssh-add", "-s", MODULE], check=True, capture_output=True, cwd="/",
                       env=environment(SSH_AUTH_SOCK=str(socket), SSH_ASKPASS=str(askpass),
                                       SSH_ASKPASS_REQUIRE="force"), **rig_users.AGENT.popen())
        return socket


class Parts:
    """What a request is made of, each part alone: see parts.c."""

    def __init__(self, bench):
        self.bench = bench
        self.program = bench.programs.take(bench.build / "contrib" / "bench" / "parts")

    def run(self, n, *before):
        directory = self.bench.scratch.directory("parts")
        (directory / "state").mkdir(mode=0o700)
        done = subprocess.run([*before, self.program, directory, str(n)], cwd=directory,
                              env=self.bench.sanitizer.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return directory, json.loads(done.stdout)

    def times(self):
        """{part: microseconds}"""
        return self.run(self.bench.choose(300, 5))[1]

    def instructions(self):
        """{part: instructions}, of our process and not of the kernel."""
        n = self.bench.choose(100, 5)
        directory, _ = self.run(n, "/usr/bin/valgrind", "--tool=callgrind",
                                "--callgrind-out-file=profile")
        out = subprocess.run(["/usr/bin/callgrind_annotate", "--inclusive=yes", "--threshold=100",
                              "profile"], cwd=directory, check=True, capture_output=True,
                             text=True).stdout
        return {name: int(count.replace(",", "")) / n
                for count, name in re.findall(r"^ *([0-9,]+) .*:part_(\w+)", out, re.MULTILINE)}


def run(bench):
    signers = Signers(bench)
    try:
        compare(bench, signers)
        split(bench, signers)
    finally:
        signers.stop()


def compare(bench, signers):
    eight = ("--lanes", 8)
    rates = bench.rounds({
        "1": lambda: signers.sign()["rate"],
        "1 in batches": lambda: signers.sign("--batch", 8)["rate"],
        "8": lambda: signers.sign(*eight)["rate"],
        "8 in batches": lambda: signers.sign(*eight, "--batch", 8)["rate"],
        "raw 1": signers.raw.rate,
        "raw all": lambda: signers.raw.rate("--lanes", N_CORES),
        "server 1": signers.server.rate,
        "server threads": lambda: signers.server.rate(*eight, "--threads"),
        "server processes": lambda: signers.server.rate(*eight),
        "ssh 1": signers.ssh.rate,
        "ssh 8": lambda: signers.ssh.rate(*eight),
    })

    def add(name, ours, peer, peer_name, aim=None):
        bench.add(name, "sign/s", rates[ours], peer=rates[peer], peer_name=peer_name, aim=aim)

    add("1 connection", "1", "raw 1", "C_Sign, 1 process")
    add("1 connection", "1", "server 1", "p11-kit server, 1 client")
    add("1 connection", "1", "ssh 1", "ssh-agent, 1 connection")
    add("8 connections", "8", "server processes", "p11-kit server, 8 processes", RatioAtLeast(0.5))
    add("8 connections", "8", "server threads", "p11-kit server, 8 threads")
    add("8 connections", "8", "ssh 8", "ssh-agent, 8 connections", RatioAtLeast(6))
    add("8 connections", "8", "raw all", f"C_Sign, {N_CORES} processes")
    add("1 connection, batches of 8", "1 in batches", "raw 1", "C_Sign, 1 process")
    add("8 connections, batches of 8", "8 in batches", "raw all", f"C_Sign, {N_CORES} processes",
        RatioAtLeast(0.35))


def split(bench, signers):
    """How the time of one request splits."""
    parts = Parts(bench)
    results = bench.rounds({
        "whole": lambda: signers.sign()["p50_us"],
        "sign": lambda: signers.raw.run()["p50_us"],
        "parts": parts.times,
    })
    times = {name: [part[name] for part in results["parts"]] for name in results["parts"][0]}
    times["sign"] = results["sign"]
    least = [sum(row) for row in zip(times["sign"], times["verify"], times["commit"])]
    bench.add("1 connection, p50", "us", results["whole"], peer=least,
              peer_name="sign + verify + commit, each alone", aim=MoreAtMost(60))
    for name in ("frame", "scan", "decide", "sign", "verify", "commit"):
        bench.add(f"  of it {name}", "us", times[name])
    known = [sum(row) for row in zip(least, times["frame"], times["scan"], times["decide"])]
    bench.add("  of it the rest: loop, sockets, waking processes", "us",
              [max(0, whole - part) for whole, part in zip(results["whole"], known)],
              may_be_zero=True)
    bench.add("a byte to a process behind another one and back", "us", times["wakes"])
    bench.add("4 KiB written and fdatasync", "us", times["fdatasync"])

    if machine.option(bench.build, "b_sanitize") == "none":
        count = parts.instructions()
        bench.add("instructions of the agent for a request", "1000",
                  [(count["agent"] - count["sign"]) / 1000])
        for name in ("frame", "scan", "decide", "commit"):
            bench.add(f"  of them {name}", "1000", [count[name] / 1000])
        bench.add("instructions of a worker to verify", "1000", [count["verify"] / 1000])
