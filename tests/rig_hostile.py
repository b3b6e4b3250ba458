# SPDX-License-Identifier: Apache-2.0
"""hostile: rows of repositories with one thing wrong, and the two who must refuse them: the client,
which reads them from a server, and the agent, which is shown them as a base."""
import base64
import dataclasses
import hashlib
import itertools
import re
from typing import Callable

from rig_document import request
from rig_forge import Forge, forged
from rig_scratch import give_tree
from rig_varlink import VarlinkError

# What becomes of a repository: the client's exit status, and the tags that it shows all the same.
REFUSED, FAILED = (4, ()), (6, ())
SKIPPED, NOTED = (0, ("v1",)), (0, ("v1", "q1"))
TAGS = ("v1", "q1", "v9")   # of targets, of targets/qa, and one that nobody is to see
# What the agent is expected to say, where it is not the client's reason.
SAME, SIGNS, NOT_ASKED = "the client's reason", "a signature", "nothing, as it is not asked"
ELSEWHERE, STALE = "lists it, as published", "Stale"


def sound(_forge):
    """Nothing is wrong."""


@dataclasses.dataclass(frozen=True)
class Row:
    """says: the fault. fault, twin: edit a sound forge. reason: a part of what is said of it; a
    star stands for anything. seen, twin_seen: edit what this machine saw before; None: it saw
    nothing. agent, twin_agent: SIGNS, NOT_ASKED or a part of what it says. args: for
    countersign list."""
    says: str
    fault: Callable
    twin: Callable
    reason: str
    outcome: tuple = REFUSED
    seen: Callable = None
    twin_seen: Callable = None
    agent: str = SAME
    twin_agent: str = SIGNS
    args: tuple = ()

    def of_twin(self):
        agent = NOT_ASKED if self.agent == NOT_ASKED else self.twin_agent
        return dataclasses.replace(self, fault=self.twin, agent=agent,
                                   seen=self.twin_seen or self.seen)

    def is_plain(self):
        """It is the sound repository, as who never saw it reads it."""
        return self.fault == sound and not self.seen and not self.args


def kind(reason, *rows, **common):
    """Rows that are refused for one reason, which no other kind has."""
    return [Row(**{"reason": reason, **common, **row}) for row in rows]


def row(says, fault, twin=sound, **more):
    return {"says": says, "fault": fault, "twin": twin, **more}


def taken(*rows):
    """What looks like a fault and is none: Notary takes it, and so do we."""
    return [Row(**{"reason": "nothing", "outcome": NOTED, "agent": SIGNS, **row}) for row in rows]


def occurs(reason, text):
    return re.search(".*".join(map(re.escape, reason.split("*"))), text)


class Reader:
    """countersign list, of one repository after the other, each with a memory of its own."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self._n = itertools.count()

    def read(self, gun, row):
        forge, seen = forged(gun, row.fault), forged(gun, row.seen)
        trust_dir = self.client.home / f"trust-{next(self._n)}"
        if seen:
            self._remember(trust_dir, seen)
        self.server.publish(gun, forge.published())
        return self.client.try_run("list", gun, "--trust-dir", trust_dir, *row.args)

    def _remember(self, trust_dir, seen):
        for role, file in seen.files()[0].items():
            path = trust_dir / "tuf" / seen.gun / "metadata" / f"{role}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file)
        give_tree(trust_dir, self.client.user.uid)

    @staticmethod
    def shown(done):
        return tuple(tag for tag in TAGS if f"\n{tag} " in done.stdout)

    def refuses(self, gun, row):
        done = self.read(gun, row)
        said = f"it ended with {done.returncode} and said: {done.stdout}{done.stderr}"
        assert (done.returncode, self.shown(done)) == row.outcome, said
        assert occurs(row.reason, done.stderr), said

    def takes(self, gun, row):
        done = self.read(gun, row)
        said = f"it ended with {done.returncode} and said: {done.stdout}{done.stderr}"
        assert (done.returncode, self.shown(done)) == NOTED, said
        assert not occurs(row.reason, done.stderr), said


class Signatory:
    """The agent, which released the first root of each repository and is asked to sign targets/qa
    on top of what is published."""

    def __init__(self, agent, keys):
        self.agent, self.keys = agent, keys
        self._known = set()
        self._versions = itertools.count(100)

    def _sign(self, gun, role, key, changes=(), **more):
        document = {**Forge(gun).documents[role], **dict(changes)}
        documents = [request(gun, role, document, self.keys[key].id)]
        return self.agent.call("Sign", documents=documents, **more)["documents"][0]["signatures"]

    def show(self, forge):
        """Release the root if this is the first time, then sign with the chain as the base."""
        if forge.gun not in self._known:
            self._known.add(forge.gun)
            assert self._sign(forge.gun, "root", "root")
        files = [{"role": name, "version": version, "digest": hashlib.sha256(file).hexdigest(),
                  "message": base64.b64encode(file).decode()}
                 for name, version, file in forge.chain("targets/qa")]
        return self._sign(forge.gun, "targets/qa", "qa", {"version": next(self._versions)},
                          bases=[{"repository": forge.gun, "files": files}])

    def answers(self, gun, row):
        """What it says is what the row wants it to say."""
        if row.agent == NOT_ASKED:
            return
        if row.seen:
            assert self.show(forged(gun, row.seen))
        try:
            said = self.show(forged(gun, row.fault))
        except VarlinkError as error:
            said = self._sentence(error)
        want = row.reason if row.agent == SAME else row.agent
        if want == SIGNS:
            assert isinstance(said, list) and said, said
        else:
            assert isinstance(said, str) and occurs(want, said), f"want '{want}', have {said}"

    @staticmethod
    def _sentence(error):
        """Of a base that is refused; anything else is no answer."""
        told = error.parameters
        if error.name == "Denied":
            assert told["reason"] in ("base", "listed-elsewhere") and told["remedy"], told
            return told["have"]
        if error.name == "Stale":
            return f"Stale: {told['role']}"
        if error.name == "NotFound":
            return f"no {told['kind']} {told['name']}"
        assert error.name in ("Malformed", "Unsupported", "TooLarge"), error
        return f"{error.name}: {told}"
