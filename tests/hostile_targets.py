# SPDX-License-Identifier: Apache-2.0
"""Targets that are none."""
import json

from rig_edits import drop, put
from rig_forge import b64, target_of
from rig_hostile import NOTED, SIGNS, kind, row, taken

V1 = ("targets", "v1")
ESCAPED = "an escape that the wire form lacks"


def hashes(value):
    return put("targets", *V1, "hashes", value=value)


def length(value):
    return put("targets", *V1, "length", value=value)


def custom(value):
    return put("targets", *V1, "custom", value=value)


def nested(n):
    return custom(json.loads("[" * n + "]" * n))


def named(name):
    return put("targets", "targets", name, value=target_of("x"))


def is_(value):
    return put("targets", *V1, value=value)


ROWS = [
    *kind("targets['v1']: length is -1", row("the length of a target is negative", length(-1))),
    *kind("targets['v1']: length: byte *: want an integer",
          row("the length of a target is a text", length("2")),
          row("the length of a target is null", length(None)),
          row("the length of a target is true", length(True)),
          row("the length of a target is a list", length([2]))),
    *kind("targets['v1']: byte *: want member 'length'",
          row("a target has no length", drop("targets", *V1, "length"))),
    *kind("targets['v1']: byte *: want member 'hashes'",
          row("a target has no hashes", drop("targets", *V1, "hashes"))),
    *kind("targets['v1']: hashes: byte *: want an object",
          row("the hashes of a target are a list", hashes([])),
          row("the hashes of a target are a text", hashes("x"))),
    *kind("targets['v1']: hashes: byte *: want a string",
          row("the SHA-256 of a target is null", hashes({"sha256": None}))),
    *kind("targets['v1']: hashes: *base64",
          row("the SHA-256 of a target is no base64", hashes({"sha256": "?" * 44})),
          row("the SHA-256 of a target is half a base64", hashes({"sha256": "abc"}))),
    *kind("'v1' is without sha256 in targets: nobody can verify it",
          row("the hashes of a target are null", hashes(None)),
          row("a target has an empty list of hashes", hashes({})),
          row("a target has MD5 alone", hashes({"md5": b64(bytes(16))})),
          row("a target has SHA-512 alone", hashes({"sha512": b64(bytes(64))})),
          row("the SHA-256 of a target has 31 bytes", hashes({"sha256": b64(bytes(31))})),
          row("the SHA-256 of a target has 64 bytes", hashes({"sha256": b64(bytes(64))})),
          row("the SHA-256 of a target is empty", hashes({"sha256": ""})),
          row("the SHA-256 of a target has its name in capitals",
              hashes({"SHA256": b64(bytes(32))})),
          outcome=NOTED, agent=SIGNS),
    *kind("custom is null", row("custom is null", custom(None))),
    *kind("deeper than 16 levels",
          row("custom is deeper than there is room for", nested(14), nested(12))),
    *kind("targets['v1']: byte *: want an object",
          row("a target is null", is_(None)),
          row("a target is a text", is_("x")),
          row("a target is a list", is_([]))),
    *kind("misplaced member 'urls'",
          row("a target has URLs", put("targets", *V1, "urls", value=[]))),
    *kind("targets: byte 473: want an object",
          row("the targets are a list", put("targets", "targets", value=[])),
          row("the targets are a text", put("targets", "targets", value="x"))),
    *kind("want member 'targets', have 'version'",
          row("there are no targets", drop("targets", "targets"))),
    *kind("targets: * string with a control character",
          row("the name of a target has a NUL", named("v\0"), agent=ESCAPED),
          row("the name of a target has a line break", named("v\n2"), agent=ESCAPED),
          row("the name of a target moves the cursor", named("v\x1b[2J"), agent=ESCAPED),
          row("the name of a target has a control character of ISO 8859", named("v\x9b2J")),
          row("the name of a target has a DEL", named("v\x7f"))),
    *kind("want member '_type', have 'Version'",
          row("there is Version besides version", put("targets", "Version", value=6))),
    *kind("want member '_type', have 'EXPIRES'",
          row("there is EXPIRES besides expires",
              put("targets", "EXPIRES", value="2049-01-01T00:00:00Z"))),
    *kind("misplaced member 'x'", row("targets have a member more", put("targets", "x", value={}))),
    *kind("want member 'targets', have 'spec_version'",
          row("targets have TUF's version", put("targets", "spec_version", value="1.0"))),
]
TAKEN = taken(
    row("custom is no object", custom("text")),
    row("the name of a target looks like another", named("v\uff11")),
    row("the name of a target is a path", named("../../etc/passwd")),
)
