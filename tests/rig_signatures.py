# SPDX-License-Identifier: Apache-2.0
"""signatures: keys by their names in the policy, each asked to sign for a delegation of its own name."""
import itertools
import time

from rig_case import signs
from rig_document import request, targets
from rig_varlink import VarlinkError


class Signatures:
    def __init__(self, agent, gun):
        self.agent, self.gun = agent, gun
        self._versions, self._ids = itertools.count(1), {}

    def key(self, name):
        """What the agent says of a key."""
        (key,) = [key for key in self.agent.call("ListKeys")["keys"] if key["name"] == name]
        return key

    def token(self, name):
        """What the agent says of a token."""
        (token,) = [token for token in self.agent.call("Status")["tokens"] if token["name"] == name]
        return token

    def request(self, name):
        """An element of Sign's documents, newer than those before."""
        if name not in self._ids:
            self._ids[name] = self.key(name)["key"]
        return request(self.gun, f"targets/{name}", targets(version=next(self._versions)),
                       self._ids[name])

    def sign(self, *names):
        """Each of these keys signs."""
        for name in names:
            (signed,) = self.agent.call("Sign", documents=[self.request(name)])["documents"]
            signs(signed, name)

    def fails(self, name):
        """It does not sign, as its token is not there; the parameters of the error."""
        try:
            self.agent.call("Sign", documents=[self.request(name)])
        except VarlinkError as error:
            assert error.name == "TokenUnavailable", error
            assert error.parameters["token"] and error.parameters["remedy"], error
            return error.parameters
        raise AssertionError(f"{name} signs")

    def sign_in_time(self, name, seconds=30):
        """Ask again while the token is said to be away; how long that took."""
        began = time.monotonic()
        self.agent.process.wait_until(lambda: self._signs(name), seconds)
        return time.monotonic() - began

    def _signs(self, name):
        try:
            self.sign(name)
        except VarlinkError as error:
            assert error.name == "TokenUnavailable", error
            return False
        return True

    def wait_ready(self, *names, seconds=30):
        """Wait until these keys can sign."""
        self.agent.process.wait_until(
            lambda: all(self.key(name)["state"] == "ready" for name in names), seconds)

    def wait_workers(self, token, n):
        """Wait until n workers of a token are logged in. SoftHSM can lose its token for good where it
        is killed meanwhile."""
        self.agent.process.wait_until(lambda: self.token(token)["workers"] == n)

    def wait_state(self, token, *states, seconds=30):
        """Wait until a token is in one of these states; what is said about it."""
        self.agent.process.wait_until(lambda: self.token(token)["state"] in states, seconds)
        return self.token(token)
