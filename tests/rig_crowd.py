# SPDX-License-Identifier: Apache-2.0
"""crowd: many clients change one repository at the same time, and what must hold whatever comes of it.

Each does verb after verb, which a seed chooses; readers look on meanwhile. Afterwards the server's
history of the repository says whether

* each success was to be seen before the client ended, all of it at once,
* whatever failed published nothing, and nothing was published that nobody said,
* each thing at the end is as somebody left it who was not followed by somebody else who succeeded,
* each reader saw one state of the time in which he looked, and no error.

Where the server itself went back to an old file there is nothing to be judged: see falls of rig_history.
"""
import concurrent.futures
import dataclasses
import json
import random
import threading
import time

from rig_history import History, moment
from rig_readers import rows

GAVE_UP = 7
OLD_READERS = ("notary", "a new notary", "docker")


@dataclasses.dataclass
class Deed:
    """One run of the client. writes: registers and what they become by it. ends: the statuses it
    may have, beside that of who gives up because of the others. may_write: what may become of other
    registers besides. is_partial: it does what it can, and fails for the rest."""
    args: tuple
    writes: dict
    ends: tuple = (0,)
    may_write: dict = dataclasses.field(default_factory=dict)
    is_partial: bool = False

    def begin(self, who, at):
        self.who, self.began, self.first = who, time.monotonic(), at

    def end(self, done, visit, at):
        self.done, self.visit, self.last = done, visit, at
        self.ended = time.monotonic()

    @property
    def is_success(self):
        return self.done.returncode == 0

    @property
    def perhaps(self):
        """What it may have written, for sure or not."""
        if self.is_success or self.is_partial:
            return self.writes | self.may_write
        return {}

    def __str__(self):
        return (f"{self.who}: {' '.join(map(str, self.args))}: {self.done.returncode} "
                f"[{self.first}, {self.last}]\n{self.done.stdout}{self.done.stderr}")


@dataclasses.dataclass
class Look:
    """What a reader saw between two moments, or how he failed."""
    reader: str
    view: str
    rows: object
    first: int
    last: int
    failure: str = None


class Reader:
    """Looks on from another thread, with one program after the other, until it is told to stop."""

    def __init__(self, server, gun, looks):
        self._server, self._gun, self._looks = server, gun, looks
        self.seen = []
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._task = self._pool.submit(self._run)

    def _run(self):
        while not self._stop.is_set():
            for name, (view, look) in self._looks.items():
                first = moment(self._server, self._gun)
                found = failure = None
                try:
                    found = look()
                except AssertionError as error:
                    failure = str(error)
                self.seen.append(Look(name, view, found, first,
                                      moment(self._server, self._gun), failure))

    def stop(self):
        """An error of a reader is raised here."""
        self._stop.set()
        self._pool.shutdown()
        self._task.result()


def listed(table):
    return {row: digest for row, (digest, _) in rows(table).items()}


def inspected(text):
    return {(tag["SignedTag"], tag["Digest"], tuple(sorted(tag["Signers"])))
            for image in json.loads(text) for tag in image["SignedTags"]}


class Crowd:
    """Of one repository."""

    def __init__(self, server, gun):
        self.server, self.gun = server, gun
        self.deeds, self.looks = [], []

    def act(self, members, n, seed, looks, turnstile):
        """Each member does n deeds. members: name to (client, choose), where choose(random) returns
        its next Deed; looks: as Reader takes them."""
        reader = Reader(self.server, self.gun, looks)
        try:
            with concurrent.futures.ThreadPoolExecutor(len(members)) as pool:
                tasks = [pool.submit(self._act, name, *member, n, seed, turnstile)
                         for name, member in members.items()]
            for task in tasks:
                task.result()
        finally:
            reader.stop()
        self.looks += reader.seen

    def _act(self, name, client, choose, n, seed, turnstile):
        choice = random.Random(f"{seed} {name}")
        for _ in range(n):
            deed = choose(choice)
            deed.begin(name, moment(self.server, self.gun))
            with turnstile.inside(name) as visit:
                done = client.finish(client.start(*deed.args), seconds=300)
            deed.end(done, visit, moment(self.server, self.gun))
            self.deeds.append(deed)

    def summary(self):
        ends = sorted(deed.done.returncode for deed in self.deeds)
        return ", ".join(f"{ends.count(end)} ended with {end}" for end in set(ends)) + \
            f"; {len(self.looks)} looks" + (f"; not judged: {self.falls}" if self.falls else "")

    # What must hold

    def check(self):
        history = History(self.server, self.gun)
        self.falls = history.falls()
        if self.falls:
            return
        for deed in self.deeds:
            self._check_end(deed)
            self._check_success(deed, history)
        self._check_files(history)
        self._check_registers(history)
        for look in self.looks:
            self._check_look(look, history.between(look.first, look.last))

    @staticmethod
    def _check_look(look, states):
        """Notary and docker get one file after the other. Where the rest does not fit the root that
        they know they fetch it again, once, and give up where it has changed again by then."""
        if look.failure:
            roots = {state.files["root"].sha256 for state in states}
            assert look.reader in OLD_READERS and len(roots) > 1, look
        else:
            assert any(getattr(state, look.view)() == look.rows for state in states), look

    @staticmethod
    def _check_end(deed):
        assert deed.done.returncode in (*deed.ends, GAVE_UP), deed
        if not deed.is_success and not deed.is_partial:
            assert not deed.visit.posted, deed

    @staticmethod
    def _check_success(deed, history):
        if deed.is_success:
            states = [state.counting() for state in history.between(deed.first, deed.last)]
            assert any(all(state.get(name) == value for name, value in deed.writes.items())
                       for state in states), deed

    def _check_files(self, history):
        """Who published a file has changed what he was to change, or repeated somebody else's."""
        deed_of = {sha256: deed for deed in self.deeds for _, _, sha256 in deed.visit.posted}
        known = set(history.states[0].registers().items())
        for before, after in zip(history.states, history.states[1:]):
            was, is_ = before.registers(), after.registers()
            changed = {(name, is_.get(name)) for name in was.keys() | is_.keys()
                       if was.get(name) != is_.get(name)}
            deeds = [deed_of[file.sha256] for role, file in after.files.items()
                     if file.sha256 in deed_of and
                     (role not in before.files or file.sha256 != before.files[role].sha256)]
            said = {write for deed in deeds for write in deed.perhaps.items()}
            known |= said | {(name, None) for name, value in is_.items()}
            assert not deeds or changed <= known, (changed - known, *map(str, deeds))

    def _check_registers(self, history):
        before = history.states[min(deed.first for deed in self.deeds) - 1].counting()
        now, roles = history.states[-1].counting(), dict(history.states[-1].roles())
        successes = [deed for deed in self.deeds if deed.is_success]
        names = before.keys() | now.keys() | {name for deed in successes for name in deed.writes}
        for name in names:
            writers = [deed for deed in successes if name in deed.writes]
            last = [deed for deed in writers
                    if not any(deed.ended < other.began for other in writers)]
            wanted = {deed.writes[name] for deed in last} or {before.get(name)}
            if name[0] == "target" and name[1] not in roles:
                wanted.add(None)  # its role is gone
            wanted |= {deed.perhaps[name] for deed in self.deeds if name in deed.perhaps and
                       (name in deed.may_write or not deed.is_success)}
            assert now.get(name) in wanted, (name, now.get(name), wanted, *map(str, writers))
