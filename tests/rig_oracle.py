# SPDX-License-Identifier: Apache-2.0
"""oracle: the policy said once more, as countersign-policy(5) says it and not as agent/ does it.

It reads the policy as the mapping that is written to the file, documents and published files as
JSON, and knows nothing of the agent's structures. Of several things wrong with a request the manual
does not say which one is told: the oracle answers the set of those that may be.
"""
import collections
import functools
import re

from rig_oracle_document import changed_tags, is_weaker, rank_of

DAY = 86400
VALIDITY = {"root": 3650 * DAY, "targets": 1095 * DAY, "snapshot": 1095 * DAY,
            "delegation": 1095 * DAY}
VERSION_STEP = 1000
OVERFLOW = 65534
# What the agent knows and not everybody may learn: where keys count, what is published or released.
TOLD_TO_WHO_MAY_ASK = {"base", "base-missing", "own-key-outside-scope", "stale", "rollback",
                       "version-jump", "root-version"}

# What is published of a repository's role, as a request shows it. state: none, empty, file or
# unreadable; problem: the chain does not verify; stale: it is older than one seen before; document:
# where the state is file; listings: (role, canonical key ID) of all that the chain lists; chain: the
# files that show it, see rig_matrix_chains, or None.
Base = collections.namedtuple("Base", "state problem stale document listings chain",
                              defaults=[None])
# One document of a request. mark: the document of the highest version that was released, or None;
# needs_base: the agent could verify a base.
Matter = collections.namedtuple("Matter", "repository role document wanted mark base needs_base")
# One request. states: by the name of a key ready, away, locked, changed or unseen; used: documents
# by the name of a grant; votes: peers.
Case = collections.namedtuple("Case", "peer matters states used votes partial")
# What is thought of one wanted key. able: the grants that let it sign, or would if others agreed;
# grant: under which it signs; why: reasons why it does not.
Choice = collections.namedtuple("Choice", "able grant why")
Opinion = collections.namedtuple("Opinion", "is_ok reasons choices")


@functools.cache
def pattern(text):
    parts = re.split(r"(\*\*|\*|\?)", text)
    wild = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts), re.DOTALL)


def matches(patterns, text):
    return any(pattern(each).fullmatch(text) for each in patterns)


@functools.cache
def is_normal(name):
    """Whether it is as docker writes an image's name in full; what is no image's name stands."""
    if not name or re.search(r"[\x00-\x1f\x7f-\x9f*]", name):
        return False
    if "//" in f"/{name}/" or re.search(r"(^|/)\.\.?(/|$)", name):
        return False
    part = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    label = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
    host = rf"{label}(?:\.{label})*(?::[0-9]+)?"
    found = re.fullmatch(rf"(?:{host}/)?{part}(?:/{part})*(:[\w.-]+)?(@sha256:[0-9a-f]+)?", name)
    if not found:
        return True
    if found[1] or found[2]:
        return False
    first, slash, rest = name.partition("/")
    if not slash or not (re.search("[.:A-Z]", first) or first == "localhost"):
        return False
    return first != "index.docker.io" and (first != "docker.io" or "/" in rest)


def is_one_of(entry, peer, names):
    """Whether users: and groups: of an entry name a peer, by number or by a name of names."""
    users = {names.get(user, user) for user in entry.get("users", ())}
    groups = {names.get(group, group) for group in entry.get("groups", ())} - {OVERFLOW}
    return (peer.uid != OVERFLOW and peer.uid in users or
            peer.uid != 0 and not groups.isdisjoint({peer.gid, *peer.gids}))


