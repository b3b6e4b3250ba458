# SPDX-License-Identifier: Apache-2.0
"""history: all that was ever to be seen of a repository, one state for each snapshot of the server.

A register is one thing of a repository that people set: ("target", role, name) is a digest in hex,
("key", role, key ID) is True, ("base", "targets") is the one key ID of it; what is not there is not
among them.
"""
import base64
import hashlib
import json

BASE = "targets"


class _File:
    def __init__(self, raw):
        parsed = json.loads(raw)
        self.signed = parsed["signed"]
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.signers = {signature["keyid"] for signature in parsed["signatures"]}

    def digests(self):
        return {name: base64.b64decode(target["hashes"]["sha256"]).hex()
                for name, target in (self.signed["targets"] or {}).items()}

    def listing(self, role):
        """Of a base role, in a root."""
        return self.signed["roles"][role]

    def is_signed_by(self, listing):
        return len(self.signers & set(listing["keyids"] or [])) >= listing["threshold"]

    def delegations(self):
        return self.signed["delegations"]["roles"] or []


class State:
    """files: by role, as one snapshot lists them."""

    def __init__(self, files):
        self.files = files

    def registers(self):
        found = {}
        for role, file in self.files.items():
            if role == "root":
                (found["base", BASE],) = file.listing(BASE)["keyids"]
                continue
            found |= {("target", role, name): digest for name, digest in file.digests().items()}
            found |= {("key", child["name"], key): True
                      for child in file.delegations() for key in child["keyids"] or []}
        return found

    def roles(self):
        """Those whose files count, breadth first: [(role, paths)]."""
        assert self.files[BASE].is_signed_by(self.files["root"].listing(BASE))
        found = [(BASE, [""])]
        for role, paths in found:
            for child in self.files[role].delegations():
                file = self.files.get(child["name"])
                if file and file.is_signed_by(child):
                    found.append((child["name"], [
                        path for path in child.get("paths") or []
                        if any(path.startswith(above) for above in paths)]))
        return found

    def _targets(self, role, paths):
        return {name: digest for name, digest in self.files[role].digests().items()
                if any(name.startswith(path) for path in paths)}

    def counting(self):
        """Registers without those of files that no reader looks at, as their roles are gone."""
        roles = dict(self.roles())
        return {name: value for name, value in self.registers().items()
                if name[0] != "target" or name[1] in roles}

    def listed(self):
        """As `notary list` shows it: {(name, role): digest}."""
        found = {}
        for role, paths in self.roles():
            found |= {(name, role): digest for name, digest in self._targets(role, paths).items()
                      if name not in {known for known, _ in found}}
        return found

    def inspected(self):
        """As `docker trust inspect` shows it: {(name, digest, signers)}."""
        of_role = {role: self._targets(role, paths) for role, paths in self.roles()}
        released = [(name, digest) for role in ("targets/releases", BASE)
                    for name, digest in of_role.get(role, {}).items()]
        return {(name, digest, tuple(sorted(
            role.removeprefix("targets/") for role, targets in of_role.items()
            if role not in (BASE, "targets/releases") and targets.get(name) == digest)) or
                 ("Repo Admin",)) for name, digest in released}


class History:
    """Of one repository until now. states[n - 1] is what snapshot n showed."""

    def __init__(self, server, gun):
        self._server, self._gun = server, gun
        self._files = {}
        self.states = [self._state(n) for n in range(1, moment(server, gun) + 1)]

    def _get(self, name):
        return self._server.get(f"/v2/{self._gun}/_trust/tuf/{name}.json")

    def _state(self, n):
        meta = json.loads(self._get(f"{n}.snapshot"))["signed"]["meta"]
        return State({role: self._file(role, base64.b64decode(listed["hashes"]["sha256"]).hex())
                      for role, listed in meta.items()})

    def _file(self, role, sha256):
        if (role, sha256) not in self._files:
            self._files[role, sha256] = _File(self._get(f"{role}.{sha256}"))
        return self._files[role, sha256]

    def falls(self):
        """Where a snapshot lists an older file than the one before: [(snapshot, role, was, is)].

        notary-server reads root and targets, then the snapshot before, and hashes all of them into
        the next one. Where somebody publishes root or targets in between, the next snapshot lists the
        old ones again, until somebody publishes once more."""
        return [(n, role, file.signed["version"], after.files[role].signed["version"])
                for n, (before, after) in enumerate(zip(self.states, self.states[1:]), 2)
                for role, file in before.files.items()
                if after.files[role].signed["version"] < file.signed["version"]]

    def between(self, first, last):
        """States that somebody could see who began at one moment and ended at another."""
        return self.states[first - 1:last]


def moment(server, gun):
    """Now, as a version of the snapshot."""
    return server.document(gun, "snapshot")["signed"]["version"]
