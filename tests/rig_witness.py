# SPDX-License-Identifier: Apache-2.0
"""witness: remembers what clients were given by one agent, and holds its ledger to that."""
import base64
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from rig_ledger import Ledger
from rig_varlink import INTERFACE


class Call:
    """One call and what became of it."""

    def __init__(self, method, documents=(), altered=(), **parameters):
        """altered: other documents under the same versions, for later."""
        self.method, self.documents, self.altered = method, documents, altered
        self.parameters = {**({"documents": list(documents)} if documents else {}), **parameters}
        self.reply = None  # its parameters
        self.error = None  # its name, without our interface
        self.was_sent = self.is_torn = False

    def message(self):
        return {"method": f"{INTERFACE}.{self.method}", "parameters": self.parameters}

    def take(self, reply):
        if reply is not None:
            self.reply = reply.get("parameters", {})
            self.error = reply.get("error", "").removeprefix(INTERFACE + ".") or None

    def again(self, altered=False):
        documents = self.altered if altered else self.documents
        parameters = {name: value for name, value in self.parameters.items()
                      if name != "documents"}
        return Call(self.method, documents, self.altered, **parameters)

    def key(self):
        """What its record is known by."""
        if self.method == "IssueRootCertificate":
            return self.method, (self.parameters["repository"], "root", 0)
        return self.method, *sorted(self.versions())

    def versions(self):
        """{(repository, role, version): digest} of its documents."""
        found = {}
        for document in self.documents:
            message = base64.b64decode(document["message"])
            version = json.loads(message)["version"]
            found[document["repository"], document["role"], version] = (
                hashlib.sha256(message).hexdigest())
        return found


class Witness:
    def __init__(self, pem_of_id):
        self._keys = {keyid: serialization.load_pem_public_key(pem.encode())
                      for keyid, pem in pem_of_id.items()}
        self.released = {}      # (repository, role, version): digest, by a client or the ledger
        self.raised = {}        # the same by bases that were shown
        self._given = {}        # record: versions that a client has signatures of
        self._refused = set()   # records of refusals that a client was told of
        self._kept = []         # bodies of records that must stay
        self.certificates = {}  # repository: the certificate that a client has

    def highest(self, repository, role):
        """The highest version that was released or shown."""
        return max((version for (gun, name, version) in (*self.released, *self.raised)
                    if (gun, name) == (repository, role)), default=0)

    def knows(self, call):
        """Whether what the call asks for was released, be it that the client saw it or not."""
        return all(self.released.get(key) == digest for key, digest in call.versions().items())

    def _release(self, key, digest):
        known = self.released.setdefault(key, digest)
        assert known == digest, f"two documents were released as {key}"

    def see(self, call):
        """What the client was told."""
        if call.reply is None:
            return
        if call.method == "Sign" and call.error is None:
            self._see_signatures(call)
        elif call.error == "Denied" and "id" in call.reply:
            self._refused.add(int(call.reply["id"]))
        elif call.method == "IssueRootCertificate" and call.error is None:
            pem = call.reply["certificate"]
            assert self.certificates.setdefault(call.parameters["repository"], pem) == pem

    def _see_signatures(self, call):
        versions = call.versions()
        assert [signed["digest"] for signed in call.reply["documents"]] == list(versions.values())
        for document, signed in zip(call.documents, call.reply["documents"]):
            assert signed["signatures"] and not signed["left_out"]
            for signature in signed["signatures"]:
                self._verify(signature, base64.b64decode(document["message"]))
        for key, digest in versions.items():
            self._release(key, digest)
        self._given[call.reply["record"]] = versions

    def _verify(self, signature, message):
        raw = base64.b64decode(signature["sig"])
        r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
        try:
            self._keys[signature["key"]].verify(
                encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise AssertionError("a wrong signature was released") from error

    def examine(self, state, has_lost_power=False):
        """Hold the ledger of an agent that has ended to all that was promised. has_lost_power:
        what no client was told of may be gone. All records, each with its time."""
        ledger = Ledger(state)
        ledger.verify()
        rows = ledger.rows("SELECT at_us, body FROM record ORDER BY seq")
        bodies = [body for _, body in rows]
        records = [json.loads(body) for body in bodies]
        told = max((*self._given, *self._refused), default=0)
        kept = self._kept[:told] if has_lost_power else self._kept
        assert bodies[:len(kept)] == kept, "records were lost or changed"
        assert told <= len(records), f"record {told} was told of and is not there"
        self._kept = bodies
        if has_lost_power:
            self._forget(records)
        self._examine_records(records)
        self._examine_marks(ledger)
        return [(at_us, record) for (at_us, _), record in zip(rows, records)]

    def _forget(self, records):
        """Of what was released, only what the ledger or a client has was."""
        given = [key for versions in self._given.values() for key in versions]
        recorded = [key for record in records for key, _ in self._versions_of(record)]
        self.released = {key: self.released[key] for key in (*given, *recorded)
                         if key in self.released}

    @staticmethod
    def _versions_of(record):
        if record.get("outcome") != "released" or record["method"] != "Sign":
            return []
        return [((document["repository"], document["role"], document["version"]),
                 document["digest"]) for document in record["documents"]]

    def _examine_records(self, records):
        for number, record in enumerate(records, 1):
            versions = self._versions_of(record)
            for key, digest in versions:
                self._release(key, digest)
            if number in self._given:
                assert dict(versions) == self._given[number], f"record {number}"
            if number in self._refused:
                assert record["outcome"] == "refused", f"record {number}"

    def _examine_marks(self, ledger):
        marks = {(repository, role): (version, digest.hex()) for repository, role, version, digest
                 in ledger.rows("SELECT repository, role, version, digest FROM mark")}
        for (repository, role, version), digest in self.released.items():
            mark = marks[repository, role]
            assert mark[0] >= version, f"the mark of {repository} {role} is below {version}"
            assert mark[0] > version or mark[1] == digest
        for (repository, role), (version, digest) in marks.items():
            key = (repository, role, version)
            assert digest in (self.released.get(key), self.raised.get(key)), (
                f"a mark for {key}, which nobody released")
