# SPDX-License-Identifier: Apache-2.0
"""judge: what the agent's own code decides of generated cases, by the program tests/judge.c."""
import base64
import collections
import hashlib
import json
import re
import subprocess

from rig_matrix_chains import is_shown, parameters
from rig_matrix_documents import NOW
from rig_oracle import Oracle, published
from rig_oracle_document import changed_tags, is_weaker

# As proto/rc.h numbers them.
RC_OK = 0
# What the agent answered of one document: rc is 0 where it may be signed, reason the id of why not;
# choices: (grant, reason) for each key wanted; None stands for "-".
Verdict = collections.namedtuple("Verdict", "rc reason grant choices")
# rc of the whole request, and the index of the document that it is about.
Decision = collections.namedtuple("Decision", "rc refused verdicts")


def digest_of(delegations):
    """How the agent compares delegations; None: there are none."""
    return hashlib.sha256(delegations).hexdigest() if delegations else "00" * 32


def known_of(matter):
    """What decide.h is told of the role of a document, if the rest of the agent does its work."""
    base, before, newest = matter.base, published(matter), Oracle.newest(matter)
    known = {
        "version": newest.version if newest else 0,
        "digest": newest.digest if newest else "00" * 32,
        "base_version": before.version if before else 0,
        "base_delegations": digest_of(before.delegations if before else None),
        "newest_delegations": digest_of(newest.delegations if newest else None),
        "base": "none" if base.problem else base.state,
        "needs_base": matter.needs_base,
        "lowers_threshold": bool(before) and is_weaker(matter.document, before),
        "listings": [list(listing) for listing in base.listings],
    }
    if known["base"] in ("file", "empty"):
        known["tags"] = sorted(changed_tags(matter.document, before))
    if newest and newest != before:
        known["unpublished"] = sorted(changed_tags(newest, before))
    if base.problem:
        known["base_problem"] = "it does not verify"
    if base.stale:
        known["stale_role"], known["stale_version"] = "targets", 99
    return known


def shown_of(matter, subject):
    """From what the agent finds that out, if it does its work. subject: its index."""
    chain, mark, message = matter.base.chain, matter.mark, matter.document.message
    row = {"subject": subject,
           "sign": parameters(chain.place, matter.wanted, message, chain.files)}
    if chain.seen:
        row["seen"] = parameters(chain.place, matter.wanted, message, chain.seen)
    if mark:
        before = published(matter)
        row["mark"] = {"version": mark.version, "digest": mark.digest,
                       "delegations": digest_of(mark.delegations),
                       "base_version": before.version if before else 0,
                       "tags": sorted(changed_tags(mark, before))}
    return row


def subject_key(matter):
    return matter.repository, matter.role, matter.document.digest, matter.wanted


def known_key(matter):
    base, mark = matter.base, matter.mark
    return (*subject_key(matter)[:3], is_shown(matter) and (id(base.chain), matter.wanted),
            base._replace(document=base.document and base.document.digest, chain=None),
            mark and mark.digest, matter.needs_base)


class Table:
    """Things by their index, each once."""

    def __init__(self, form):
        self.form, self.rows, self._places = form, [], {}

    def place(self, key, thing):
        if key not in self._places:
            self._places[key] = len(self.rows)
            self.rows.append(self.form(thing))
        return self._places[key]


def peer_of(peer):
    row = {"uid": peer.uid, "gid": peer.gid, "gids": list(peer.gids)}
    return {**row, **{name: getattr(peer, name) for name in ("door", "unit") if getattr(peer, name)}}


def subject_of(repository, role, message, wanted):
    return {"repository": repository, "role": role, "keys": list(wanted),
            "message": base64.b64encode(message).decode()}


class Judge:
    """directory: for the policies. decide() takes the cases of one world at a time."""

    def __init__(self, program, directory):
        self.path, self.ledger = directory / "policy.yaml", directory / "ledger"
        self.ledger.mkdir(mode=0o700)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0

    def _load(self, policy, **tables):
        """A world; returns why subjects of it are not understood, each of them."""
        self.path.unlink(missing_ok=True)
        self.path.write_text(json.dumps(policy), encoding="ascii")
        self.path.chmod(0o600)
        world = {"policy": str(self.path), "now": NOW, **tables}
        self.process.stdin.write(json.dumps(world).encode() + b"\n\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, f"{answer} {policy}"
        return answer["subjects"]

    def misunderstood(self, policy, places):
        """Why messages are not understood: (repository, role, message) of each."""
        return self._load(policy, subjects=[subject_of(*place, ()) for place in places])

    def ask(self, keys, policy, cases):
        """Decisions on cases of one world, some hundreds at most: pipes hold no more. keys:
        canonical IDs by name."""
        peers, used = Table(peer_of), Table(dict)
        subjects = Table(lambda matter: subject_of(
            matter.repository, matter.role, matter.document.message, matter.wanted))
        known = Table(lambda matter: shown_of(matter, subjects.place(subject_key(matter), matter))
                      if is_shown(matter) else known_of(matter))
        states = Table(lambda states: [
            {"name": name, "state": state, **({} if state == "unseen" else {"id": keys[name]})}
            for name, state in states.items()])
        lines = []
        for case in cases:
            line = [peers.place(case.peer, case.peer),
                    states.place(tuple(case.states.items()), case.states),
                    used.place(tuple(case.used.items()), case.used), int(case.partial),
                    len(case.matters)]
            for matter in case.matters:
                line.append(subjects.place(subject_key(matter), matter))
                line.append(known.place(known_key(matter), matter))
            line += [len(case.votes), *(peers.place(vote, vote) for vote in case.votes)]
            lines.append(" ".join(map(str, line)) + "\n")
        ledger = {"ledger": str(self.ledger)} if any("sign" in row for row in known.rows) else {}
        problems = self._load(policy, **ledger, peers=peers.rows, states=states.rows, known=known.rows,
                              subjects=subjects.rows, used=used.rows)
        assert not any(problems), problems
        self.process.stdin.write("".join(lines).encode() + b"\n")
        self.process.stdin.flush()
        return [decision(self.process.stdout.readline().decode()) for _ in cases]


def none(text):
    return None if text == "-" else text


def decision(line):
    rc, refused, *documents = line.split()
    return Decision(int(rc), int(refused), [verdict(document) for document in documents])


def verdict(text):
    rc, reason, grant, *choices = text.split(",")
    return Verdict(int(rc), none(reason), none(grant), [
        tuple(none(part) for part in choice.split("/")) for choice in choices])


def codes(header):
    """The names of rc.h by their numbers."""
    body = re.search(r"enum rc \{(.*?)\};", header.read_text(), re.DOTALL)[1]
    return re.findall(r"^\s*(RC_\w+)", body, re.MULTILINE)
