# SPDX-License-Identifier: Apache-2.0
"""matrix: worlds made of a seed, each a policy, its people, and the cases that are judged in it.

Most cases begin as one that some grant allows, of which up to two things are then changed: so each
rule is often the only one that refuses, and often none does.
"""
import collections
import random

import rig_matrix_documents as made
from rig_matrix_chains import PINNED, with_chain
from rig_matrix_changes import CHANGES
from rig_matrix_documents import (DAY, DOORS, GROUPS, NOW, OTHERS, OWN, REPOSITORIES, ROLES, TAGS,
                                  UNITS, USERS)
from rig_oracle import VALIDITY, Base, Case, Matter, Oracle, matches, seconds
from rig_oracle_document import Document, rank_of

REPOSITORY_PATTERNS = ("r.io/shop/*", "r.io/shop/**", "r.io/**", "**", "?.io/other",
                       "docker.io/library/*", "r.io/*/web", "r.io/shop/we?")
ROLE_PATTERNS = ("targets/*", "targets/**", "targets/qa", "targets/qa/*", "targets/releases",
                 "targets/??")
TAG_PATTERNS = ("nightly-*", "v?", "latest", "nightly/**", "**", "*")
NAMES = {"daemon": 1, "no-such-user": None}

Peer = collections.namedtuple("Peer", "uid gid gids door unit")


def some(rng, values, least=1):
    return rng.sample(values, rng.randint(least, len(values)))


