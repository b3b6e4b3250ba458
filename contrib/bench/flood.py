# SPDX-License-Identifier: Apache-2.0
"""flood: how long one user waits for an answer while another one attacks, beside without the attack

99 of 100 calls are faster than the figures; the calls are made in a closed loop. What is measured goes
before everything else on the machine, and attackers come last (nice 19): it is the agent that may not
keep others waiting, and not two programs on one processor.
"""
import contextlib
import os
import time

import rig_users
from bench import RatioAtMost
from rig_agent import Agent
from rig_attack import (LARGE, SMALL, STATUS, Attack, Caller, Crowd, Dripper, Mute, Talker, Visitor,
                        call, many, padded, signs, texts, values)
from rig_case import Case
from rig_document import request, target, targets
from rig_policy import ROLES, Policy
from rig_token import Token

EVE = rig_users.User(61066)
STRANGER = rig_users.User(61099)
N = 250  # connections: almost all that a user may have
ROUNDS = 5


class World:
    """An agent and two users, each of whom it may sign for."""

    def __init__(self, bench):
        self.token = Token(bench.scratch.directory("token"), rig_users.AGENT,
                           {name: "EC:secp256r1" for name in ROLES})
        policy = Policy(self.token, "bench.example.com", bench.sanitizer)
        policy["grants"]["eve"] = {"users": [EVE.uid], "keys": ["developer"]}
        self.agent = Agent(bench.programs, bench.sanitizer, bench.scratch.directory("agent"),
                           policy).start()
        self.case = Case(self.agent, "bench.example.com/victim", self.token)
        self.version = 0
        for pid in (self.agent.process.pid, *self.agent.workers(), os.getpid()):
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))

    def status(self):
        return STATUS

    def sign(self):
        self.version += 1
        return call("Sign", documents=[self.case.request(targets(version=self.version))])

    def eve_signs(self, n_targets, key="developer"):
        """The same document again and again: allowed each time, and the mark stays."""
        document = targets(names={f"tag-{n:06}": target() for n in range(n_targets)})
        return call("Sign", documents=[request("bench.example.com/eve", "targets/developer",
                                               document, self.case.ids[key])])

    def attacks(self):
        """name: (user, kind of connection, their number, what is sent)"""
        megabyte = 1024 * 1024
        garbage = signs("bench.example.com/eve", "targets/developer", self.case.ids["developer"],
                        [LARGE * 3 // 16 - 1024] * 4)
        return {
            f"{N} connections, Status": (EVE, Talker, N, STATUS),
            f"{N} connections, 64 KiB of spaces": (EVE, Talker, N, padded(SMALL)),
            f"{N} connections, 64 KiB of values": (EVE, Talker, N, values(SMALL)),
            f"{N} connections, Sign": (EVE, Talker, N, self.eve_signs(1)),
            f"{N} connections, Sign of 45 KiB": (EVE, Talker, N, self.eve_signs(300)),
            f"{N} connections, Sign that is denied": (EVE, Talker, N, self.eve_signs(1, "root")),
            f"{N} connections, Sign that is malformed": (EVE, Talker, N, garbage[:200] + b"\0"),
            "4 connections of a stranger": (STRANGER, Talker, 4, STATUS),
            "8 connections, 1 MiB of text": (EVE, Talker, 8, texts(megabyte)),
            "8 connections, Sign with 1,000 tags": (EVE, Talker, 8, self.eve_signs(1000)),
            "8 connections, Sign with 90,000 tags": (EVE, Talker, 8, self.eve_signs(90000)),
            "8 connections, 64 MiB of spaces": (EVE, Talker, 8, padded(LARGE)),
            "8 connections, 64 MiB of text": (EVE, Talker, 8, texts(LARGE)),
            "8 connections, 64 MiB of values": (EVE, Talker, 8, values(LARGE)),
            "8 connections, Sign with 4 times 12 MiB": (EVE, Talker, 8, garbage),
            f"{N} connections that drip": (EVE, Dripper, N, STATUS),
            f"{N} connections that do not read": (EVE, Mute, N, call("ListKeys")),
            f"{N} connections that do not wait": (EVE, Caller, N, STATUS),
            "10,000 connections": (EVE, Crowd, 10000, STATUS),
            f"{N} at a time that come and go": (EVE, Visitor, N, STATUS),
        }


def slowest_of_100(connection, next_frame, seconds):
    """Microseconds in which 99 of 100 calls are answered."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end or not times:
        frame = next_frame()
        before = time.perf_counter()
        connection.send(frame)
        reply = connection.receive()
        times.append(time.perf_counter() - before)
        assert "error" not in reply, reply
    return sorted(times)[len(times) * 99 // 100] * 1e6


def run(bench):
    world = World(bench)
    seconds, calls = bench.choose(1, 0.05), {"Status": world.status, "Sign": world.sign}
    attacks = world.attacks()
    if bench.is_quick:
        attacks = dict(list(attacks.items())[::7])
    try:
        for name, (user, *deed) in attacks.items():
            results = {how: ([], []) for how in calls}
            for _ in range(bench.choose(ROUNDS, 1)):
                one_round(world, user, deed, calls, results, seconds)
            for how, (quiet, attacked) in results.items():
                bench.add(f"{how}, {name}", "us", attacked, peer=quiet, peer_name="without it",
                          aim=RatioAtMost(2))
    finally:
        world.agent.stop()


def one_round(world, user, deed, calls, results, seconds):
    """Without the attack and with it, one right after the other."""
    fds = f"/proc/{world.agent.process.pid}/fd"
    n_before = len(os.listdir(fds))
    with world.agent.connect() as connection:
        for how, next_frame in calls.items():
            results[how][0].append(slowest_of_100(connection, next_frame, seconds))
        with Attack(user, world.agent.socket, many, *deed, niceness=19) as attack:
            world.agent.process.wait_until(lambda: len(os.listdir(fds)) > n_before + 1)
            for how, next_frame in calls.items():
                results[how][1].append(slowest_of_100(connection, next_frame, seconds))
            attack.stop()
    world.agent.process.wait_until(lambda: len(os.listdir(fds)) <= n_before, seconds=90)
