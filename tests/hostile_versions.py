# SPDX-License-Identifier: Apache-2.0
"""Versions that go back, or are none."""
from rig_edits import both, change, drop, new_root, on
from rig_forge import ROLES
from rig_hostile import SKIPPED, STALE, kind, row, sound, taken

MOST = 2 ** 53 - 1
SHOWN = {"seen": sound, "agent": STALE}
NO_INTEGER = "that is no plain integer"


def all_at(version):
    def edit(forge):
        for role in ROLES[1:]:
            forge.documents[role]["version"] = version
    return edit


def version(role, value):
    return change(role, version=value)


def back(role):
    """All goes on, but this role goes back."""
    return both(all_at(6), version(role, 4))


def spelled(role, number):
    """The version is spelled in another way; what is signed stays."""
    return on("file", role, lambda file: file.replace(
        b'"version":5', f'"version":{number}'.encode(), 1))


ROWS = [
    *kind("timestamp: version is 4, 5 was seen before",
          row("timestamp goes back", back("timestamp"), all_at(6)),
          row("everything goes back", all_at(4), all_at(6)), **SHOWN),
    *kind("snapshot: version is 4, 5 was seen before",
          row("snapshot goes back", back("snapshot"), all_at(6)), **SHOWN),
    *kind("targets: version is 4, 5 was seen before",
          row("targets go back", back("targets"), all_at(6)), **SHOWN),
    *kind("targets/qa: version is 4, 5 was seen before",
          row("a delegation goes back", back("targets/qa"), all_at(6)), outcome=SKIPPED, **SHOWN),
    *(r for role in ("timestamp", "snapshot", "targets") for r in kind(
        f"{role}: version is 0, want at least 1",
        row(f"{role}: the version is 0", version(role, 0)))),
    *kind("targets/qa: version is 0, want at least 1",
          row("a delegation: the version is 0", version("targets/qa", 0)), outcome=SKIPPED),
    *kind("root: version is 0, want at least 1",
          row("root: the version is 0", new_root(version("root", 0)), new_root(),
              agent="'0.root' * is no file of a chain")),
    *kind("version is -1, want at least 1",
          row("the version is negative", version("timestamp", -1))),
    *kind("snapshot: * 9007199254740992 is not within",
          row("the version is 2^53", version("snapshot", MOST + 1), version("snapshot", MOST))),
    *kind("targets: * -9223372036854775808 is not within",
          row("the version is beyond 64 bits", version("targets", 2 ** 64 + 5),
              agent="integer out of range"),
          row("the version is 2^63", version("targets", 2 ** 63), agent="integer out of range")),
    *kind("timestamp: * number with a fraction",
          row("the version is a fraction", version("timestamp", 5.5), agent=NO_INTEGER)),
    *kind("version: byte *: want an integer",
          row("the version is a text", version("snapshot", "5")),
          row("the version is null", version("targets", None)),
          row("the version is true", version("timestamp", True)),
          row("the version is a list", version("snapshot", [5]))),
    *kind("targets: byte 559: want member 'version'",
          row("there is no version", drop("targets", "version"))),
    *kind("timestamp: byte *: want ',' or '}', have 0x35",
          row("the version has a zero before it", spelled("timestamp", "05"),
              agent="integer with a leading zero")),
    *kind("want a value, have 0x2b", row("the version has a sign", spelled("snapshot", "+5"))),
    *kind("want ',' or '}', have 0x78",
          row("the version is in hexadecimal", spelled("targets", "0x5"))),
    *kind("want a value, have 0x4e", row("the version is no number", spelled("timestamp", "NaN"))),
    *kind("want a value, have 0x49",
          row("the version is infinite", spelled("snapshot", "Infinity"))),
    *kind("targets: byte 580: a number beyond float64",
          row("the version is beyond every number", spelled("targets", "1e400"),
              agent=NO_INTEGER)),
]
TAKEN = taken(
    row("the version is as high as it can be", version("timestamp", MOST)),
    row("the version is 5.0", spelled("timestamp", "5.0"), agent=NO_INTEGER),
    row("the version is 5e0", spelled("timestamp", "5e0"), agent=NO_INTEGER),
    # Who signs may do so. Only an agent that keeps marks prevents it, or sees that it was done.
    row("targets have other bytes under a version that was seen",
        both(version("timestamp", 6), version("snapshot", 6),
             change("targets", expires="2049-01-01T00:00:00Z")), seen=sound,
        agent="targets: another version 5 was seen before"),
)
