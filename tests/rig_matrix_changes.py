# SPDX-License-Identifier: Apache-2.0
"""matrix_changes: what is changed of a case that was allowed, as a rule, so that it is not any more,
or still is. Each gets the world and the case and returns another one.
"""
import copy

import rig_matrix_documents as made
from rig_matrix_documents import (CLAIMS, DAY, DOORS, GROUPS, NOW, OTHERS, OWN, REPOSITORIES, ROLES,
                                  STATES, STRANGE_ROLES, TAGS, UNITS)
from rig_oracle import VALIDITY, Base, Oracle, published
from rig_oracle_document import Document, rank_of


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


def two_keys_wanted(world, case):
    """Both for the same place, and perhaps one of them is not ready."""
    rng, matter = world.rng, case.matters[0]
    able = [made.signer(number).id for name, number in world.keys.items()
            if world.oracle.covers(name, matter.repository, matter.role)]
    states = {name: rng.choice(["ready", "ready", *STATES]) for name in case.states}
    wanted = tuple(rng.sample(able, min(2, len(able)))) or matter.wanted
    if rng.random() < 0.3: # or others must agree to one of them
        return with_matter(case, wanted=wanted)._replace(votes=())
    return with_matter(case, wanted=wanted)._replace(partial=rng.random() < 0.5, states=states)


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


def released_since(world, case):
    """Of tags, by somebody else, who has not published it yet; or by who asks again."""
    rng, matter = world.rng, case.matters[0]
    before = published(matter)
    if rank_of(matter.role) not in ("targets", "delegation") or matter.document.type != "Targets":
        return case
    said = copy.deepcopy((before or matter.document).said)
    said["version"] = before.version + 1 if before else 1
    said["delegations"] = copy.deepcopy(matter.document.said["delegations"])
    for tag in rng.sample(TAGS, rng.randint(1, 3)):
        said["targets"][tag] = made.target("since")
    mark = Document(said)
    if rng.random() < 0.2:
        return with_matter(case, mark=mark, document=mark)
    return with_matter(with_document(case, version=mark.version + 1), mark=mark)


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
    return with_more(case, world._case().matters)


def documents_more_of_one_grant(world, case):
    """Which costs it more of its quota."""
    rng, keys = world.rng, {world.oracle.key_names.get(key) for key in case.matters[0].wanted}
    uses = [(name, key) for name, key in world.uses
            if key in keys and world.oracle.is_for(name, case.peer)]
    for _ in range(rng.randint(1, 3) if uses else 0):
        name, key = rng.choice(uses)
        case = with_more(case, [world._sound(world.policy["grants"][name], key)])
    return case


def same_document_in_another_place(world, case):
    return with_more(case, with_matter(case, repository=world.rng.choice(REPOSITORIES)).matters[:1])


CHANGES = (
    another_peer, another_door, another_unit, another_group, root_of_a_container, another_key_state,
    more_used, other_votes, no_votes, more_keys_wanted, two_keys_wanted, two_keys_wanted,
    another_key_wanted, another_claim, strange_claim, another_role, another_expiry, another_version,
    same_bytes_again, other_tags, other_details_of_a_tag, other_delegations, own_key_listed,
    another_base, base_with_other_thresholds, another_mark, released_since, released_since, mutation,
    mutation, one_document_more, documents_more_of_one_grant, documents_more_of_one_grant,
    same_document_in_another_place)
