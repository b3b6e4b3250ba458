# SPDX-License-Identifier: Apache-2.0
"""turnstile: stands before the trust server and lets the requests of many clients through one by one,
in an order that a seed gives, and knows who published which file.

    turnstile = Turnstile(notary_server, seed=7)
    client.use_server(turnstile.door("alice").url)
    with turnstile.inside("alice") as visit:
        client.run("addhash", ...)
    visit.posted    # {(repository, role, sha256)}, all that the server took from her meanwhile

While everybody inside stands before the server, what comes next is the seed's choice alone. Whoever
thinks for longer than PATIENCE_S is not waited for, so that the order of a run with the same seed is
about the same, and not for sure.
"""
import contextlib
import hashlib
import random
import re
import threading
import time

from rig_proxy import HoldingProxy

PATIENCE_S = 0.015
LONGEST_S = 5  # that anybody waits; clients think that a server hangs which says nothing for 30
PATH = re.compile(r"/v2/(.+)/_trust/tuf/$")
PART = re.compile(rb'filename="([^"]+)"[^\r]*\r\n(?:[^\r]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)


class Visit:
    """One run of a client's program."""

    def __init__(self):
        self.posted = set()
        self.n_refused = 0  # publications that the server did not want


class _Door(HoldingProxy):
    """Of one client. Its connections to the server are kept for its requests to come."""

    def __init__(self, turnstile, name):
        self._turnstile, self._name = turnstile, name
        self._kept = threading.local()
        super().__init__(turnstile.server, turnstile.server.tls)
        self.holds = lambda method, path: False

    def _forward(self, method, path, headers, body):
        with self._turnstile.turn(self._name):
            status, answered, data = self._ask(method, path, headers, body)
        published = PATH.search(path)
        if method == "POST" and published:
            self._turnstile.saw(self._name, published.group(1), body, status)
        return status, answered, data

    def _ask(self, method, path, headers, body):
        upstream = getattr(self._kept, "upstream", None)
        if upstream is None:
            upstream = self._kept.upstream = self._connect()
        upstream.request(method, path, body=body, headers=headers)
        answer = upstream.getresponse()
        return answer.status, answer.getheaders(), answer.read()


class Turnstile:
    """seed: None: everybody goes through at once. sticks: how likely one goes on who has just been
    let through, of 1."""

    def __init__(self, server, seed=None, sticks=0.5):
        self.server, self._sticks = server, sticks
        self._choice = None if seed is None else random.Random(f"turnstile {seed}")
        self._changed = threading.Condition()
        self._inside, self._waiting = {}, {}  # since when
        self._passing = self._last = None
        self._stirred = time.monotonic()
        self._doors = {}
        self._is_stopped = False
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def door(self, name):
        self._doors[name] = _Door(self, name)
        return self._doors[name]

    @contextlib.contextmanager
    def inside(self, name):
        visit = Visit()
        with self._stirring():
            self._inside[name] = visit
        try:
            yield visit
        finally:
            with self._stirring():
                del self._inside[name]

    def stop(self):
        with self._stirring():
            self._is_stopped = True
        self._keeper.join()
        for door in self._doors.values():
            door.stop()

    @contextlib.contextmanager
    def turn(self, name):
        """The caller's request goes to the server within."""
        if self._choice is None:
            yield
            return
        with self._stirring():
            self._waiting[name] = time.monotonic()
            self._changed.wait_for(lambda: self._passing == name or self._is_stopped)
        try:
            yield
        finally:
            with self._stirring():
                self._passing = None

    def saw(self, name, gun, body, status):
        """The server has answered a publication."""
        with self._changed:
            visit = self._inside.get(name)
            if visit is None:
                return
            if status != 200:
                visit.n_refused += 1
                return
            visit.posted |= {(gun, role.decode(), hashlib.sha256(file).hexdigest())
                             for role, file in PART.findall(body)}

    @contextlib.contextmanager
    def _stirring(self):
        with self._changed:
            yield
            self._stirred = time.monotonic()
            self._changed.notify_all()

    def _is_settled(self):
        return self._passing is None and self._waiting and (
            len(self._waiting) >= len(self._inside) or
            time.monotonic() > self._stirred + PATIENCE_S)

    def _choose(self):
        stays = self._choice.random() < self._sticks
        first = min(self._waiting, key=self._waiting.get)
        if time.monotonic() > self._waiting[first] + LONGEST_S:
            return first
        return self._last if stays and self._last in self._waiting else \
            self._choice.choice(sorted(self._waiting))

    def _keep(self):
        with self._changed:
            while not self._is_stopped:
                if not self._is_settled():
                    self._changed.wait(PATIENCE_S)
                    continue
                self._last = self._choose()
                self._passing = self._last
                del self._waiting[self._last]
                self._changed.notify_all()
