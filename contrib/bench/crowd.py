# SPDX-License-Identifier: Apache-2.0
"""crowd: many keys on a token, and many signatures for many users by many workers

A signature that fails ends the bench.
"""
import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import rig_users
from bench import RatioAtLeast
from rig_agent import Agent
from rig_document import key_id, key_object
from rig_token import Token
from sign import Load

KEY, ROLE = "bench", "targets"
N_KEYS, N_WORKERS = 256, 8
N_SIGNATURES = 100_000
LANES = 4  # connections of each user
USERS = [rig_users.User(uid) for uid in range(61011, 61015)] if rig_users.IS_ROOT \
    else [rig_users.RELEASER]

_numbers = itertools.count(1)


class Crowd:
    """An agent with some keys on a SoftHSM token, all of them named by its policy."""

    def __init__(self, bench, n_keys, n_workers):
        names = [KEY, *(f"other-{n}" for n in range(1, n_keys))]
        token = Token(bench.scratch.directory("token"), rig_users.AGENT,
                      {name: "EC:secp256r1" for name in names})
        entry = token.entry(**bench.sanitizer.variables)
        entry["workers"] = n_workers
        scope = [{"repositories": ["bench.example.com/**"], "roles": [ROLE]}]
        policy = {
            "tokens": {"hsm": entry},
            "keys": {name: {"token": "hsm", "uri": token.key_uri(name), "scope": scope}
                     for name in names},
            "grants": {"bench": {"users": [user.uid for user in USERS], "keys": names}},
        }
        self.agent = Agent(bench.programs, bench.sanitizer, bench.scratch.directory("agent"),
                           json.dumps(policy)).start()
        key = key_id(key_object(token.public_key(KEY)))
        self.loads = [Load(bench, "agent", self.agent.socket, user, "--key", key)
                      for user in USERS]

    def sign(self, load, lanes):
        """What a user's load generator reports, with documents that nobody has signed before."""
        return load.run("--lanes", lanes, "--repository", f"bench.example.com/{next(_numbers)}")

    def rate(self):
        return self.sign(self.loads[0], 8)["rate"]


def run(bench):
    compare_keys(bench)
    share(bench)


def compare_keys(bench):
    n_keys = bench.choose(N_KEYS, 3)
    one, many = Crowd(bench, 1, 2), Crowd(bench, n_keys, 2)
    try:
        rates = bench.rounds({"one": one.rate, "many": many.rate})
    finally:
        one.agent.stop()
        many.agent.stop()
    bench.add(f"8 connections, {n_keys} keys on the token", "sign/s", rates["many"],
              peer=rates["one"], peer_name="1 key", aim=RatioAtLeast(0.95))


def share(bench):
    """All users ask at once, as often as it takes."""
    crowd = Crowd(bench, 1, N_WORKERS)
    totals = [0] * len(USERS)
    try:
        with ThreadPoolExecutor(len(USERS)) as pool:
            while sum(totals) < bench.choose(N_SIGNATURES, 100):
                reports = list(pool.map(lambda load: crowd.sign(load, LANES), crowd.loads))
                totals = [total + report["signatures"] for total, report in zip(totals, reports)]
    finally:
        crowd.agent.stop()
    bench.add(f"{len(USERS)} users, {N_WORKERS} workers: all signatures", "", [sum(totals)])
    bench.add("  the user who got the fewest", "", [min(totals)], peer=[max(totals)],
              peer_name="who got the most", aim=RatioAtLeast(0.8))
