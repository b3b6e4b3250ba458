# SPDX-License-Identifier: Apache-2.0
"""victim: an agent that is ended again and again, and held to its promises each time it comes back.

Who asks is the one who runs the tests, under no other uid, so that several victims can live at once
in the threads of one process.
"""
import collections
import contextlib
import itertools
import os
import shutil
import signal
import time

import rig_users
from rig_disk import Disk
from rig_tracer import Tracer
from rig_varlink import Varlink
from rig_witness import Call, Witness

# Where an agent died, by what the next one finds and the clients have.
BEFORE_COMMIT, AFTER_COMMIT, AFTER_REPLY = "before commit", "after commit", "after reply"
CLASSES = (BEFORE_COMMIT, AFTER_COMMIT, AFTER_REPLY)

# workload: its name; call: the name of the system call; n: its number since the first request.
Point = collections.namedtuple("Point", "workload call n")


class Victim:
    def __init__(self, agent, pem_of_id, tracer, random):
        self.agent, self.random = agent, random
        self.witness = Witness(pem_of_id)
        self._pem_of_id, self._tracer = pem_of_id, tracer
        self._numbers = itertools.count(1)
        self._disk = None
        self._watch = None  # the tracer that writes the journal for the disk
        self._copy = agent.directory / "copy"
        self._began_us = 0  # when the calls were made that it did not survive

    def start(self):
        self.agent.start()
        self.wait_for_keys()

    def wait_for_keys(self):
        """Until all of its tokens can sign. SoftHSM shows no token, ever, to a process that begins
        while one of the agent before is busy with it: then that takes another one, and seconds."""
        def are_ready():
            call = Call("ListKeys")
            self._ask([call], None)
            return {key["state"] for key in call.reply["keys"]} == {"ready"}

        self.agent.process.wait_until(are_ready)

    def start_anew(self):
        """Killed while it has nothing to do, it starts again."""
        self.kill()
        self._start()

    def _start(self):
        if self._disk:
            self.start_on_disk()
        else:
            self.start()

    def start_on_disk(self):
        """The same, with a journal of what it writes from now on."""
        if self._disk is None:
            self._disk = Disk(self.agent.state, rig_users.AGENT)

        def attach(pid):
            self._watch = self._trace(pid)

        self.agent.start(attach)
        self.wait_for_keys()

    def start_and_die(self, n):
        """Start it on the disk and kill it at its nth call, unless it makes fewer until it is ready;
        the calls that it made."""
        if self._disk is None:
            self._disk = Disk(self.agent.state, rig_users.AGENT)

        def attach(pid):
            self._watch = self._trace(pid, "kill", n, signal.SIGKILL)

        try:
            self.agent.start(attach)
            return self.kill()
        except RuntimeError:  # it ended before it was ready
            return self._settle()
        finally:
            self.agent.process = None

    def erase(self):
        """As if it had never been there."""
        self.witness, self._disk = Witness(self._pem_of_id), None
        for path in self.agent.state.iterdir():
            path.unlink()

    def end_in_order(self):
        """What init does at a shutdown; the exit status. It may be on its way already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.agent.process.pid, signal.SIGTERM)
        return self.agent.process.popen.wait(60)

    def _trace(self, pid, *plan):
        journal = self.agent.directory / f"journal-{next(self._numbers)}"
        return Tracer(self._tracer, pid, self.agent.state, journal, *plan)

    def _settle(self):
        """What it did without a plan is on the disk's books."""
        if not self._watch:
            return []
        tracer, self._watch = self._watch, None
        done, _ = tracer.finish()
        self._disk.apply(done)
        return done

    def ask(self, *calls, during=None):
        """Make the calls, all at once on connections of their own; what is answered is in them."""
        if self._disk and not self._watch:
            self._watch = self._trace(self.agent.process.pid)
        self._ask(calls, during)

    def _ask(self, calls, during):
        with contextlib.ExitStack() as open_ones:
            connections = []
            for call in calls:
                # One that ends in order takes its socket along.
                with contextlib.suppress(ConnectionError, FileNotFoundError):
                    connection = open_ones.enter_context(Varlink(self.agent.socket))
                    connections.append((call, connection))
                    connection.send_message(call.message())
                    call.was_sent = True
            if during:
                during()
            for call, connection in connections:
                self._receive(call, connection)
        for call in calls:
            self.witness.see(call)

    @staticmethod
    def _receive(call, connection):
        try:
            call.take(connection.receive())
        except ConnectionError:
            pass
        except AssertionError:  # the agent died while it wrote
            call.is_torn = True

    def run(self, calls, plan=(), during=None, pid=None, finally_=None):
        """Ask, while a tracer follows the plan; the system calls, and whether the process it
        watched ended. during: called when all have asked; finally_: when all were answered. pid: of
        a worker; the agent's if it is not said."""
        self._settle()
        tracer = self._trace(pid or self.agent.process.pid, *plan)
        self._began_us = time.time_ns() // 1000
        self._ask(calls, during)
        if finally_:
            finally_()
        done, has_ended = tracer.finish()
        if has_ended and pid is None:
            self.agent.process.popen.wait()
            self.agent.process = None
        if self._disk and pid is None:
            self._disk.apply(done)
        return done, has_ended

    def kill(self):
        done = self._settle()
        self.agent.kill()
        return done

    def lose_power(self, share):
        """The agent has ended, and with it all that the disk does not have."""
        self._disk.lose_power(self.random, share)

    def come_back(self, calls, has_lost_power=False):
        """After its end: hold the ledger to all promises, start it again, and ask about the calls
        anew. The class of this end."""
        with self._ledger_copy() as state:
            records = self.witness.examine(state, has_lost_power)
        told = self._class_of(calls, records)
        self._start()
        for call in self.random.sample(calls, min(len(calls), 3)):
            self.ask_again(call)
        return told

    @contextlib.contextmanager
    def _ledger_copy(self):
        """Reading the files of the ledger may change them, so it is done with others."""
        shutil.copytree(self.agent.state, self._copy)
        try:
            yield self._copy
        finally:
            shutil.rmtree(self._copy)

    def _class_of(self, calls, records):
        calls = [call for call in calls if call.method != "Reload"]
        if not calls:
            return None
        recorded = {self._key(record["method"], record["documents"]) for at_us, record in records
                    if at_us >= self._began_us and record["kind"] == "request"}
        is_recorded = [call.key() in recorded for call in calls]
        assert all(done for done, call in zip(is_recorded, calls) if call.is_torn)
        if all(call.reply is not None for call in calls):
            return AFTER_REPLY
        return AFTER_COMMIT if any(is_recorded) else BEFORE_COMMIT

    @staticmethod
    def _key(method, documents):
        return (method, *sorted((one["repository"], one["role"], one["version"])
                                for one in documents))

    def ask_again(self, call):
        """What was released is given again and nothing else is under its version; what was not is
        free for anything."""
        if call.method == "Sign" and call.altered:
            self._sign_again(call)
        elif call.method != "Reload":
            again = call.again()
            self.ask(again)
            assert again.error == call.error or call.reply is None, again.reply

    def _sign_again(self, call):
        first, second = call.again(), call.again(altered=True)
        if not self.witness.knows(first) and (
                self.witness.knows(second) or self.random.random() < 0.5):
            first, second = second, first
        self.ask(first)
        assert first.reply and first.error is None, f"{first.error}: {first.reply}"[:400]
        self.ask(second)
        assert second.error == "Rollback", f"{second.error}: {second.reply}"[:400]
        marks = {(mark["repository"], mark["role"], mark["version"]): mark
                 for mark in second.reply["marks"]}
        for document, (key, digest) in zip(first.documents, first.versions().items()):
            assert marks[key]["digest"] == digest
            if key[1] == "root":
                self._check_root(first, document, marks[key])

    @staticmethod
    def _check_root(call, document, mark):
        """Who comes back finishes with the root that was released. Signed twice, a root has the
        signatures of the second time."""
        assert mark["document"] == document["message"]
        assert [one["sig"] for one in mark["signatures"]] == [
            one["sig"] for one in call.reply["documents"][0]["signatures"]]


def reload():
    return Call("Reload")
