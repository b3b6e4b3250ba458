# SPDX-License-Identifier: Apache-2.0
"""matrix_chains: published files, sound or not, and what somebody may believe because of them.

The keys of roots, targets, snapshots and timestamps are those of somebody else; the policy pins the
roots' key. All files are signed here, with software keys.
"""
import collections
import copy
import functools
import hashlib

import rig_matrix_documents as made
from rig_document import canonical
from rig_forge import b64, entry_of, envelope
from rig_matrix_documents import DAY, NOW, OTHERS, OWN
from rig_oracle import Base
from rig_oracle_document import Document

ROOT, TARGETS, DELEGATED, SERVER = range(OWN, OWN + OTHERS)
STRANGER = OWN + OTHERS
FUTURE, ROOT_VERSION = NOW + 30 * DAY, 1
PINNED = [made.signer(ROOT).id]

# name: of the variant below; files: (role, version, bytes); seen: those of a chain that was seen before, or none; base: what is
# known by them.
Chain = collections.namedtuple("Chain", "name place files seen base")


@functools.lru_cache(maxsize=4096)
def signed(message, *keys):
    return envelope(message, [key.signature(message) for key in keys])


def file_of(said, *keys):
    return signed(Document(said).message if said["_type"] in ("Root", "Targets")
                  else canonical(said), *keys)


@functools.cache
def root_said(repository, version, key):
    return made.root(repository, version, FUTURE, [key], {
        "targets": TARGETS, "snapshot": SERVER, "timestamp": SERVER})


class Repository:
    """One that is published with a document in a role, which may be edited before it is told.

    said: what is signed, by role; signers: by whom, numbers.
    """

    def __init__(self, repository, role, document, version=5):
        self.repository, self.role = repository, role
        self.said, self.signers = {}, {"root": [ROOT]}
        self.version = {"snapshot": version, "timestamp": version}
        self.expires = {"timestamp": FUTURE}
        self.unlisted, self.absent, self.listed_as = set(), set(), {}
        path = role.split("/")
        for n in range(1, len(path) + 1):
            name = "/".join(path[:n])
            child = "/".join(path[:n + 1])
            self.said[name] = made.targets(version, FUTURE, {}, [(child, 1, [DELEGATED])])
            self.signers[name] = [TARGETS if n == 1 else DELEGATED]
        if document:
            self.said[role] = document.said
        else:
            del self.said[role]
            self.unlisted.add(role)

    def files(self):
        """(role, version, bytes) of each, in the order of trust."""
        keys = {name: [made.signer(number) for number in numbers]
                for name, numbers in self.signers.items()}
        root = root_said(self.repository, ROOT_VERSION, self.signers["root"][0])
        listed_root = [made.certified(number, self.repository) for number in self.signers["root"]]
        files = {"root": file_of(root, *listed_root)}
        for name, said in self.said.items():
            files[name] = file_of(said, *keys[name])
        meta = {name: entry_of(self.listed_as.get(name, file)) for name, file in files.items()
                if name not in self.unlisted}
        server = made.signer(SERVER)
        files["snapshot"] = file_of({"_type": "Snapshot", "version": self.version["snapshot"],
                                     "expires": made.text_of(FUTURE), "meta": meta}, server)
        files["timestamp"] = file_of({
            "_type": "Timestamp", "version": self.version["timestamp"],
            "expires": made.text_of(self.expires["timestamp"]),
            "meta": {"snapshot": entry_of(files["snapshot"])}}, server)
        versions = {"root": ROOT_VERSION, **self.version,
                    **{name: said["version"] for name, said in self.said.items()}}
        order = ["root", "timestamp", "snapshot", *sorted(self.said)]
        return tuple((f"{versions[name]}.root" if name == "root" else name, versions[name],
                      files[name]) for name in order if name not in self.absent)


