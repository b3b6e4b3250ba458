# SPDX-License-Identifier: Apache-2.0
"""crowd_verbs: who is in a crowd, what each may do, and what each does.

They have two agents with the same keys and the same policy, which know nothing of each other.
"""
import hashlib
import itertools

from rig_crowd import Deed
from rig_document import key_id, key_object
from rig_readers import TEAMS

TAGS = [f"v{n}" for n in range(5)]
DIGESTS = [hashlib.sha256(f"image {n}".encode()).hexdigest() for n in range(3)]
TEAM_KEYS = ("developer", "qa", "devops")
SHARED, EXTRA = "targets/shared", "targets/extra"
ROLES = ["targets", *TEAMS, SHARED, EXTRA]
SPARES = {"targets2": "targets", "root2": "root"}  # what else is there to rotate to
MEMBERS = [("admin", 0), ("qa", 0), ("developer", 0), ("tagger", 0),
           ("admin", 1), ("qa", 1), ("devops", 1), ("tagger", 1), ("owner", 0)]


def allow(policy, users, host, token):
    """What the members may: each team its key, taggers to sign targets; admins are the releaser."""
    for key in TEAM_KEYS:
        (scope,) = policy["keys"][key]["scope"]
        policy["keys"][key]["scope"] = [scope | {"roles": [*scope["roles"], SHARED, EXTRA]}]
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
                    {("key", role, self.ids[key]): True}, ends, self._emptied(role))

    def undelegate(self, choice, *_):
        """A key, or the role as a whole. The last key is not taken without approval."""
        key = choice.choice([*TEAM_KEYS, None])
        keys = [f"agent:{key}"] if key else ["--yes"]
        return Deed(("delegation", "remove", self.gun, SHARED, *keys),
                    {("key", SHARED, self.ids[name]): None for name in ([key] if key else TEAM_KEYS)},
                    (0, 1, 3) if key else (0, 1))

    def share(self, choice, *_):
        """In a role that may not be there, or not for us."""
        return choice.choice([self.add, self.remove])(choice, SHARED, ends=(0, 1, 3))

    def sign_up(self, *_):
        key = self.ids["devops"]
        return Deed(("signer", "add", "extra", self.gun, "--key", "agent:devops"),
                    {("key", role, key): True for role in (EXTRA, "targets/releases")}, (0,),
                    self._emptied(EXTRA))

    def sign_off(self, choice, *_):
        """Its key stays in targets/releases, as it is also that of targets/devops."""
        keep = choice.choice(["all", "none"])
        return Deed(("signer", "remove", "extra", self.gun, "--keep", keep),
                    {("key", EXTRA, self.ids["devops"]): None}, (0, 1),
                    self._emptied("targets/releases") if keep == "none" else {})

    def revoke(self, choice, *_, ends=(0, 4)):
        tag = choice.choice(TAGS)
        return Deed(("revoke", f"{self.gun}:{tag}"),
                    {("target", role, tag): None for role in ROLES}, ends, is_partial=True)

    def witness(self, choice, *_):
        """Nothing, where nothing is published yet."""
        return Deed(("witness", self.gun, choice.choice(["targets", *TEAMS])), {}, (0, 1))

    def rotate(self, choice, *_):
        role = choice.choice(["targets", "targets", "snapshot", "timestamp", "root"])
        if role in ("snapshot", "timestamp"):
            return Deed(("key", "rotate", self.gun, role, "--server-managed"), {})
        key = choice.choice([role, f"{role}2"])
        args = "key", "rotate", self.gun, role, "--key", f"agent:{key}", "--yes"
        # Root gets a new certificate at least; targets may have that key already.
        return Deed(args, {("base", role): self.ids[key]}, (0, 1)) if role == "targets" else \
            Deed(args, {})

    @staticmethod
    def _in(roles):
        return [part for role in roles for part in ("-r", role)]

    @staticmethod
    def _emptied(role):
        """Where a role comes back, its old targets do not."""
        return {("target", role, tag): None for tag in [*TAGS, "first"]}

    def choose(self, kind):
        """What a member of this kind does next, by a choice: mostly what he may."""
        return {"admin": self._admin, "tagger": self._tagger, "owner": self._owner()}.get(kind) or \
            self._team(kind)

    def _team(self, key):
        own = [f"targets/{key}", "targets/releases"]

        def choose(choice):
            verb = choice.choice([self.add, self.add, self.remove])
            what = choice.random()
            if what < 0.1:
                return self.revoke(choice, ends=(0, 3, 4))
            if what < 0.2:
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
        verb = choice.choice([self.add, self.remove, self.delegate, self.undelegate, self.share,
                              self.sign_up, self.sign_off, self.revoke, self.witness, self.rotate,
                              self.rotate])
        return verb(choice, choice.choice(["targets", *TEAMS]))

    def _owner(self):
        """Makes a repository of his own, and deletes it, again and again."""
        gun = f"{self.gun}/own"
        steps = itertools.cycle([
            ("init", gun, "--root-key", "agent:root", "--targets-key", "agent:targets"),
            ("addhash", gun, "v1", 7, "--sha256", DIGESTS[0], "-r", "targets"),
            ("delete", gun, "--remote", "--retire", "--yes")])
        return lambda choice: Deed(next(steps), {})
