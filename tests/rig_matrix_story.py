# SPDX-License-Identifier: Apache-2.0
"""matrix_story: where the agent and the oracle differ, made small and told so that one can read it."""
import json

from rig_judge import RC_OK
from rig_matrix_chains import is_shown

CODES = {"approvals": "RC_PENDING", "rollback": "RC_ROLLBACK", "stale": "RC_STALE",
         "token-unavailable": ("RC_TOKEN", "RC_LOCKED")}


def difference(names, opinions, decision):
    """What is wrong with a decision, in a sentence; None: nothing. names: of return codes."""
    refused = [i for i, verdict in enumerate(decision.verdicts) if verdict.rc != RC_OK]
    if (decision.rc == RC_OK) != (not refused):
        return "the request and its documents differ"
    if refused and names[decision.rc] == "RC_PENDING" and any(
            names[decision.verdicts[i].rc] != "RC_PENDING" for i in refused):
        return "others are asked to vote on what is refused anyway"
    for i, (opinion, verdict) in enumerate(zip(opinions, decision.verdicts)):
        found = _of_document(names, opinion, verdict)
        if found:
            return f"document {i}: {found}"
        if not opinion.is_ok:
            return None # what the later ones would cost depends on this one
    return None


def _of_document(names, opinion, verdict):
    if opinion.is_ok != (verdict.rc == RC_OK):
        return (f"wrongly denied: {verdict.reason}" if opinion.is_ok else
                f"wrongly allowed, in spite of {sorted(opinion.reasons)}")
    if not opinion.is_ok:
        if verdict.reason not in opinion.reasons:
            return f"{verdict.reason} is not among {sorted(opinion.reasons)}"
        code = names[verdict.rc]
        wanted = CODES.get(verdict.reason, "RC_DENIED")
        return None if code in wanted else f"{code} for {verdict.reason}"
    for choice, (grant, reason) in zip(opinion.choices, verdict.choices):
        if choice.grant != (grant if reason is None else None):
            return f"signed under {grant} ({reason}), not under {choice.grant}"
        if reason is not None and reason not in choice.why:
            return f"a key is left out for {reason}, not for one of {sorted(choice.why)}"
    return None


def smaller(policy, case):
    """Policies and cases that have one thing less."""
    for name in policy["grants"]:
        grants = {other: grant for other, grant in policy["grants"].items() if other != name}
        if grants:
            yield {**policy, "grants": grants}, case
    for name, grant in policy["grants"].items():
        for member in grant:
            if member not in ("users", "groups", "sockets", "keys"):
                less = {other: value for other, value in grant.items() if other != member}
                yield {**policy, "grants": {**policy["grants"], name: less}}, case
    for members in ("matters", "votes"):
        values = getattr(case, members)
        for i in range(len(values) if members == "votes" or len(values) > 1 else 0):
            yield policy, case._replace(**{members: values[:i] + values[i + 1:]})
    for i, matter in enumerate(case.matters):
        for key in matter.wanted if len(matter.wanted) > 1 else ():
            less = matter._replace(wanted=tuple(other for other in matter.wanted if other != key))
            yield policy, case._replace(matters=[*case.matters[:i], less, *case.matters[i + 1:]])
    if case.used:
        yield policy, case._replace(used={})


def shrunk(policy, case, differs):
    """The smallest that still differs, one thing after the other being left out."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for less in smaller(policy, case):
            if differs(*less):
                policy, case = less
                is_smaller = True
                break
    return policy, case


def brief(document):
    """What it says, but for the bytes of keys and hashes."""
    if document is None:
        return "nothing"
    said = json.loads(document.message)
    (said if document.type == "Root" else said.get("delegations", {})).pop("keys", None)
    said["targets"] = {name: [entry["hashes"].get("sha256", "")[:6], entry["length"]]
                       for name, entry in document.tags.items()}
    return json.dumps(said)


def told(world, policy, case):
    """The case in words."""
    names = {key_id: name for name, key_id in world.oracle.keys.items()}
    lines = [f"{case.peer}", f"votes: {list(case.votes)}", f"used: {case.used}",
             f"partial: {case.partial}", f"keys: {case.states}",
             "admins: " + json.dumps(policy["admins"])]
    lines += [f"grant {name}: {json.dumps(grant)}" for name, grant in policy["grants"].items()]
    wanted = set()
    for matter in case.matters:
        wanted |= {names.get(key) for key in matter.wanted}
        lines += [
            f"asks for {matter.role!r} of {matter.repository!r} with "
            f"{[names.get(key, 'a key of somebody else') for key in matter.wanted]}",
            f"  document: {brief(matter.document)}",
            f"  released: {brief(matter.mark)}",
            f"  base: {matter.base.state}, problem: {matter.base.problem}, stale: "
            f"{matter.base.stale}, needed: {matter.needs_base}, listings: {matter.base.listings}, "
            f"shown by: {is_shown(matter) and matter.base.chain.name}",
            f"  published: {brief(matter.base.document)}"]
    lines += [f"key {name}: {json.dumps(policy['keys'][name]['scope'])}"
              for name in sorted(wanted - {None})]
    return "\n".join(lines)
