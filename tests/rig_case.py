# SPDX-License-Identifier: Apache-2.0
"""case: one agent, and what a test asks it to sign by hand."""
import pytest

from rig_document import key_id, key_object, request, root, targets
from rig_varlink import VarlinkError

QA_ROLE = "targets/qa"


def signs(signed, *names):
    """An element of the answer of Sign has signatures of these keys and of no others."""
    assert {signature["name"] for signature in signed["signatures"]} == set(names)


class Case:
    def __init__(self, agent, gun, token):
        self.agent, self.gun = agent, gun
        self.pem = {name: token.public_key(name) for name in ("root", "targets", "developer", "qa")}
        self.ids = {name: key_id(key_object(pem)) for name, pem in self.pem.items()}

    def request(self, document=None, role=QA_ROLE, key="qa", gun=None):
        if document is None:
            document = targets()
        return request(gun or self.gun, role, document, self.ids.get(key, key))

    def sign(self, document=None, role=QA_ROLE, key="qa", user=None, gun=None, **more):
        """Sign one document; the one element of the answer."""
        documents = [self.request(document, role, key, gun)]
        return self.agent.call("Sign", user, documents=documents, **more)["documents"][0]

    def fails(self, name, *args, **keywords):
        """Sign one document and expect this error; its parameters."""
        with pytest.raises(VarlinkError) as caught:
            self.sign(*args, **keywords)
        assert caught.value.name == name, caught.value
        return caught.value.parameters

    def denied(self, reason, *args, **keywords):
        """Sign one document and expect this reason; the parameters of the error."""
        parameters = self.fails("Denied", *args, **keywords)
        assert parameters["reason"] == reason, parameters
        assert parameters["remedy"]
        return parameters

    def rolled_back(self, *args, **keywords):
        """Sign one document that is too old; the marks that are in its way."""
        return self.fails("Rollback", *args, **keywords)["marks"]

    def root_keys(self, gun=None):
        """The keys of a first root document: a certificate from the agent, and of targets."""
        issued = self.agent.call("IssueRootCertificate", repository=gun or self.gun,
                                 key=self.ids["root"])
        return key_object(issued["certificate"]), key_object(self.pem["targets"])

    def sign_root(self, *keys, **more):
        return self.sign(root(*keys, **more), role="root", key="root")