class Oracle:
    """keys: canonical ID by the name of a key. names: the IDs of users and groups."""

    def __init__(self, policy, keys, now, names):
        self.policy, self.keys, self.now, self.names = policy, keys, now, names
        self.key_names = {key_id: name for name, key_id in keys.items()}
        self.is_for = functools.cache(self._is_for)
        self.covers = functools.cache(self._covers)
        self.grants_for = functools.cache(self._grants_for)

    # Who

    def _is_for(self, name, peer):
        grant = self.policy["grants"][name]
        if peer.door is None:
            return "sockets" not in grant and is_one_of(grant, peer, self.names)
        is_open = "users" not in grant and "groups" not in grant
        return peer.door in grant.get("sockets", ()) and (
            is_open or is_one_of(grant, peer, self.names))

    def _grants_for(self, key, peer):
        return [name for name, grant in self.policy["grants"].items()
                if key in grant["keys"] and self.is_for(name, peer)]

    def is_stranger(self, peer):
        """Whom neither a grant nor an entry of admins or approvers names."""
        grants = self.policy["grants"]
        entries = [grant["approvals"] for grant in grants.values() if "approvals" in grant]
        entries.append(self.policy.get("admins", {}))
        return not any(self.is_for(name, peer) for name in grants) and (
            peer.door is not None or
            not any(is_one_of(entry, peer, self.names) for entry in entries))

    def votes(self, approvals, case):
        return len({vote.uid for vote in case.votes
                    if vote.door is None and vote.uid not in (0, case.peer.uid) and
                    is_one_of(approvals, vote, self.names)})

    # What

    def _covers(self, key, repository, role):
        return rank_of(role) not in (None, "timestamp") and any(
            matches(scope["repositories"], repository) and matches(scope["roles"], role)
            for scope in self.policy["keys"][key]["scope"])

    def _lists_outside(self, listings, repository):
        """Names of keys of ours that are listed where they must not be."""
        return {self.key_names[key_id] for role, key_id in listings if key_id in self.key_names and
                not self.covers(self.key_names[key_id], repository, role)}

    def faults(self, matter, states):
        """What is wrong with a document, whoever asks. Keys never seen are not recognised."""
        document, base = matter.document, matter.base
        wrong = set(document.flaws(matter.repository, matter.role))
        if not is_normal(matter.repository):
            wrong.add("not-normal")
        if document.expires <= self.now:
            wrong.add("expired")
        if any(states[name] != "unseen"
               for name in self._lists_outside(document.listings, matter.repository)):
            wrong.add("own-key-outside-scope")
        if base.problem:
            wrong.add("base")
        elif base.stale:
            wrong.add("stale")
        elif base.state == "none" and matter.needs_base:
            wrong.add("base-missing")
        return wrong | self._version_faults(matter)

    @staticmethod
    def newest(matter):
        """The document of the highest version that was released or is published."""
        known = [each for each in (matter.mark, published(matter)) if each]
        return max(known, key=lambda document: document.version, default=None)

    def _taken_back(self, matter):
        """Tags that were changed by a release that is not published yet: it may still be, and the
        document, which follows what is published, would be published after it."""
        newest, before = self.newest(matter), published(matter)
        is_again = newest and newest.digest == matter.document.digest
        if not newest or is_again or newest.version <= (before.version if before else 0):
            return set()
        return changed_tags(newest, before)

    def _version_faults(self, matter):
        newest, document = self.newest(matter), matter.document
        highest = newest.version if newest else 0
        if newest and document.digest == newest.digest:
            return set()
        if document.version <= highest:
            return {"rollback"}
        wrong = {"version-jump"} if document.version > highest + VERSION_STEP else set()
        if matter.role == "root" and document.version != highest + 1:
            wrong.add("root-version")
        return wrong

    # May they

    def objections(self, name, matter, case, taken):
        """Why a grant that names caller and key does not let him sign."""
        grant, document = self.policy["grants"][name], matter.document
        wrong = self._base_objections(grant, matter)
        if "unit" in grant and case.peer.unit != grant["unit"]:
            wrong.add("unit")
        if "repositories" in grant and not matches(grant["repositories"], matter.repository):
            wrong.add("repository-not-granted")
        longest = seconds(grant["max_validity"]) if "max_validity" in grant else VALIDITY.get(
            rank_of(matter.role), 0)
        if document.expires > self.now + longest + DAY:
            wrong.add("validity-too-long")
        if self.left(name, case, taken) < 1:
            wrong.add("quota")
        if "approvals" in grant and (
                self.votes(grant["approvals"], case) < grant["approvals"]["count"]):
            wrong.add("approvals")
        return wrong

    def _base_objections(self, grant, matter):
        document, base, before = matter.document, matter.base, published(matter)
        wrong = set()
        if base.problem: # there is nothing to compare with, and that is a fault of its own
            return wrong
        is_readable = base.state != "unreadable"
        if not is_readable and (not grant.get("delegate") or "tags" in grant):
            wrong.add("base")
        if "tags" in grant and base.state == "none":
            wrong.add("base-missing")
        if "tags" in grant and base.state in ("file", "empty") and not all(
                matches(grant["tags"], tag) for tag in changed_tags(document, before)):
            wrong.add("tag-not-granted")
        if "tags" in grant and not all(
                matches(grant["tags"], tag) for tag in self._taken_back(matter)):
            wrong.add("stale")
        if not grant.get("delegate") and is_readable:
            shown, newest = (each.delegations if each else None
                             for each in (before, self.newest(matter)))
            if document.delegations != shown:
                wrong.add("delegation-right")
            if document.delegations != newest:
                wrong |= {"delegation-right", "stale"}
        # Nobody can tell what the thresholds were: it is the caller who leaves the file out.
        is_doubtful = not is_readable and document.delegations
        if (is_doubtful or (before and is_weaker(document, before))) and "approvals" not in grant:
            wrong.add("weaker")
        return wrong

    def left(self, name, case, taken):
        """Of the quota of a grant."""
        quota = self.policy["grants"][name].get("quota")
        if not quota:
            return 10 ** 9
        return int(quota.split("/")[0]) - case.used.get(name, 0) - taken[name]

    def choose(self, wanted, matter, case, taken):
        key = self.key_names.get(wanted)
        if key is None or case.states[key] == "unseen":
            return Choice((), None, {"no-such-key"})
        grants = self.grants_for(key, case.peer)
        if not grants:
            return Choice((), None, {"not-granted"})
        wrong = set()
        if not self.covers(key, matter.repository, matter.role):
            wrong.add("key-outside-scope")
        if key in self._lists_outside(matter.base.listings, matter.repository):
            wrong.add("listed-elsewhere")
        objections = {name: self.objections(name, matter, case, taken) for name in grants}
        able = [] if wrong else [name for name in grants if not objections[name]]
        state = {"away": {"token-unavailable"}, "locked": {"token-unavailable"},
                 "changed": {"key-changed"}}.get(case.states[key], set())
        if able:
            return Choice(able, None if state else self.cheapest(able, case, taken), state)
        waiting = [name for name in grants if objections[name] == {"approvals"}]
        if waiting and not wrong: # nobody votes on what cannot be signed anyway
            return Choice(waiting, None, state or {"approvals"})
        return Choice((), None, wrong.union(*objections.values()) - {"approvals"})

    def _may_be_unseen(self, matter, case, taken):
        """Whether the key wanted could be one that was never seen, as its token is away. Nor is it
        seen then where that one is listed."""
        matter = matter._replace(base=matter.base._replace(listings=()))
        for name, key_id in self.keys.items():
            if case.states[name] == "unseen":
                seen = case._replace(states={**case.states, name: "away"})
                if "token-unavailable" in self.choose(key_id, matter, seen, taken).why:
                    return True
        return False

    def cheapest(self, names, case, taken):
        """Without a quota before with one, then with most of it left, then by name."""
        return min(names, key=lambda name: (-self.left(name, case, taken), name.encode()))

    def judge_document(self, matter, case, taken):
        """What is thought of one document; counts in taken the grants under which it is signed."""
        choices = [self.choose(wanted, matter, case, taken) for wanted in matter.wanted]
        faults = self.faults(matter, case.states)
        signs = {choice.grant for choice in choices if choice.grant}
        whys = self._whys(choices, signs, case.partial)
        if whys == {"no-such-key"} and self._may_be_unseen(matter, case, taken):
            whys = {"token-unavailable"} | (whys if faults else set())
        if not self._may_ask(matter, case.peer):
            faults -= TOLD_TO_WHO_MAY_ASK
        if faults:
            return Opinion(False, faults | whys - {"approvals"}, choices)
        if whys:
            return Opinion(False, whys, choices)
        taken.update(signs)
        return Opinion(True, whys, choices)

    def _may_ask(self, matter, peer):
        """Whether some grant on a key wanted names the caller, and the key is for that place."""
        keys = {self.key_names[wanted] for wanted in matter.wanted if wanted in self.key_names}
        return any(self.grants_for(key, peer) and self.covers(key, matter.repository, matter.role)
                   for key in keys)

    @staticmethod
    def _whys(choices, signs, is_partial):
        """Why the keys wanted are not enough; an empty set if they are."""
        whys = set().union(*(choice.why for choice in choices))
        waits = any("approvals" in choice.why for choice in choices)
        is_away = any("token-unavailable" in choice.why and choice.able for choice in choices)
        if signs and (is_partial or not is_away and not waits):
            return set()
        if is_away and (signs or waits):
            return {"token-unavailable"}
        if waits:
            return {"approvals"}
        return whys

    def judge(self, case):
        """What is thought of each document: the request is allowed if all of them are."""
        taken = collections.Counter()
        return [self.judge_document(matter, case, taken) for matter in case.matters]


def published(matter):
    """The document that is verified to be published, or None."""
    base = matter.base
    return base.document if base.state == "file" and not base.problem else None


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": DAY}[text[-1]]
