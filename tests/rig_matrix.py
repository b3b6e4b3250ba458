# SPDX-License-Identifier: Apache-2.0
"""matrix: worlds made of a seed, each a policy, its people, and the cases that are judged in it.

Most cases begin as one that some grant allows, of which up to two things are then changed: so each
rule is often the only one that refuses, and often none does.
"""
import collections
import copy
import random

import rig_matrix_documents as made
from rig_matrix_documents import DAY, NOW, OTHERS, OWN, TAGS
from rig_oracle import VALIDITY, Base, Case, Matter, Oracle, matches, published, seconds
from rig_oracle_document import Document, rank_of

REPOSITORIES = ("r.io/shop/web", "r.io/shop/api", "r.io/shop/web/x", "r.io/other",
                "docker.io/library/alpine")
CLAIMS = ("alpine", "docker.io/alpine", "index.docker.io/library/alpine", "r.io/shop/web:latest",
          "r.io/shop//web", "r.io/shop/web/", "r.io/shop/\x01", "r.io/shop/*", "R.io/shop/web", "web")
ROLES = {"root": ("root",), "targets": ("targets",), "snapshot": ("snapshot",),
         "delegation": ("targets/qa", "targets/releases", "targets/qa/x", "targets/nightly")}
STRANGE_ROLES = ("timestamp", "nothing", "targets/", "targets/QA", "targets/a b", "targets//x",
                 "Root", "targets/qa/")
REPOSITORY_PATTERNS = ("r.io/shop/*", "r.io/shop/**", "r.io/**", "**", "?.io/other",
                       "docker.io/library/*", "r.io/*/web", "r.io/shop/we?")
ROLE_PATTERNS = ("targets/*", "targets/**", "targets/qa", "targets/qa/*", "targets/releases",
                 "targets/??")
TAG_PATTERNS = ("nightly-*", "v?", "latest", "nightly/**", "**", "*")
USERS, GROUPS = (1001, 1002, 1003, 1004), (2001, 2002, 2003)
NAMES = {"daemon": 1, "no-such-user": None}
DOORS, UNITS = ("ci", "lab"), ("nightly.service", "build@1.service")
STATES = ("ready", "away", "locked", "changed", "unseen")

Peer = collections.namedtuple("Peer", "uid gid gids door unit")


def some(rng, values, least=1):
    return rng.sample(values, rng.randint(least, len(values)))


class World:
    """Everything is drawn from seed. oracle: what it thinks; cases: what it is asked."""

    def __init__(self, seed, n_cases):
        self.rng = random.Random(seed)
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
            grant["approvals"] = {"count": rng.randint(1, 2), "groups": some(rng, GROUPS)[:2]}
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
        return Matter(repository, role, document, (made.signer(self.keys[key]).id,), mark, base,
                      state != "none")

    def _family(self):
        """A case that is allowed, as a rule, and some that differ from it."""
        case = self._case()
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


# What is changed of a case. Each gets the world and the case and returns another one.

def with_matter(case, **changes):
    return case._replace(matters=[case.matters[0]._replace(**changes), *case.matters[1:]])


def with_document(case, **changes):
    """Another value of some members of the document."""
    return with_matter(case, document=Document({**case.matters[0].document.said, **changes}))


def another_peer(world, case):
    return case._replace(peer=world.rng.choice(world.peers))


def another_door(world, case):
    return case._replace(peer=case.peer._replace(door=world.rng.choice([None, *DOORS])))


def another_unit(world, case):
    return case._replace(peer=case.peer._replace(unit=world.rng.choice([None, *UNITS])))


def another_group(world, case):
    return case._replace(peer=case.peer._replace(gid=world.rng.choice([0, *GROUPS])))


def root_of_a_container(world, case):
    return case._replace(peer=case.peer._replace(uid=0))


def another_key_state(world, case):
    states = dict(case.states)
    states[world.rng.choice(sorted(states))] = world.rng.choice(STATES)
    return case._replace(states=states, partial=world.rng.random() < 0.5)


def more_used(world, case):
    return case._replace(used={name: world.rng.randint(0, 4) for name in world.policy["grants"]})


def other_votes(world, case):
    voters = world.peers + [case.peer]
    return case._replace(votes=tuple(world.rng.choices(voters, k=world.rng.randint(0, 3))))


def no_votes(world, case):
    return case._replace(votes=())


def more_keys_wanted(world, case):
    """None of ours, or one of ours that is for something else, before or behind."""
    matter = case.matters[0]
    more = made.signer(world.rng.randrange(OWN + OTHERS)).id
    wanted = [key for key in matter.wanted if key != more]
    wanted.insert(world.rng.randint(0, len(wanted)), more)
    return with_matter(case, wanted=tuple(wanted))._replace(partial=world.rng.random() < 0.2)


def another_key_wanted(world, case):
    return with_matter(case, wanted=(made.signer(world.rng.randrange(OWN + OTHERS)).id,))


def another_claim(world, case):
    return with_matter(case, repository=world.rng.choice(REPOSITORIES))


def strange_claim(world, case):
    return with_matter(case, repository=world.rng.choice(CLAIMS))


def another_role(world, case):
    rank = rank_of(case.matters[0].role)
    roles = ROLES.get(rank, ()) + STRANGE_ROLES + ("root", "targets", "snapshot")
    return with_matter(case, role=world.rng.choice(roles))


