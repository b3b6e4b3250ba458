# SPDX-License-Identifier: Apache-2.0
"""workload: what an agent is doing when it dies. Each makes fresh calls for each death."""
import os
import signal

from rig_document import key_id, key_object, request, root, target, targets
from rig_publisher import Publisher
from rig_victim import reload
from rig_witness import Call

CROWD = 24
FEW = 6
BATCH = 8


class Workload:
    """name is for people. Members of the victim's policy are its keys and the scope below gun."""

    def __init__(self, victim, gun, pems, copied):
        self.victim, self.gun, self.pems, self.copied = victim, gun, pems, copied
        self.ids = {name: key_id(key_object(pem)) for name, pem in pems.items()}
        self._n = 0

    @property
    def name(self):
        return type(self).__name__.lower()

    def prepare(self):
        """Once, with the agent running."""

    def begin(self):
        """Before each run, with the agent running."""

    def calls(self):
        """Those of the next run."""
        raise NotImplementedError

    def during(self):
        """What else happens once the calls are made."""

    def fresh(self):
        self._n += 1
        return f"{self.gun}/{self.name}{self._n}"

    def next_targets(self, role, gun=None, key="qa", **more):
        """Two documents of the next version of a role, as elements of Sign."""
        gun = gun or self.gun
        version = self.victim.witness.highest(gun, role) + 1
        return [request(gun, role, targets(version=version, names={name: target()}, **more),
                        self.ids[key]) for name in ("v1", "v2")]

    def sign(self, *pairs, **parameters):
        return Call("Sign", [one for one, _ in pairs], [other for _, other in pairs], **parameters)


class Single(Workload):
    def calls(self):
        return [self.sign(self.next_targets("targets/qa"))]


class First(Single):
    """The first request of an agent, which has what the last one wrote to the log to settle."""

    def begin(self):
        self.victim.start_anew()


class Batch(Workload):
    def calls(self):
        return [self.sign(*(self.next_targets(f"targets/b{i}") for i in range(BATCH)))]


class Crowd(Workload):
    """Many clients at once, whose requests share transactions."""

    def calls(self):
        return [self.sign(self.next_targets(f"targets/c{i}")) for i in range(CROWD)]


class Again(Workload):
    """The bytes that were released already."""

    def prepare(self):
        self._released = self.sign(self.next_targets("targets/again"))
        self.victim.ask(self._released)
        assert self._released.error is None, self._released.reply

    def calls(self):
        return [self._released.again()]


class Refused(Workload):
    """Many who may not, at once."""

    def calls(self):
        return [Call("Sign", self.next_targets(f"targets/x{i}", key="developer")[:1])
                for i in range(CROWD)]


class Reloading(Workload):
    """The policy is read again while a request is in work, by a signal and by a call."""

    def calls(self):
        return [reload(), *(self.sign(self.next_targets(f"targets/r{i}")) for i in range(FEW))]

    def during(self):
        os.kill(self.victim.agent.process.pid, signal.SIGHUP)


class Certificate(Workload):
    def calls(self):
        return [Call("IssueRootCertificate", repository=self.fresh(), key=self.ids["root"])]


class Root(Workload):
    """The first root of a repository: its file is kept with its signatures."""

    def _issue(self, gun):
        issued = Call("IssueRootCertificate", repository=gun, key=self.ids["root"])
        self.victim.ask(issued)
        return issued.reply["certificate"]

    def calls(self):
        gun = self.fresh()
        keys = key_object(self._issue(gun)), key_object(self.pems["targets"])
        return [self.sign([request(gun, "root", root(*keys, days=days), self.ids["root"])
                           for days in (30, 31)])]


class Based(Root):
    """A base that was published by somebody who has a copy of the key raises marks."""

    def prepare(self):
        gun = self.fresh()
        self._publisher = Publisher(gun, key_object(self._issue(gun)), self.copied)
        documents = [request(gun, "root", self._publisher.root, self.ids["root"])]
        call = Call("Sign", documents)
        self.victim.ask(call)
        assert call.error is None, call.reply
        self._publisher.take_root_signature(call.reply["documents"][0]["signatures"][0]["sig"])

    def calls(self):
        gun = self._publisher.gun
        shown = targets(version=self.victim.witness.highest(gun, "targets") + 1)
        call = self.sign(self.next_targets("targets/qa", gun),
                         bases=[self._publisher.chain(shown)])
        self.victim.witness.raised.update(
            Call("Sign", [request(gun, "targets", shown)]).versions())
        return [call]


class Checkpoint(Batch):
    """The write-ahead log is so long that what it holds goes to the database with this commit."""

    def prepare(self):
        """Find out how many requests make it so long; they need more pages when they are new."""
        for _ in ("new", "known"):
            self.n_before = self._count()

    def _count(self):
        """The first request of an agent settles what was there."""
        self.victim.start_anew()
        for n in range(1000):
            if self.is_checkpoint(self.victim.run(self.calls())[0]) and n > 0:
                return n
        raise AssertionError("the log is never brought to the database")

    @staticmethod
    def is_checkpoint(done):
        return any(call.is_write() and call.file == "ledger.db" for call in done)

    def begin(self):
        self.victim.start_anew()
        for _ in range(self.n_before):
            self.victim.ask(*self.calls())


# The longest come first.
WORKLOADS = (Crowd, Refused, Reloading, Batch, Root, Based, First, Single, Again, Certificate)


def scopes(host):
    """Of the victim's keys: role patterns by key."""
    repositories = [f"{host}/**"]
    return {"root": [{"repositories": repositories, "roles": ["root"]}],
            "targets": [{"repositories": repositories, "roles": ["targets"]}],
            "copied": [{"repositories": repositories, "roles": ["targets"]}],
            "qa": [{"repositories": repositories, "roles": ["targets/*"]}],
            "developer": [{"repositories": [f"{host}/elsewhere"], "roles": ["targets/*"]}]}
