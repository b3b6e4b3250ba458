# SPDX-License-Identifier: Apache-2.0
"""chain: the published files of a repository, as a request shows them to the agent."""
import base64
import hashlib
import json


class Chain:
    """Fetched once: later publications do not change it."""

    def __init__(self, server, gun, roles=()):
        self.gun = gun
        self._files = [(role, server.get(f"/v2/{gun}/_trust/tuf/{role}.json"))
                       for role in ("root", "timestamp", "snapshot", "targets", *sorted(roles))]

    def signed(self, role):
        """The document of a role."""
        return json.loads(dict(self._files)[role])["signed"]

    def raw(self, role):
        """The file of a role, as it is published."""
        return dict(self._files)[role]

    def replace(self, role, raw):
        """Lie about a file."""
        self._files = [(name, raw if name == role else file) for name, file in self._files]

    def leave_out(self, role):
        self._files = [(name, file) for name, file in self._files if name != role]

    def parameter(self):
        """An element of Sign's bases."""
        return {"repository": self.gun,
                "files": [self._file(role, raw) for role, raw in self._files]}

    @staticmethod
    def _file(role, raw):
        version = json.loads(raw)["signed"]["version"]
        return {"role": f"{version}.root" if role == "root" else role, "version": version,
                "digest": hashlib.sha256(raw).hexdigest(),
                "message": base64.b64encode(raw).decode()}