def another_expiry(world, case):
    longest = [VALIDITY["root"], VALIDITY["targets"], 30 * DAY, 90 * DAY, 3600]
    at = world.rng.choice([-1, 0, 1, *(each + DAY + more for each in longest for more in (0, 1))])
    return with_document(case, expires=made.text_of(NOW + at))


def another_version(world, case):
    matter = case.matters[0]
    newest = Oracle.newest(matter)
    highest = newest.version if newest else 0
    step = world.rng.choice([-1, 0, 0, 1, 2, 1000, 1001])
    return with_document(case, version=max(1, highest + step))


def same_bytes_again(world, case):
    newest = Oracle.newest(case.matters[0])
    return with_matter(case, document=newest) if newest else case


def other_tags(world, case):
    said = case.matters[0].document.said
    if "targets" not in said:
        return case
    tags = dict(said["targets"])
    tag = world.rng.choice(TAGS)
    if tags.pop(tag, None) is None:
        tags[tag] = made.target("other")
    return with_document(case, targets=tags)


def other_details_of_a_tag(world, case):
    said = case.matters[0].document.said
    if not said.get("targets"):
        return case
    tags = copy.deepcopy(said["targets"])
    entry = tags[world.rng.choice(sorted(tags))]
    entry.update(world.rng.choice([{"length": 9}, {"custom": {"a": 1}}]))
    return with_document(case, targets=tags)


def other_delegations(world, case):
    matter = case.matters[0]
    if "delegations" not in matter.document.said:
        return case
    roles = world._roles(matter.role, 0.7)
    return with_document(case, delegations=made.targets(1, NOW, {}, roles)["delegations"])


def own_key_listed(world, case):
    """One of our keys in some role, where it may be or not."""
    rng, said = world.rng, copy.deepcopy(case.matters[0].document.said)
    key = made.signer(rng.randrange(len(world.keys)))
    if said["_type"] == "Root":
        role = rng.choice(["targets", "snapshot", "timestamp"])
        said["keys"][key.id] = key.object
        said["roles"][role]["keyids"] = [key.id]
    elif said["_type"] == "Targets":
        name = f"{case.matters[0].role}/{rng.choice(made.CHILDREN)}"
        said["delegations"] = {"keys": {key.id: key.object}, "roles": [
            {"keyids": [key.id], "name": name, "paths": [""], "threshold": 1}]}
    return with_matter(case, document=Document(said))


def another_base(world, case):
    """As the request could show it, or not."""
    matter, rng = case.matters[0], world.rng
    own = made.signer(rng.randrange(len(world.keys))).id
    bases = [
        Base("none", False, False, None, ()),
        Base("none", True, False, None, ()),
        Base("empty", False, False, None, ()),
        Base("unreadable", False, False, None, ()),
        matter.base._replace(stale=matter.base.state == "file"),
        matter.base._replace(listings=((rng.choice(["root", "targets", "targets/qa", "targets/dev"]),
                                        own),) if matter.base.state != "none" else ()),
    ]
    return with_matter(case, base=rng.choice(bases), needs_base=rng.random() < 0.7)


def base_with_other_thresholds(world, case):
    """Of the role's delegations, or of the root's roles."""
    matter = case.matters[0]
    if matter.base.state != "file" or not published(matter):
        return case
    said = copy.deepcopy(matter.base.document.said)
    roles = said["roles"].values() if said["_type"] == "Root" else said.get(
        "delegations", {"roles": ()})["roles"]
    for role in roles:
        role["threshold"] = world.rng.randint(1, 2)
    base = matter.base._replace(document=Document(said))
    return with_matter(case, base=base, mark=world.rng.choice([None, base.document]))


def another_mark(world, case):
    """Released, though it may never have been published."""
    matter = case.matters[0]
    rank = rank_of(matter.role)
    if rank is None or rank == "timestamp":
        return case
    newest = published(matter)
    version = max(1, (newest.version if newest else 0) + world.rng.choice([-1, 1, 2]))
    if newest and version == newest.version:
        version += 1
    return with_matter(case, mark=world._document(matter.repository, matter.role, version, NOW + DAY,
                                                  roles=world._roles(matter.role, 0.5)))


def mutation(world, case):
    document = case.matters[0].document
    return with_matter(case, document=made.mutated(
        document, world.rng.choice(made.MUTATIONS), world.rng))


def with_more(case, matters):
    """The same role of a repository is not named twice: the agent does not even take that."""
    places = {}
    for matter in case.matters + matters:
        places.setdefault((matter.repository, matter.role), matter)
    return case._replace(matters=list(places.values())[:4])


def one_document_more(world, case):
    """Of the same grant, or of any."""
    return with_more(case, world._case().matters)


def same_document_in_another_place(world, case):
    return with_more(case, with_matter(case, repository=world.rng.choice(REPOSITORIES)).matters[:1])


CHANGES = (another_peer, another_door, another_unit, another_group, root_of_a_container,
           another_key_state, more_used, other_votes, no_votes, more_keys_wanted,
           another_key_wanted, another_claim, strange_claim, another_role, another_expiry,
           another_version, same_bytes_again, other_tags, other_details_of_a_tag,
           other_delegations, own_key_listed, another_base, base_with_other_thresholds,
           another_mark, mutation, mutation, one_document_more, same_document_in_another_place)
