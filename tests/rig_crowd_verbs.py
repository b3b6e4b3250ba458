# SPDX-License-Identifier: Apache-2.0
"""crowd_verbs: who is in a crowd, what each may do, and what each does.

They have two agents with the same keys and the same policy, which know nothing of each other.
"""
import hashlib

from rig_crowd import Deed
from rig_document import key_id, key_object
from rig_readers import TEAMS

TAGS = [f"v{n}" for n in range(5)]
DIGESTS = [hashlib.sha256(f"image {n}".encode()).hexdigest() for n in range(3)]
TEAM_KEYS = ("developer", "qa", "devops")
SHARED = "targets/shared"
SPARES = {"targets2": "targets", "root2": "root"}  # what else is there to rotate to
MEMBERS = [("admin", 0), ("qa", 0), ("developer", 0), ("tagger", 0),
           ("admin", 1), ("qa", 1), ("devops", 1), ("tagger", 1)]


def allow(policy, users, host, token):
    """What the members may: each team its key, taggers to sign targets; admins are the releaser."""
    for key in TEAM_KEYS:
        (scope,) = policy["keys"][key]["scope"]
        policy["keys"][key]["scope"] = [scope | {"roles": [*scope["roles"], SHARED]}]
    for name, role in SPARES.items():
        policy["keys"][name] = policy["keys"][role] | {"uri": token.key_uri(name)}
        policy["grants"]["releaser"]["keys"].append(name)
    roots = [key_id(key_object(token.public_key(name))) for name in ("root", "root2")]
    policy["roots"] = {f"{host}/**": roots}
    for name, user in users.items():
        keys = ["targets", "targets2"] if name == "tagger" else [name]
        policy["grants"][name] = {"users": [user.uid], "keys": keys}
    return policy


class Verbs:
    """About one repository."""

    def __init__(self, gun, token):
        self.gun = gun
        self.ids = {name: key_id(key_object(token.public_key(name)))
                    for name in (*TEAM_KEYS, "targets", "targets2")}

    def found(self, client):
        """The repository of the crowd, with something to see in it."""
        client.run("init", self.gun, "--root-key", "agent:root", "--targets-key", "agent:targets")
        for role, keys in {**TEAMS, SHARED: ["qa"]}.items():
            client.run("delegation", "add", self.gun, role, *(f"agent:{key}" for key in keys))
        client.run("addhash", self.gun, "first", 7, "--sha256", DIGESTS[0],
                   "-r", "targets/releases")

    def add(self, choice, *roles, ends=(0,)):
        tag, digest = choice.choice(TAGS), choice.choice(DIGESTS)
        return Deed(("addhash", self.gun, tag, 7, "--sha256", digest, *self._in(roles)),
                    {("target", role, tag): digest for role in roles}, ends)

    def remove(self, choice, *roles, ends=(0,)):
        tag = choice.choice(TAGS)
        return Deed(("remove", self.gun, tag, *self._in(roles)),
                    {("target", role, tag): None for role in roles}, ends)

    def delegate(self, choice, *_, ends=(0,)):
        role, key = choice.choice(["targets/releases", SHARED]), choice.choice(TEAM_KEYS)
        return Deed(("delegation", "add", self.gun, role, f"agent:{key}", "--all-paths"),
                    {("key", role, self.ids[key]): True}, ends)

    def rotate(self, choice, *_):
        role = choice.choice(["targets", "targets", "snapshot", "timestamp", "root"])
        if role in ("snapshot", "timestamp"):
            return Deed(("key", "rotate", self.gun, role, "--server-managed"), {})
        key = choice.choice([role, f"{role}2"])
        writes = {("base", role): self.ids[key]} if role == "targets" else {}
        return Deed(("key", "rotate", self.gun, role, "--key", f"agent:{key}", "--yes"), writes,
                    (0, 1))

    @staticmethod
    def _in(roles):
        return [part for role in roles for part in ("-r", role)]

    def choose(self, kind):
        """What a member of this kind does next, by a choice: mostly what he may."""
        return {"admin": self._admin, "tagger": self._tagger}.get(kind) or self._team(kind)

    def _team(self, key):
        own = [f"targets/{key}", "targets/releases"]

        def choose(choice):
            verb = choice.choice([self.add, self.add, self.remove])
            what = choice.random()
            if what < 0.15:
                others = [name for name in TEAM_KEYS if name != key]
                # Nobody needs a right for what is so already.
                return verb(choice, f"targets/{choice.choice(others)}", ends=(0, 3))
            return verb(choice, *(own if what < 0.6 else [choice.choice(own)]))

        return choose

    def _tagger(self, choice):
        """May sign targets, and delegate nothing."""
        if choice.random() < 0.2:
            return self.delegate(choice, ends=(0, 3))
        return choice.choice([self.add, self.remove])(choice, "targets")

    def _admin(self, choice):
        verb = choice.choice([self.add, self.remove, self.delegate, self.rotate, self.rotate])
        return verb(choice, choice.choice(["targets", *TEAMS]))
