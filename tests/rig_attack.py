# SPDX-License-Identifier: Apache-2.0
"""attack: a local user who does one thing to the agent's socket, again and again, until told to stop.

Each attack is a process of that user.
"""
import base64
import collections
import contextlib
import json
import multiprocessing
import os
import resource
import selectors
import socket

from rig_varlink import INTERFACE

LARGE = 64 * 1024 * 1024
SMALL = 64 * 1024
STATUS = json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0"


class Attack:
    """A running attack: deed(path, is_over, *args) returns what it saw, a Counter. With niceness 19
    it comes last on the machine."""

    def __init__(self, user, path, deed, *args, niceness=0):
        self._mine, its = multiprocessing.get_context("fork").Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=self._run, args=(its, niceness, user, path, deed, args), daemon=True)
        self._process.start()
        its.close()

    @staticmethod
    def _run(pipe, niceness, user, path, deed, args):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(niceness)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        if os.geteuid() == 0:
            os.setgroups(user.groups)
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
        pipe.send(deed(str(path), pipe.poll, *args))

    def result(self, seconds=60):
        """What it saw, when it ends by itself."""
        assert self._mine.poll(seconds), "the attack does not end"
        seen = self._mine.recv()
        self._process.join()
        self._mine.close()
        return seen

    def stop(self, seconds=60):
        """Let it end; what it saw."""
        with contextlib.suppress(BrokenPipeError):
            self._mine.send("over")
        return self.result(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def name_of(reply):
    """What a reply comes to, in one word or two."""
    if "error" not in reply:
        return "answered"
    parameters = reply.get("parameters", {})
    about = parameters.get("bound") or parameters.get("reason") or parameters.get("where") or ""
    return f"{reply['error'].rsplit('.', 1)[-1]} {about.split('[')[0]}".strip()


# Frames


def call(method="Status", **parameters):
    return json.dumps({"method": f"{INTERFACE}.{method}", "parameters": parameters}).encode() + b"\0"


def padded(length):
    """A call of length bytes, almost all of them white space."""
    head = STATUS[:-2]
    return head + b" " * (length - len(head) - 1) + b"}\0"


def texts(length):
    """A call of length bytes, almost all of them one text."""
    head, tail = STATUS[:-2] + b',"parameters":{"x":"', b'"}}\0'
    return head + b"x" * (length - len(head) - len(tail) + 1) + tail


def values(length):
    """A call of length bytes, almost all of them small values."""
    head, tail = STATUS[:-2] + b',"parameters":{"x":[0', b"]}}\0"
    return head + b",0" * ((length - len(head) - len(tail)) // 2) + tail


def signs(repository, role, key, sizes):
    """A Sign with documents of these sizes, of a granted role, that are no metadata."""
    documents = [{"format": "notary", "repository": repository, "role": role, "keys": [key],
                  "message": base64.b64encode(b"x" * size).decode()} for size in sizes]
    return call("Sign", documents=documents)


# Deeds: what is done on each of n connections, again and again


def dial(path):
    """A connection, or None: too many wait to be accepted."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        one.connect(path)
    except OSError:
        one.close()
        return None
    return one


class Talker:
    """A connection that sends a frame, waits for the answer and begins anew."""
    reads = True
    n_at_once = 1024 * 1024

    def __init__(self, path, frame, seen):
        self.path, self.frame, self.seen = path, memoryview(frame), seen
        self.socket, self.sent, self.heard = None, 0, b""

    def interest(self):
        writes = selectors.EVENT_WRITE if self.sent < len(self.frame) else 0
        return writes | (selectors.EVENT_READ if self.reads else 0)

    def begin(self):
        self.socket, self.sent, self.heard = dial(self.path), 0, b""

    def write(self):
        try:
            self.sent += self.socket.send(self.frame[self.sent:self.sent + self.n_at_once])
        except BlockingIOError:
            pass
        except OSError:  # its last word is still to be read
            self.sent = len(self.frame)

    def read(self):
        """False: the agent ended it."""
        try:
            part = self.socket.recv(65536)
        except OSError:
            part = b""
        self.heard += part
        *replies, self.heard = self.heard.split(b"\0")
        for reply in replies:
            self.seen[name_of(json.loads(reply))] += 1
            self.sent = 0
        return part != b""


class Dripper(Talker):
    """One that sends a byte at a time."""
    n_at_once = 1


class Mute(Talker):
    """One that calls and calls, and reads no answer."""
    reads = False

    def write(self):
        super().write()
        self.sent %= len(self.frame)


class Caller(Talker):
    """One that does not wait for answers before it calls again."""

    def write(self):
        super().write()
        self.sent %= len(self.frame)


class Crowd(Talker):
    """One that says nothing, and comes back if it is not let in."""

    def interest(self):
        return selectors.EVENT_READ


class Visitor(Talker):
    """One that leaves at once, and comes back."""

    def interest(self):
        return selectors.EVENT_WRITE

    def write(self):
        self.seen["left"] += 1
        self.socket.close()
        self.socket = None


def many(path, is_over, kind, n, frame=STATUS, limit=None):
    """n connections of that kind, until they have seen limit things."""
    seen, selector = collections.Counter(), selectors.EpollSelector()
    idle = [kind(path, frame, seen) for _ in range(n)]
    while not is_over() and (limit is None or seen.total() < limit):
        for talker in idle:
            talker.begin()
            if talker.socket:
                selector.register(talker.socket, talker.interest(), talker)
        idle = [talker for talker in idle if not talker.socket]
        for key, events in selector.select(0.01):
            talker = key.data
            goes_on = not events & selectors.EVENT_READ or talker.read()
            if goes_on and events & selectors.EVENT_WRITE:
                talker.write()
            if goes_on and talker.socket:
                if key.events != talker.interest():
                    selector.modify(key.fileobj, talker.interest(), talker)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                idle.append(talker)
    return seen