class World:
    """Everything is drawn from seed. oracle: what it thinks; cases: what it is asked. has_chains:
    what is published is shown by files, as often as that can be."""

    def __init__(self, seed, n_cases, has_chains=False):
        self.rng = random.Random(seed)
        self.has_chains = has_chains
        self.seed = seed
        self.uses = []
        while not self.uses: # a policy under which nothing can be signed says little
            self.policy = self._policy()
            self.oracle = self.oracle_of(self.policy)
            self.uses = [(name, key) for name, grant in self.policy["grants"].items()
                         for key in grant["keys"] if self._places(key, grant)]
        self.peers = self._peers()
        self.approvers = [peer for peer in self.peers if peer.uid in USERS]
        self.cases = []
        while len(self.cases) < n_cases:
            self.cases += self._family()
        del self.cases[n_cases:]

    def oracle_of(self, policy):
        return Oracle(policy, {name: made.signer(number).id for name, number in self.keys.items()},
                      NOW, NAMES)

    # The policy

    def _policy(self):
        rng = self.rng
        ranks = ["root", "targets", "delegation", "delegation", "targets", "snapshot"]
        self.keys = {f"key{number}": number for number in range(rng.randint(3, 6))}
        keys = {name: {"token": "hsm", "uri": f"pkcs11:id=%{16 + number}",
                       "scope": self._scope(ranks[number])} for name, number in self.keys.items()}
        grants = {}
        for number in range(rng.randint(2, 6)):
            grants[f"grant{rng.randrange(100)}"] = self._grant(keys)
        sockets = {door: {"path": f"/run/countersign/{door}/agent.sock", "mode": "0600"}
                   for door in DOORS}
        return {"tokens": {"hsm": {"module": "/m.so", "uri": "pkcs11:token=a"}}, "sockets": sockets,
                **({"roots": {"**": PINNED}} if self.has_chains else {}),
                "keys": keys, "grants": grants,
                "admins": {"users": [rng.choice(USERS)]} if rng.random() < 0.5 else {"groups": [3000]}}

    def _scope(self, rank):
        rng = self.rng
        if rng.random() < 0.4: # so that tags may be narrowed
            return [{"repositories": [rng.choice(REPOSITORIES)], "roles": [rng.choice(ROLES[rank])]}]
        roles = ROLES[rank] if rank != "delegation" else ROLE_PATTERNS
        return [{"repositories": some(rng, REPOSITORIES + REPOSITORY_PATTERNS)[:2],
                 "roles": some(rng, roles)[:2]} for _ in range(rng.randint(1, 2))]

    def _who(self):
        rng, who = self.rng, {}
        if rng.random() < 0.7:
            who["users"] = some(rng, USERS)[:2]
            if rng.random() < 0.2:
                who["users"].append(rng.choice([0, *NAMES]))
        if rng.random() < 0.4 or not who:
            who["groups"] = some(rng, GROUPS)[:2]
        return who

    def _grant(self, keys):
        rng = self.rng
        grant = {**self._who(), "keys": some(rng, sorted(keys))[:rng.choice([1, 1, 3])]}
        if rng.random() < 0.25:
            grant["sockets"] = some(rng, DOORS)
            if rng.random() < 0.5:
                grant.pop("users", None)
                grant.pop("groups", None)
        if rng.random() < 0.4:
            grant["delegate"] = True
        self.narrow(grant, keys, 0.2)
        return grant

    def narrow(self, grant, keys, chance):
        """Add narrowings to a grant, as far as it may have them, each with some chance."""
        rng = self.rng
        ranks = {rank_of_scope(keys[key]) for key in grant["keys"]}
        if rng.random() < chance:
            grant["max_validity"] = rng.choice(["1h", "30d", "90d", "4000d"])
        if rng.random() < chance:
            grant["unit"] = rng.choice(UNITS)
        if rng.random() < chance:
            grant["quota"] = f"{rng.randint(1, 4)}/1h"
        if rng.random() < chance:
            who = {"groups": some(rng, GROUPS)[:2]}
            if rng.random() < 0.3:
                who["users"] = some(rng, USERS, 2)[:2]
            grant["approvals"] = {"count": rng.randint(1, 2), **who}
        if rng.random() < 3 * chance and ranks == {"root"}:
            grant["repositories"] = some(rng, REPOSITORIES + REPOSITORY_PATTERNS)[:2]
        if rng.random() < 2 * chance and all(is_one_place(keys[key]) for key in grant["keys"]):
            grant["tags"] = some(rng, TAG_PATTERNS)[:2]

    # The people

    def _peers(self):
        """For each grant somebody whom it names, and others."""
        rng, peers = self.rng, set()
        for grant in self.policy["grants"].values():
            users = [user for user in grant.get("users", ()) if isinstance(user, int)]
            groups = grant.get("groups", ())
            peers.add(Peer(rng.choice(users or USERS), rng.choice(groups or GROUPS), (),
                           rng.choice(grant.get("sockets", [None])),
                           grant.get("unit", rng.choice([None, *UNITS]))))
        while len(peers) < 14:
            peers.add(Peer(rng.choice([0, 1, 65534, *USERS, *USERS]),
                           rng.choice([0, 65534, 999, *GROUPS]), tuple(some(rng, GROUPS, 0)[:2]),
                           rng.choice([None, None, None, *DOORS]),
                           rng.choice([None, *UNITS])))
        return sorted(peers, key=repr)

    # The documents

    def _places(self, key, grant):
        """(repository, role) for which a key may be used, under that grant."""
        rank = rank_of_scope(self.policy["keys"][key])
        return [(repository, role) for repository in REPOSITORIES for role in ROLES[rank]
                if self.oracle.covers(key, repository, role) and
                matches(grant.get("repositories", ["**"]), repository)]

    def _document(self, repository, role, version, expires, tags=None, roles=()):
        rng = self.rng
        rank = rank_of(role)
        if rank == "root":
            own = [number for name, number in self.keys.items()
                   if self.oracle.covers(name, repository, "root")]
            outside = range(OWN, OWN + OTHERS)
            roots = rng.sample([*own[:1], *outside], 2)
            others = {other: rng.choice(outside) for other in ("targets", "snapshot", "timestamp")}
            return Document(made.root(repository, version, expires, roots, others,
                                      rng.randint(1, 2)))
        if rank == "snapshot":
            return Document(made.snapshot(version, expires))
        if tags is None:
            tags = {tag: made.target(rng.choice("ab")) for tag in some(rng, TAGS, 0)[:3]}
        return Document(made.targets(version, expires, tags, roles))

    def _roles(self, role, chance):
        """Delegations of a role, to keys of others."""
        rng = self.rng
        if rng.random() > chance or rank_of(role) not in ("targets", "delegation"):
            return ()
        return [(f"{role}/{child}", rng.randint(1, 2), rng.sample(range(OWN, OWN + OTHERS), 2))
                for child in some(rng, made.CHILDREN)[:2]]

    def _sound(self, grant, key):
        """What that grant allows with that key."""
        rng = self.rng
        repository, role = rng.choice(self._places(key, grant))
        version = rng.randint(2, 9)
        roles = self._roles(role, 0.4)
        before = self._document(repository, role, version, NOW + DAY, roles=roles)
        states = ["file", "file", "empty"] if "tags" in grant else ["file", "file", "empty", "none"]
        state = rng.choice(states)
        published = before if state == "file" else None
        if not published:
            version, roles = 0, ()
        mark = rng.choice([None, published])
        tags = dict(before.tags) if published else {}
        for tag in some(rng, TAGS)[:2]:
            if matches(grant.get("tags", ["**"]), tag):
                tags[tag] = made.target(rng.choice("cd"))
        if grant.get("delegate") and rng.random() < 0.5:
            roles = self._roles(role, 0.8)
        longest = seconds(grant["max_validity"]) if "max_validity" in grant else VALIDITY[rank_of(role)]
        document = self._document(repository, role, version + 1,
                                  NOW + rng.choice([1, longest, longest + DAY]), tags, roles)
        base = Base(state, False, False, published, ())
        wanted = [key] + [other for other in grant["keys"] if other != key and rng.random() < 0.5 and
                          self.oracle.covers(other, repository, role)]
        return Matter(repository, role, document,
                      tuple(made.signer(self.keys[name]).id for name in wanted), mark, base,
                      state != "none")

    def _family(self):
        """A case that is allowed, as a rule, and some that differ from it."""
        case = self._case()
        if self.has_chains:
            case = case._replace(matters=[with_chain(each, self.rng) for each in case.matters])
        yield case
        for n_changes in (0, 1, 1, 1, 1, 2, 2):
            changed = case._replace(peer=self.rng.choice(self.named or self.peers))
            for _ in range(n_changes):
                changed = self.rng.choice(CHANGES)(self, changed)
            yield changed

    def _case(self):
        rng = self.rng
        name, key = rng.choice(self.uses)
        grant = self.policy["grants"][name]
        matter = self._sound(grant, key)
        self.named = [peer for peer in self.peers if self.oracle.is_for(name, peer) and
                      grant.get("unit") in (None, peer.unit)]
        return Case(rng.choice(self.named or self.peers), [matter],
                    dict.fromkeys(self.keys, "ready"), {},
                    tuple(rng.sample(self.approvers, min(3, len(self.approvers)))), False)


def rank_of_scope(key):
    return rank_of(key["scope"][0]["roles"][0].replace("*", "x").replace("?", "x"))


def is_one_place(key):
    (scope, *more) = key["scope"]
    (repository, *others), (role, *roles) = scope["repositories"], scope["roles"]
    return not (more or others or roles or set("*?") & set(repository + role))
