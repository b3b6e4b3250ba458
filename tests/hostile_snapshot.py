# SPDX-License-Identifier: Apache-2.0
"""Snapshots and timestamps that list something else than what there is."""
from rig_edits import absent, both, change, drop, entry, listed_as, new_root, on, put, unlisted
from rig_forge import Forge, b64, entry_of
from rig_hostile import NOT_ASKED, REFUSED, SIGNS, SKIPPED, kind, row, sound, taken

SHA256, SHA512 = ("hashes", "sha256"), ("hashes", "sha512")
FILES = {"targets": REFUSED, "snapshot": REFUSED, "targets/qa": SKIPPED}


def answered(role, **changes):
    """The server answers with another file of the role, which is as sound as the one listed."""
    def edit(forge):
        other = Forge(forge.gun)
        other.documents[role].update(changes)
        files = other.files()[0]
        forge.edit("answer", role, lambda _: files[role])
    return edit


def is_file_of(other, role, gun="{}"):
    """What is listed and served for a role is the file of another one, or of another repository."""
    def edit(forge):
        files = Forge(gun.format(forge.gun)).files()[0]
        forge.edit("file", role, lambda _: files[other])
    return edit


def meta(role, function):
    return on("document", role, lambda document: function(document["meta"]) and None)


def renamed(role, name, other):
    return meta(role, lambda listed: listed.update({other: listed.pop(name)}))


def lists_first_root(forge):
    entry_of_first = entry_of(forge.history[1])
    forge.edit("entry", "root", lambda _: entry_of_first)


def digest(value):
    return entry("targets", *SHA256, value=value)


def each_file(says, edit, **more):
    return [row(f"{role} {says}", edit(role), outcome=outcome, **more)
            for role, outcome in FILES.items()]


