# SPDX-License-Identifier: Apache-2.0
"""forge: whole repositories of Notary made by hand, sound until somebody edits them.

It shares nothing with our C code: canonical JSON, key IDs, signatures and hashes are made here once
more, so that a mistake of ours is no excuse for itself.
"""
import base64
import copy
import datetime
import functools
import hashlib
import json

from rig_document import canonical
from rig_signer import certified, new_keys, now

ROLES = ("root", "targets", "targets/qa", "snapshot", "timestamp")
TYPES = {"root": "Root", "snapshot": "Snapshot", "timestamp": "Timestamp"}
VERSION = 5     # of all files but root, so that there is room below
STAGES = ("document", "message", "signatures", "file", "entry", "answer")
NOW = now()


def after(days):
    """So many days after the tests began, as documents write it."""
    return (NOW + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def root_key(gun):
    return certified(new_keys()["root"], gun)


def b64(data):
    return base64.b64encode(data).decode()


def entry_of(data):
    """How a snapshot or a timestamp lists a file, and targets a target."""
    return {"hashes": {name: b64(hashlib.new(name, data).digest())
                       for name in ("sha256", "sha512")}, "length": len(data)}


def target_of(text):
    return {"hashes": {"sha256": b64(hashlib.sha256(text.encode()).digest())}, "length": len(text)}


def wire(message):
    """What Go escapes when it writes a file, though not when it signs."""
    for plain in "<>&\u2028\u2029":
        message = message.replace(plain.encode(), f"\\u{ord(plain):04x}".encode())
    return message


def envelope(message, signatures):
    text = json.dumps(signatures, separators=(",", ":"))
    return b'{"signed":' + wire(message) + b',"signatures":' + text.encode() + b"}"


def listing(*signers, threshold=1):
    """How a root lists a base role."""
    return {"keyids": [signer.id for signer in signers], "threshold": threshold}


def objects(*signers):
    return {signer.id: signer.object for signer in signers}


class Forge:
    """One repository.

    keys: a signer by name; root has a certificate for this repository. documents: what will be
    signed, by role. signers: who signs, by role. history: files of roots before the current one, by
    version. unlisted: roles that the snapshot does not list. answers: what the server has besides
    or instead, by the name of the file.
    """

    def __init__(self, gun):
        self.gun = gun
        self.keys = {**new_keys(), "root": root_key(gun)}
        self.history, self.answers = {}, {}
        self.unlisted, self.absent = set(), set()
        self._edits = {}
        self.signers = {role: [self.keys[role.split("/")[-1]]] for role in ROLES}
        common = {"version": VERSION, "expires": after(30)}
        self.documents = {
            "root": self._root(),
            "targets": {"_type": "Targets", **common, "targets": {"v1": target_of("v1")},
                        "delegations": self.delegations("targets/qa", "qa")},
            "targets/qa": {"_type": "Targets", **common, "targets": {"q1": target_of("q1")},
                           "delegations": {"keys": {}, "roles": []}},
            "snapshot": {"_type": "Snapshot", **common},
            "timestamp": {"_type": "Timestamp", **common}}

    def _root(self):
        roles = {role: self.keys[role] for role in ROLES if "/" not in role}
        return {"_type": "Root", "consistent_snapshot": False, "expires": after(300), "version": 1,
                "keys": objects(*roles.values()),
                "roles": {role: listing(key) for role, key in roles.items()}}

    def delegations(self, role, *names):
        keys = [self.keys[name] for name in names]
        return {"keys": objects(*keys), "roles": [
            {"keyids": [key.id for key in keys], "name": role, "paths": [""], "threshold": 1}]}

    def delegate(self, role, key, paths, *targets):
        """One role more: listed by the one above it, and signed by a key."""
        parent = self.documents[role.rpartition("/")[0]]["delegations"]
        made = self.delegations(role, key)
        made["roles"][0]["paths"] = list(paths)
        parent["keys"].update(made["keys"])
        parent["roles"] += made["roles"]
        self.documents[role] = {**self.documents["targets/qa"],
                                "targets": {name: target_of(name) for name in targets},
                                "delegations": {"keys": {}, "roles": []}}
        self.signers[role] = [self.keys[key]]

    def edit(self, stage, role, function):
        """Change what is made of a role at a stage: its document before it gets canonical, the
        message before it is signed, the list of signatures (the function gets the message, too),
        the file before it is listed, how it is listed, and at last what the server answers."""
        assert stage in STAGES
        self._edits.setdefault((stage, role), []).append(function)

    def _edited(self, stage, role, value, *more):
        for function in self._edits.get((stage, role), ()):
            changed = function(value, *more)
            value = value if changed is None else changed
        return value

    def file(self, role, meta=None):
        """The file of a role as it is published."""
        document = copy.deepcopy(self.documents[role])
        if meta is not None:
            document["meta"] = meta
        document = self._edited("document", role, document)
        message = self._edited("message", role, canonical(document))
        signatures = [signer.signature(message) for signer in self.signers[role]]
        signatures = self._edited("signatures", role, signatures, message)
        return self._edited("file", role, envelope(message, signatures))

    def next_root(self):
        """Go on to the next root; what is edited from now on is edited in the new one."""
        version = self.documents["root"]["version"]
        self.history[version] = self.file("root")
        self._edits = {place: edits for place, edits in self._edits.items() if place[1] != "root"}
        self.documents["root"]["version"] = version + 1

    def files(self):
        """All files by role, and how they are listed by role."""
        files, entries = {}, {}
        for role in sorted(self.documents, key=lambda role: (role == "timestamp",
                                                             role == "snapshot", role)):
            meta = None
            if role == "snapshot":
                meta = {name: entry for name, entry in entries.items() if name not in self.unlisted}
            if role == "timestamp":
                meta = {"snapshot": entries["snapshot"]}
            files[role] = self.file(role, meta)
            entries[role] = self._edited("entry", role, entry_of(files[role]))
            files[role] = self._edited("answer", role, files[role])
        return files, entries

    def published(self):
        """What the server has, by the name of the file."""
        files, entries = self.files()
        published = {f"{version}.root.json": file for version, file in self.history.items()}
        published[f"{self.documents['root']['version']}.root.json"] = files["root"]
        for role, file in files.items():
            if role not in self.absent:
                published[f"{role}.json"] = file
                published[f"{role}.{listed_hex(entries[role], file)}.json"] = file
        return {**published, **self.answers}

    def chain(self, *roles):
        """The files as a request shows them to the agent: [(name, version, bytes)]."""
        files, _ = self.files()
        chain = [(f"{version}.root", version, file) for version, file in self.history.items()]
        for role in ("root", "timestamp", "snapshot", "targets", *sorted(roles)):
            if role in files and role not in self.absent and isinstance(files[role], bytes):
                version = self.documents[role].get("version")
                name = f"{version}.root" if role == "root" else role
                is_number = type(version) is int and 0 < version < 2 ** 53
                chain.append((name, version if is_number else 1, files[role]))
        return chain


def listed_hex(entry, file):
    """The digest under which a client will ask for a file."""
    try:
        return base64.b64decode(entry["hashes"]["sha256"], validate=True).hex()
    except (KeyError, TypeError, ValueError):
        return hashlib.sha256(file if isinstance(file, bytes) else b"").hexdigest()


def forged(gun, edit):
    """The repository of that name, edited; None where there is no edit."""
    if edit is None:
        return None
    forge = Forge(gun)
    edit(forge)
    return forge