def parameters(place, wanted, message, files):
    """Of a request of the agent, for one document."""
    repository, role = place
    return {"documents": [{"format": "notary", "repository": repository, "role": role,
                           "keys": list(wanted), "message": b64(message)}],
            "bases": [{"repository": repository, "files": [
                {"role": name, "version": version, "digest": hashlib.sha256(file).hexdigest(),
                 "message": b64(file)} for name, version, file in files]}]}


def _listings(repository):
    """What a chain lists: roles and canonical key IDs."""
    found = []
    for said in repository.said.values():
        found += Document(said).listings
    return tuple(found)


def _unsound(base):
    return Base("none", True, False, None, ())


# Each gets a repository that is sound and the base that is true, and returns the base as it must be
# seen and, if that matters, files that were seen before.

def true(repository, base):
    return base, None


def true_again(repository, base):
    return base, repository.files()


def old(repository, base):
    seen = copy.deepcopy(repository)
    seen.version = {"snapshot": 6, "timestamp": 6}
    return base._replace(stale=True), seen.files()


def forked(repository, base):
    """Another document under the version that was seen."""
    seen = copy.deepcopy(repository)
    said = copy.deepcopy(seen.said["targets"])
    said["expires"] = made.text_of(FUTURE + DAY)
    seen.said["targets"] = said
    return _unsound(base), seen.files()


def of_another_root(repository, base):
    repository.signers["root"] = [STRANGER]
    return _unsound(base), None


def mixed(repository, base):
    """A snapshot of one moment and targets of another."""
    said = copy.deepcopy(repository.said["targets"])
    said["version"] += 1
    repository.listed_as["targets"] = file_of(said, made.signer(TARGETS))
    return _unsound(base), None


def signed_by_who_may_not(repository, base):
    """No server takes such targets, so it is no chain."""
    repository.signers["targets"] = [STRANGER]
    return _unsound(base), None


def signed_before_the_key_went(repository, base):
    """Nothing is published by who may sign now, be it that the role was taken away and given
    again."""
    if repository.role not in repository.said or repository.role == "targets":
        return base, None
    repository.signers[repository.role] = [STRANGER]
    return base._replace(state="empty", document=None), None


def without_what_is_above(repository, base):
    """So nobody can tell what was published of the role, if the snapshot lists something."""
    if repository.role == "targets":
        return base, None
    repository.absent.add("targets")
    return (base if base.state == "empty" else base._replace(state="unreadable", document=None)), None


def late(repository, base):
    repository.expires["timestamp"] = NOW - 1
    return _unsound(base), None


def left_out(repository, base):
    """The file is published and not shown."""
    if repository.role == "targets" or base.state != "file":
        return base, None
    repository.absent.add(repository.role)
    return base._replace(state="unreadable", document=None), None


VARIANTS = (true, true, true, true_again, old, forked, of_another_root, mixed,
            signed_by_who_may_not, signed_before_the_key_went, without_what_is_above, late, left_out)


def chain_for(matter, rng):
    """A chain that shows the base of a matter, or less; None: no chain can."""
    base, place = matter.base, (matter.repository, matter.role)
    if base.state not in ("file", "empty") or matter.role in ("root", "snapshot") or (
            matter.role == "targets" and base.state == "empty"):
        return None
    if base.document and base.document.flaws(*place):
        return None
    repository = Repository(*place, base.document)
    true_base = Base(base.state, False, False, base.document, _listings(repository))
    variant = rng.choice(VARIANTS)
    known, seen = variant(repository, true_base)
    return Chain(variant.__name__, place, repository.files(), seen, known)


def with_chain(matter, rng):
    """The same, if a chain can show it, as the agent itself finds out."""
    chain = chain_for(matter, rng)
    return matter._replace(base=chain.base._replace(chain=chain)) if chain else matter


def is_shown(matter):
    """Whether the base still is that of its chain."""
    base = matter.base
    return base.chain and base.chain.place == (matter.repository, matter.role) and (
        base.chain.base == base._replace(chain=None))
