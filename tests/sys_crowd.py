# SPDX-License-Identifier: Apache-2.0
"""Eight clients do what they like in one repository at the same time: nothing is lost, nobody is told
a lie, and whoever reads it meanwhile sees it whole.

A test prints its seed when it fails; with it the same verbs come again, in about the same order.
"""
import hashlib
import os
import random

import pytest

import rig_users
from rig_crowd import Crowd, Deed, inspected, listed
from rig_document import key_id, key_object
from rig_policy import Policy
from rig_readers import TEAMS
from rig_turnstile import Turnstile

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
TAGS = [f"v{n}" for n in range(6)]
DIGESTS = [hashlib.sha256(f"image {n}".encode()).hexdigest() for n in range(4)]
KEYS = ("developer", "qa", "devops")


@pytest.fixture
def users():
    """Who may use which keys."""
    if not rig_users.IS_ROOT:
        return {}
    return {name: rig_users.user(uid) for name, uid in (
        ("qa", 61021), ("developer", 61022), ("devops", 61023), ("tagger", 61024))}


@pytest.fixture
def agents(users, policy, made_token, scratch, registry, sanitizer, new_agent):
    """Two with the same keys and the same policy, which know nothing of each other."""
    found = []
    twin = Policy(made_token.copy(scratch.directory("token")), registry.host, sanitizer)
    root = key_id(key_object(made_token.public_key("root")))
    for each in (policy, twin):
        each["roots"] = {f"{registry.host}/**": [root]}
        for key in KEYS:
            scope = each["keys"][key]["scope"][0]
            scope["roles"] = [*scope["roles"], "targets/shared"]
        for name, user in users.items():
            each["grants"][name] = {"users": [user.uid],
                                    "keys": ["targets" if name == "tagger" else name]}
        found.append(new_agent(each).start())
    return found


class World:
    """The verbs of the crowd, about one repository."""

    def __init__(self, gun, token):
        self.gun = gun
        self.ids = {name: key_id(key_object(token.public_key(name))) for name in KEYS}

    def add(self, choice, *roles, ends=(0,)):
        tag, digest = choice.choice(TAGS), choice.choice(DIGESTS)
        return Deed(("addhash", self.gun, tag, 7, "--sha256", digest, *self._in(roles)),
                    {("target", role, tag): digest for role in roles}, ends)

    def remove(self, choice, *roles, ends=(0,)):
        tag = choice.choice(TAGS)
        return Deed(("remove", self.gun, tag, *self._in(roles)),
                    {("target", role, tag): None for role in roles}, ends)

    def delegate(self, choice, *_, ends=(0,)):
        role, key = choice.choice(["targets/releases", "targets/shared"]), choice.choice(KEYS)
        return Deed(("delegation", "add", self.gun, role, f"agent:{key}", "--all-paths"),
                    {("key", role, self.ids[key]): True}, ends)

    @staticmethod
    def _in(roles):
        return [part for role in roles for part in ("-r", role)]

    def member(self, key):
        """What somebody does who may use one key: mostly what he may."""
        own = [f"targets/{key}", "targets/releases"]

        def choose(choice):
            verb = choice.choice([self.add, self.add, self.remove])
            what = choice.random()
            if what < 0.15:
                others = [name for name in KEYS if name != key]
                # Nobody needs a right for what is so already.
                return verb(choice, f"targets/{choice.choice(others)}", ends=(0, 3))
            return verb(choice, *(own if what < 0.6 else [choice.choice(own)]))

        return choose

    def tagger(self, choice):
        """May sign targets, and delegate nothing."""
        if choice.random() < 0.2:
            return self.delegate(choice, ends=(0, 3))
        return choice.choice([self.add, self.remove])(choice, "targets")

    def admin(self, choice):
        verb = choice.choice([self.add, self.remove, self.delegate])
        return verb(choice, choice.choice(["targets", *TEAMS]))


@pytest.fixture
def crowd(agents, users, gun, token, new_client, new_notary, docker, notary_server):
    """Makes the repository and lets all of them loose: crowd(seed, n_deeds)."""
    world = World(gun, token)
    client = new_client(agents[0])
    client.run("init", gun)
    for role, keys in {**TEAMS, "targets/shared": ["qa"]}.items():
        client.run("delegation", "add", gun, role, *(f"agent:{key}" for key in keys))
    client.run("addhash", gun, "first", 7, "--sha256", DIGESTS[0], "-r", "targets/releases")
    notary, reader = new_notary(), new_client(agents[0])
    looks = {
        "notary": ("listed", lambda: listed(notary.run("list", gun))),
        "a new notary": ("listed", lambda: listed(new_notary().run("list", gun))),
        "docker": ("inspected", lambda: inspected(docker.run("trust", "inspect", gun))),
        "inspect": ("inspected", lambda: inspected(reader.run("inspect", gun))),
        "list": ("listed", lambda: listed(reader.run("list", gun))),
        "a new list": ("listed", lambda: listed(new_client(agents[0]).run("list", gun))),
    }
    kinds = [("admin", 0), ("qa", 0), ("developer", 0), ("tagger", 0),
             ("admin", 1), ("qa", 1), ("devops", 1), ("tagger", 1)]

    def act(seed, n, is_free=False):
        random_ = random.Random(seed)
        turnstile = Turnstile(notary_server, None if is_free else seed,
                              random_.choice([0.2, 0.8, 0.95]))
        try:
            members = {}
            for kind, n_agent in kinds:
                member = new_client(agents[n_agent], users.get(kind))
                member.use_server(turnstile.door(f"{kind}{n_agent}").url)
                choose = {"admin": world.admin, "tagger": world.tagger}.get(kind) or \
                    world.member(kind)
                members[f"{kind}{n_agent}"] = member, choose
            crowd = Crowd(notary_server, gun, turnstile)
            crowd.act(members, n, seed, looks)
        finally:
            turnstile.stop()
        crowd.check()
        return crowd

    return act


@pytest.mark.parametrize("is_free", [False, True], ids=["in a seeded order", "as it comes"])
def test_whatever_eight_do_at_once_is_found_afterwards(crowd, is_free, record_property):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    done = crowd(seed, 4, is_free)
    by_end = {end: sum(deed.done.returncode == end for deed in done.deeds) for end in (0, 3, 7)}
    record_property("summary", f"crowd: ends {by_end}, {len(done.looks)} looks")
