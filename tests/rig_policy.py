# SPDX-License-Identifier: Apache-2.0
"""policy: what the agents of the tests are told, as Python that becomes YAML."""
import copy
import json

import rig_users

# The keys of the usual token, and the role that each is for.
ROLES = {
    "root": ["root"],
    "targets": ["targets"],
    "developer": ["targets/developer", "targets/releases"],
    "qa": ["targets/qa", "targets/releases"],
    "devops": ["targets/devops", "targets/releases"],
}


class Policy:
    """Starts with the usual keys, granted to the releaser; tests change entries and store it."""

    def __init__(self, token, registry_host, sanitizer):
        self.document = {
            "tokens": {"hsm": token.entry(**sanitizer.variables)},
            "keys": {
                name: {"token": "hsm", "uri": token.key_uri(name),
                       "scope": [{"repositories": [f"{registry_host}/**"], "roles": roles}]}
                for name, roles in ROLES.items()},
            "grants": {
                "releaser": {"users": [rig_users.RELEASER.uid], "keys": list(ROLES),
                             "delegate": True}},
            "admins": {"users": [rig_users.RELEASER.uid]},
        }

    def __getitem__(self, name):
        return self.document[name]

    def __setitem__(self, name, value):
        self.document[name] = value

    def add_token(self, name, token, sanitizer, **keys):
        """One more token. keys: name to what the token calls the key; each is for the delegations
        targets/NAME and targets/releases, and granted to the releaser."""
        (everywhere,) = {repository for key in self["keys"].values()
                         for scope in key["scope"] for repository in scope["repositories"]}
        self["tokens"][name] = token.entry(**sanitizer.variables)
        for key, place in keys.items():
            self["keys"][key] = {"token": name, "uri": token.key_uri(place), "scope": [
                {"repositories": [everywhere], "roles": [f"targets/{key}", "targets/releases"]}]}
            self["grants"]["releaser"]["keys"].append(key)

    def copy(self):
        return copy.deepcopy(self)

    def text(self):
        # JSON is YAML.
        return json.dumps(self.document, indent=2) + "\n"
