# SPDX-License-Identifier: Apache-2.0
"""readers: everybody who reads a repository, each for the first time."""

TEAMS = {
    "targets/releases": ["developer", "qa", "devops"],
    "targets/developer": ["developer"],
    "targets/qa": ["qa"],
    "targets/devops": ["devops"],
}


def rows(table):
    """Rows of a table of `notary list` or `countersign list`: {(name, role): (sha256, size)}."""
    cells = [line.split() for line in table.splitlines()]
    return {(name, role): (digest, int(size))
            for name, digest, size, role in (row for row in cells if len(row) == 4)
            if len(digest) == 64}


class Readers:
    def __init__(self, new_notary, new_client):
        self._new_notary, self._new_client = new_notary, new_client

    def read(self, gun, *roles):
        """What a fresh notary and a fresh client see, which must be the same."""
        notary, client = self._new_notary(), self._new_client()
        seen = {}
        for role in roles or TEAMS:
            by_notary = rows(notary.run("list", gun, "-r", role))
            by_client = rows(client.run("list", gun, "-r", role))
            assert by_notary == by_client
            seen |= by_notary
        return seen

    def roles_of(self, gun, name, *roles):
        """The roles in which a target is, and its sha256, which must be the same in each."""
        found = {role: digest for (target, role), (digest, _) in self.read(gun, *roles).items()
                 if target == name}
        assert len(set(found.values())) <= 1, found
        return set(found), next(iter(found.values()), None)
