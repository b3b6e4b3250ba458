# SPDX-License-Identifier: Apache-2.0
"""matrix_variants: the same world with less in it, or in another order, or with more votes.

What must follow is said without asking the oracle. Each variant gets a world and gives a policy and cases,
one for each case of the world.
"""
import copy

from rig_matrix_documents import REPOSITORIES, ROLES
from rig_oracle import matches, published, seconds
from rig_oracle_document import changed_tags, rank_of

NARROWINGS = ("max_validity", "unit", "quota", "approvals", "repositories", "tags")


def shuffled(rng, values):
    return rng.sample(values, len(values))


def with_entries(rng, mapping):
    return {name: mapping[name] for name in shuffled(rng, list(mapping))}


# Allow nothing that was not allowed before.

def grant_removed(world):
    """Any, one after the other."""
    for name in world.policy["grants"]:
        grants = {other: grant for other, grant in world.policy["grants"].items() if other != name}
        if grants:
            yield {**world.policy, "grants": grants}, world.cases


def key_removed_from_grant(world):
    grants = copy.deepcopy(world.policy["grants"])
    for grant in grants.values():
        if len(grant["keys"]) > 1:
            grant["keys"].remove(world.rng.choice(grant["keys"]))
    yield {**world.policy, "grants": grants}, world.cases


def narrowed(world):
    """Of everything that narrows a grant, what it did not have; no delegating any more."""
    grants = copy.deepcopy(world.policy["grants"])
    for grant in grants.values():
        more = {"keys": grant["keys"]}
        world.narrow(more, world.policy["keys"], 0.5)
        if "max_validity" in more and seconds(more["max_validity"]) > 90 * 86400:
            del more["max_validity"] # longer than what holds without it
        for member in NARROWINGS:
            if member in more:
                grant.setdefault(member, more[member])
        if world.rng.random() < 0.5:
            grant.pop("delegate", None)
    yield {**world.policy, "grants": grants}, world.cases


def no_votes(world):
    yield world.policy, [case._replace(votes=()) for case in world.cases]


def more_used(world):
    used = {name: 3 for name in world.policy["grants"]}
    yield world.policy, [case._replace(used={**case.used, **{
        name: n + case.used.get(name, 0) for name, n in used.items()}}) for case in world.cases]


def stale_base(world):
    """The chain from before, which the agent has seen a newer one of."""
    def aged(matter):
        return matter._replace(base=matter.base._replace(stale=matter.base.state != "none"))
    yield world.policy, [case._replace(matters=[aged(each) for each in case.matters])
                         for case in world.cases]


def base_from_before(world):
    """What is published was released here, and the chain is from before it was published at all."""
    def aged(matter):
        before = published(matter)
        if not before or matter.role == "root": # whose newest file the agent has itself
            return matter
        return matter._replace(
            mark=max(matter.mark or before, before, key=lambda each: each.version),
            base=matter.base._replace(state="empty", document=None))
    yield world.policy, [case._replace(matters=[aged(each) for each in case.matters])
                         for case in world.cases]


LESS = (grant_removed, key_removed_from_grant, narrowed, no_votes, more_used, stale_base,
        base_from_before)


# Say the same of every case.

def another_order(world):
    """Of all that is a list or a mapping, in the policy and in the request."""
    rng, policy = world.rng, copy.deepcopy(world.policy)
    for part in ("keys", "grants", "sockets"):
        policy[part] = with_entries(rng, policy[part])
    for key in policy["keys"].values():
        key["scope"] = shuffled(rng, key["scope"])
        for scope in key["scope"]:
            scope.update({name: shuffled(rng, values) for name, values in scope.items()})
    for name, grant in policy["grants"].items():
        policy["grants"][name] = {
            member: shuffled(rng, value) if isinstance(value, list) else value
            for member, value in with_entries(rng, grant).items()}
    yield policy, [case._replace(
        votes=tuple(shuffled(rng, case.votes)), peer=case.peer._replace(
            gids=tuple(shuffled(rng, case.peer.gids))),
        matters=[matter._replace(wanted=tuple(shuffled(rng, matter.wanted)))
                 for matter in case.matters]) for case in world.cases]


def votes_twice(world):
    yield world.policy, [case._replace(votes=case.votes + case.votes) for case in world.cases]


SAME = (another_order, votes_twice)


# Allow everything that was allowed before.

def more_votes(world):
    """Of anybody."""
    votes = tuple(world.peers)
    yield world.policy, [case._replace(votes=votes + case.votes) for case in world.cases]


def again(world):
    """The same bytes, after they were released."""
    yield world.policy, [case._replace(matters=[
        matter._replace(mark=matter.document) for matter in case.matters]) for case in world.cases]


MORE = (more_votes, again)


def overreaches(world, case, decision):
    """Why something that was signed counts where its grant does not reach; None: it does not."""
    for matter, verdict in zip(case.matters, decision.verdicts):
        for wanted, (name, reason) in zip(matter.wanted, verdict.choices):
            grant = world.policy["grants"][name or verdict.grant]
            if reason is None and ("tags" in grant or "repositories" in grant):
                why = _overreach(world.oracle, grant, matter, world.oracle.key_names[wanted])
                if why:
                    return why
    return None


def _overreach(oracle, grant, matter, key):
    """It asks where the bytes can be published, not what was claimed: wherever the key may be
    listed."""
    document = matter.document
    for repository in REPOSITORIES:
        for role in ROLES[rank_of(matter.role)]:
            if not oracle.covers(key, repository, role):
                continue
            if matter.role == "root" and not document.could_be_root_of(repository):
                continue
            if not matches(grant.get("repositories", ["**"]), repository):
                return f"{matter.role} of {matter.repository} is a root of {repository}"
            if "tags" in grant and (repository, role) != (matter.repository, matter.role):
                return f"tags of {matter.role} of {matter.repository} count in {role} of {repository}"
    if "tags" in grant:
        newest = oracle.newest(matter)
        if newest != document and not all(
                matches(grant["tags"], tag) for tag in changed_tags(document, newest)):
            return f"other tags change in {matter.role} of {matter.repository}"
    return None
