# SPDX-License-Identifier: Apache-2.0
"""crowd_world: what a crowd needs: servers, agents, users, and readers who look on."""
import collections
import random

from rig_crowd import Crowd, inspected, listed
from rig_crowd_verbs import MEMBERS, Verbs
from rig_turnstile import Turnstile

# Each makes one more user of a program, as the fixtures of that name.
Makers = collections.namedtuple("Makers", "client notary docker")
STICKS = (0.2, 0.6, 0.9)


class World:
    """agents: two; users: those of the members who are not the releaser."""

    def __init__(self, server, agents, users, token, makers):
        self._server, self._agents, self._users = server, agents, users
        self._token, self._new = token, makers

    def _looks(self, gun):
        """How readers look at the repository; some have been there before."""
        new = self._new
        notary, docker, reader = new.notary(), new.docker(), new.client(self._agents[0])
        return {
            "notary": ("listed", lambda: listed(notary.run("list", gun))),
            "a new notary": ("listed", lambda: listed(new.notary().run("list", gun))),
            "docker": ("inspected", lambda: inspected(docker.run("trust", "inspect", gun))),
            "inspect": ("inspected", lambda: inspected(reader.run("inspect", gun))),
            "list": ("listed", lambda: listed(reader.run("list", gun))),
            "a new list": (
                "listed", lambda: listed(new.client(self._agents[1]).run("list", gun))),
        }

    def let_loose(self, gun, seed, n, is_free=False):
        """Make the repository and have each member do n deeds in it; the crowd, after all checks.
        is_free: as it comes, and not in the order of the seed."""
        verbs, crowd, members = Verbs(gun, self._token), Crowd(self._server, gun), {}
        verbs.found(self._new.client(self._agents[0]))
        sticks = random.Random(seed).choice(STICKS)
        turnstile = Turnstile(self._server, None if is_free else seed, sticks)
        try:
            for kind, i in MEMBERS:
                member = self._new.client(self._agents[i], self._users.get(kind))
                member.use_server(turnstile.door(f"{kind}{i}").url)
                members[f"{kind}{i}"] = member, verbs.choose(kind)
            crowd.act(members, n, seed, self._looks(gun), turnstile)
        finally:
            turnstile.stop()
        crowd.check()
        return crowd