ROWS = [
    *kind("sha256 is * want",
          *each_file("is another file than the one listed",
                     lambda role: answered(role, expires="2049-01-01T00:00:00Z")),
          row("newer targets are listed, and older ones served",
              both(change("targets", version=6), answered("targets")),
              change("targets", version=6)),
          row("the timestamp names another snapshot than the server has",
              answered("snapshot", version=4)),
          *each_file("is listed with another SHA-256",
                     lambda role: entry(role, *SHA256, value=b64(bytes(32))))),
    *kind("sha512 does not fit, although sha256 does",
          *each_file("is listed with another SHA-512",
                     lambda role: entry(role, *SHA512, value=b64(bytes(64))))),
    *kind("bytes, listed are",
          *each_file("is shorter by one than listed",
                     lambda role: entry(role, "length", value=lambda n: n + 1)),
          row("targets are listed with 2^53-1 bytes",
              entry("targets", "length", value=2 ** 53 - 1))),
    *kind("the answer has more than 788 bytes, the limit",
          row("targets are longer by one than listed",
              entry("targets", "length", value=lambda n: n - 1),
              agent="targets: file is 789 bytes, listed are 788")),
    *kind("the answer has more than 867 bytes, the limit",
          row("the snapshot is longer by one than listed",
              entry("snapshot", "length", value=lambda n: n - 1),
              agent="snapshot: file is 868 bytes, listed are 867")),
    *kind("the answer has more than 414 bytes, the limit",
          row("a delegation is longer by one than listed", entry(
              "targets/qa", "length", value=lambda n: n - 1), outcome=SKIPPED,
              agent="targets/qa: file is 415 bytes, listed are 414")),
    *kind("the answer has more than 0 bytes, the limit",
          row("targets are listed with a length of 0", entry("targets", "length", value=0),
              agent="listed are 0")),
    *kind("meta['targets']: length is -1",
          row("the length of a file is negative", entry("targets", "length", value=-1))),
    *kind("meta['targets']: length: byte *: want an integer",
          row("the length of a file is a text", entry("targets", "length", value=str)),
          row("the length of a file is null", entry("targets", "length", value=None))),
    *kind("meta['targets']: * want member 'length'",
          row("a file is listed without a length",
              on("entry", "targets", lambda listed: {"hashes": listed["hashes"]}))),
    *kind("no sha256 is listed",
          row("targets are listed with SHA-512 alone",
              on("entry", "targets", lambda listed: listed["hashes"].pop("sha256") and None)),
          row("targets are listed with MD5 alone",
              entry("targets", "hashes", value={"md5": b64(bytes(16))})),
          row("targets are listed without hashes", entry("targets", "hashes", value={})),
          row("targets are listed with null for hashes", entry("targets", "hashes", value=None)),
          row("the SHA-256 of a file has 31 bytes", digest(b64(bytes(31)))),
          row("the SHA-256 of a file has 33 bytes", digest(b64(bytes(33)))),
          row("the SHA-256 of a file is in hexadecimal", digest("ab" * 32)),
          row("the SHA-256 of a file is empty", digest("")),
          row("the SHA-256 of a file has its name in capitals", entry(
              "targets", "hashes", value=lambda hashes: {"SHA256": hashes["sha256"]}))),
    *kind("meta['targets']: hashes: *base64",
          row("the SHA-256 of a file is no base64", digest("?" * 44)),
          row("the SHA-256 of a file lacks its padding", digest(lambda text: text.rstrip("="))),
          row("the SHA-256 of a file is base64 of URLs", digest(lambda text: "_-" + text[2:]))),
    *kind("meta['targets']: hashes: byte *: want a string",
          row("the SHA-256 of a file is null", digest(None)),
          row("the SHA-256 of a file is a list", digest([1]))),
    *kind("meta['targets']: hashes: byte *: want an object",
          row("the hashes of a file are a list", entry("targets", "hashes", value=[])),
          row("the hashes of a file are a text", entry("targets", "hashes", value="x"))),
    *kind("meta['targets']: byte *: want an object",
          row("targets are listed by a text", listed_as("targets", "x")),
          row("targets are listed by a list", listed_as("targets", []))),
    *kind("meta['targets']: * misplaced member 'version'",
          row("targets are listed with TUF's version", entry("targets", "version", value=5))),
    *kind("lists no targets",
          row("the snapshot lists no targets", unlisted("targets"),
              agent="targets: the snapshot lists no such file"),
          row("the snapshot lists targets.json", renamed("snapshot", "targets", "targets.json"),
              agent="targets: the snapshot lists no such file")),
    *kind("snapshot: lists no root", row("the snapshot lists no root", unlisted("root"))),
    *kind("targets/qa: the snapshot lists it no more",
          row("the snapshot hides a delegation that was seen", unlisted("targets/qa"), seen=sound,
              outcome=SKIPPED, agent="targets/qa: the snapshot lists no such file")),
    *kind("the server lists snapshot.* but has no such file",
          row("the snapshot is not there", absent("snapshot"), agent=NOT_ASKED)),
    *kind("the server lists targets.* but has no such file",
          row("targets are not there", absent("targets"), agent=NOT_ASKED)),
    *kind("the server lists targets/qa.* but has no such file",
          row("a delegation is not there", absent("targets/qa"), outcome=SKIPPED, agent=SIGNS)),
    *kind("lists another root than version 1: sha256",
          row("the snapshot lists another root", entry("root", *SHA256, value=b64(bytes(32))))),
    *kind("lists another root than version 1: file is",
          row("the snapshot lists a longer root", entry("root", "length", value=lambda n: n + 1)),
          row("the snapshot is that of another repository",
              is_file_of("snapshot", "snapshot", "{}/other"))),
    *kind("lists another root than version 2",
          row("the snapshot lists the root before", new_root(lists_first_root), new_root())),
    *kind("signed by 0 of 1 keys, the threshold is 1: no signature by key",
          row("the snapshot is the file of the timestamp", is_file_of("timestamp", "snapshot")),
          row("the timestamp is the file of the snapshot", is_file_of("snapshot", "timestamp")),
          row("targets are the file of a delegation", is_file_of("targets/qa", "targets")),
          row("a delegation is the file of targets", is_file_of("targets", "targets/qa"),
              outcome=SKIPPED, agent=SIGNS)),
    *(r for role, kind_of, outcome in (
        ("timestamp", "Snapshot", REFUSED), ("snapshot", "Timestamp", REFUSED),
        ("targets", "Root", REFUSED), ("targets/qa", "Snapshot", SKIPPED),
        ("snapshot", "snapshot", REFUSED), ("targets/qa", "targets/qa", SKIPPED))
      for r in kind(f"{role}: _type is '{kind_of}', want", row(
          f"{role} says that it is of type '{kind_of}'", put(role, "_type", value=kind_of),
          outcome=outcome))),
    *kind("timestamp: byte *: string with a control character",
          row("a type has a NUL", put("timestamp", "_type", value="Timestamp\0"),
              agent="timestamp: byte *: an escape that the wire form lacks")),
    *kind("want member '_type', have 'delegations'",
          row("targets have no type", drop("targets", "_type"))),
    *kind("targets: byte 9: want a string",
          row("the type of targets is a number", put("targets", "_type", value=1))),
    *kind('timestamp lists 2 files, want "snapshot" alone',
          row("the timestamp lists two files",
              meta("timestamp", lambda listed: listed.update(root=listed["snapshot"])))),
    *kind('timestamp lists 0 files, want "snapshot" alone',
          row("the timestamp lists nothing", meta("timestamp", lambda listed: listed.clear()))),
    *kind('timestamp lists 1 files, want "snapshot" alone',
          row("the timestamp lists snapshot.json",
              renamed("timestamp", "snapshot", "snapshot.json")),
          row("the timestamp lists targets", renamed("timestamp", "snapshot", "targets"))),
    *kind("timestamp: byte *: want member 'meta'",
          row("the timestamp lists no files", drop("timestamp", "meta"))),
    *kind("snapshot: byte *: want member 'meta'",
          row("the snapshot lists no files", drop("snapshot", "meta"))),
    *kind("snapshot: byte *: want an object, have 0x5b",
          row("the list of the snapshot is an array", put("snapshot", "meta", value=[]))),
    *kind("timestamp: byte *: want an object, have 0x6e",
          row("the list of the timestamp is null", put("timestamp", "meta", value=None))),
    *kind("snapshot: byte *: want member 'version', have 'spec_version'",
          row("the snapshot has TUF's version", put("snapshot", "spec_version", value="1.0.0"))),
    *kind("timestamp: byte *: want member 'version', have 'spec_version'",
          row("the timestamp has TUF's version", put("timestamp", "spec_version", value="1.0.0"))),
    *kind("snapshot: more than 4096 files",
          row("the snapshot lists more files than there can be", meta(
              "snapshot", lambda listed: listed.update(
                  {f"targets/x{i}": listed["targets"] for i in range(4096)})),
              meta("snapshot", lambda listed: listed.update(
                  {f"targets/x{i}": listed["targets"] for i in range(4093)})))),
]
TAKEN = taken(
    row("the snapshot lists a role to which nobody delegates",
        meta("snapshot", lambda listed: listed.update({"targets/gone": listed["targets"]}))),
    row("the snapshot lists what is no role",
        meta("snapshot", lambda listed: listed.update({"../../etc/passwd": listed["targets"]}))),
    row("targets are listed with SHA-256 alone",
        on("entry", "targets", lambda listed: listed["hashes"].pop("sha512") and None)),
)
