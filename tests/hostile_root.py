# SPDX-License-Identifier: Apache-2.0
"""Roots that do not follow from the one that is trusted, or say too little or too much."""
import functools

from rig_edits import answer, both, change, drop, new_root, on, put, signed_by
from rig_forge import Forge, listing, objects, root_key
from rig_hostile import NOT_ASKED, kind, row, sound
from rig_signer import certified, new_keys

ROLES = ("root", "snapshot", "targets", "timestamp")
NEWER = both(change("timestamp", version=6), change("snapshot", version=6))
TWO = new_root(NEWER)
THREE = both(TWO, new_root())


@functools.cache
def other_key(gun):
    """Another key of the root role, with a certificate that is right."""
    return certified(new_keys()["other"], gun)


def rotated(*names):
    """The second root lists another key for itself, and is signed by these."""
    def edit(forge):
        signers = {"old": root_key(forge.gun), "new": other_key(forge.gun)}
        forge.documents["root"]["keys"].update(objects(signers["new"]))
        forge.documents["root"]["roles"]["root"] = listing(signers["new"])
        forge.signers["root"] = [signers[name] for name in names]
    return new_root(NEWER, edit)


def made_anew(forge):
    """The repository was deleted and made once more, by the same people, with another key."""
    key, root = other_key(forge.gun), forge.documents["root"]
    del root["keys"][root_key(forge.gun).id]
    root["keys"].update(objects(key))
    root["roles"]["root"] = listing(key)
    forge.signers["root"] = [key]


def without_second(forge):
    THREE(forge)
    del forge.history[2]


def second_is(function):
    """There are three roots, and what is served as the second is another file."""
    def edit(forge):
        THREE(forge)
        forge.history[2] = function(forge)
    return edit


def says_it_is(version):
    """What is served as the second root has another version, and is sound in all else."""
    def edit(forge):
        TWO(forge)
        forge.documents["root"]["version"] = version
        forge.answers["2.root.json"] = forge.file("root")
    return edit


def of_stranger(forge):
    """A second root that a stranger signed, and lists, under the right name."""
    other = Forge(forge.gun)
    made_anew(other)
    other.documents["root"]["version"] = 2
    return other.file("root")


def root_put(*names, value):
    return new_root(put("root", *names, value=value))


def exchanged(one, other):
    def edit(document):
        roles = document["roles"]
        roles[one], roles[other] = roles[other], roles[one]
    return new_root(on("document", "root", edit))


def remembered(function):
    """The root that this machine remembers is another file."""
    return answer("root", function)


ROTATION = rotated("old", "new")

ROWS = [
    *kind("by the keys of version 1: signed by 0 of 1 keys",
          row("the new root is not signed by the old key", rotated("new"), ROTATION),
          row("a root between is of a stranger", second_is(of_stranger), THREE), seen=sound),
    *kind("next root: by its own keys: signed by 0 of 1 keys",
          row("the new root is not signed by its own key", rotated("old"), ROTATION), seen=sound),
    *kind("timestamp: version is 5, 6 was seen before; the trust server has a root that does not",
          row("the repository was made anew, with older versions", made_anew, sound, seen=NEWER,
              twin_seen=sound, agent="root version 1 is another than the one known here")),
    *kind("lists another root than version 1: *; the trust server has a root that does not follow",
          row("the repository was made anew", both(NEWER, made_anew), NEWER, seen=sound,
              agent="root version 1 is another than the one known here"),
          row("a root between is missing", without_second, THREE, seen=sound,
              agent="Malformed: * '3.root' cannot follow '1.root'")),
    *kind("next root: version is 3, want 2",
          row("the second root says it is the third", says_it_is(3), TWO, seen=sound,
              agent="Malformed: * '3.root' cannot follow '1.root'")),
    *kind("next root: version is 1, want 2",
          row("the second root says it is the first",
              both(TWO, lambda forge: forge.answers.update({"2.root.json": forge.history[1]})),
              TWO, seen=sound, agent=NOT_ASKED)),
    *kind("next root: root key * common name",
          row("a root between is that of another repository",
              second_is(lambda forge: Forge(forge.gun + "/other").file("root")), THREE,
              seen=sound)),
    *kind("lists another root than version 2",
          row("the root goes back", NEWER, TWO, seen=TWO, agent=NOT_ASKED)),
    *(r for role in ROLES for r in (
        *kind(f"roles.{role}: byte *: want member '{role}'",
              row(f"root lacks the role {role}", new_root(drop("root", "roles", role)),
                  new_root())),
        *kind(f"roles.{role}: byte *: want an object",
              row(f"root has null for the role {role}", root_put("roles", role, value=None),
                  new_root())))),
    *kind("have 'mirrors'",
          row("root has TUF's mirrors",
              root_put("roles", "mirrors", value={"keyids": [], "threshold": 1}), new_root())),
    *kind("want member 'timestamp', have 'targets/qa'",
          row("root delegates to targets/qa",
              root_put("roles", "targets/qa", value={"keyids": [], "threshold": 1}), new_root())),
    *kind("signed by 0 of 1 keys, the threshold is 1: no signature by key",
          row("the keys of snapshot and timestamp are exchanged",
              exchanged("snapshot", "timestamp"), new_root()),
          row("the keys of targets and snapshot are exchanged",
              exchanged("targets", "snapshot"), new_root())),
    *kind("root: root key * no certificates as Notary writes them",
          row("the keys of root and targets are exchanged",
              both(exchanged("root", "targets"), signed_by("root", "targets", "root")),
              new_root())),
    *kind("want member 'keys', have 'roles'",
          row("root has no keys", new_root(drop("root", "keys")), new_root())),
    *kind("want member 'roles', have 'version'",
          row("root has no roles", new_root(drop("root", "roles")), new_root())),
    *kind("want member 'consistent_snapshot'",
          row("root does not say whether snapshots are consistent",
              new_root(drop("root", "consistent_snapshot")), new_root())),
    *kind("consistent_snapshot is null",
          row("root says null for consistent snapshots",
              root_put("consistent_snapshot", value=None), new_root())),
    *kind("want true, false or null, have 0x30",
          row("root says 0 for consistent snapshots", root_put("consistent_snapshot", value=0),
              new_root())),
    *kind("root: _type is 'Targets', want 'Root'",
          row("root says that it is of type Targets", root_put("_type", value="Targets"),
              new_root())),
    *kind("cannot be used: root: byte 0: want a value, have the end",
          row("the root that was seen is empty", sound, seen=remembered(lambda _: b""),
              twin_seen=sound, agent=NOT_ASKED)),
    *kind("cannot be used: root: * have the end; ask",
          row("the root that was seen is cut", sound, seen=remembered(lambda f: f[:1000]),
              twin_seen=sound, agent=NOT_ASKED)),
    *kind("cannot be used: root: root key * common name",
          row("the root that was seen is that of another repository", sound,
              seen=lambda forge: remembered(Forge(forge.gun + "/other").file("root"))(forge),
              twin_seen=sound, agent=NOT_ASKED)),
    *kind("cannot be used: root: by its own keys",
          row("the root that was seen is signed by nobody", sound, seen=signed_by("root"),
              twin_seen=sound, agent=NOT_ASKED)),
    *kind("nothing on this machine vouches for the root",
          row("nothing was seen, and first use is refused", sound, twin_seen=sound,
              args=("--no-tofu",), agent=NOT_ASKED)),
]
