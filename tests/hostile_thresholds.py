# SPDX-License-Identifier: Apache-2.0
"""Thresholds that nobody can reach, or anybody."""
from rig_edits import (both, delegated_to, drop, listed_for, new_root, on, put, signed_text)
from rig_forge import b64
from rig_hostile import SIGNS, SKIPPED, kind, row
from rig_signer import new_keys

BASE_ROLES = ("root", "targets", "snapshot", "timestamp")
ROLE = ("delegations", "roles", 0)
TWO = delegated_to("qa", "spare", threshold=2)
BEYOND = "9007199254740992 is not within"


def twice(role):
    """The first signature stands there once more, as made at another time, and no other."""
    signer = new_keys()["qa" if "/" in role else role]
    return on("signatures", role, lambda signatures, message: [
        signatures[0], {**signatures[0], "sig": b64(signer.sign_anew(message))}])


def once(role):
    return on("signatures", role, lambda signatures, _: signatures[:1])


def two_for(role):
    return listed_for(role, role, "spare", threshold=2)


def threshold(value):
    return put("targets", *ROLE, "threshold", value=value)


def keyids(value):
    return put("targets", *ROLE, "keyids", value=value)


def base(role, member, value):
    return new_root(put("root", "roles", role, member, value=value))


ROWS = [
    *kind("signed by 1 of 2 keys, the threshold is 2: no signature by key",
          *(row(f"{role}: two must sign, one does so twice", both(two_for(role), twice(role)),
                two_for(role)) for role in BASE_ROLES[1:]),
          *(row(f"{role}: two must sign, one does", both(two_for(role), once(role)), two_for(role))
            for role in BASE_ROLES[1:]),
          row("a delegation: two must sign, one does so twice", both(TWO, twice("targets/qa")),
              TWO, outcome=SKIPPED, agent=SIGNS),
          row("a delegation: two must sign, one does", both(TWO, once("targets/qa")), TWO,
              outcome=SKIPPED, agent=SIGNS)),
    *kind("role 'targets/qa' has threshold 1, want 1 to 0",
          row("a delegation has no keys: null", keyids(None)),
          row("a delegation has no keys: an empty list", keyids([])), outcome=SKIPPED),
    *kind("role 'targets/qa' has threshold 0", row("a threshold is 0", threshold(0)),
          outcome=SKIPPED),
    *kind("role 'targets/qa' has threshold -1", row("a threshold is negative", threshold(-1)),
          outcome=SKIPPED),
    *kind("role 'targets/qa' has threshold 2, want 1 to 1",
          row("a threshold is more than there are keys", threshold(2)), outcome=SKIPPED),
    *kind("role 'targets/qa' has threshold 9007199254740991",
          row("a threshold is 2^53-1", threshold(2 ** 53 - 1)), outcome=SKIPPED),
    *kind("targets: * 9007199254740992 is not within",
          row("a threshold is 2^53", threshold(2 ** 53))),
    *kind("threshold: byte *: want an integer",
          row("a threshold is a text", threshold("1")),
          row("a threshold is null", threshold(None)),
          row("a threshold is true", threshold(True)),
          row("a threshold is a list", threshold([1]))),
    *kind("want member 'threshold'",
          row("there is no threshold", drop("targets", *ROLE, "threshold"))),
    *kind("targets: * number with a fraction",
          row("a threshold is a fraction", threshold(1.5), agent="that is no plain integer")),
    *kind("targets: byte 435: a number beyond float64",
          row("a threshold is beyond every number",
              signed_text("targets", '"threshold":1', '"threshold":1e999'),
              agent="that is no plain integer")),
    *kind("want member 'keyids'", row("there are no key IDs", drop("targets", *ROLE, "keyids"))),
    *kind("keyids: byte *: want an array",
          row("key IDs are a text", keyids(new_keys()["qa"].id)),
          row("key IDs are an object", keyids({new_keys()["qa"].id: 1}))),
    *kind("keyids[0]: byte *: want a string",
          row("a listed key ID is a number", keyids([7])),
          row("a listed key ID is null", keyids([None]))),
    *kind("keyids[0]: key ID: 4 hexadecimal digits",
          row("a listed key ID is short", keyids(["abcd"]))),
    *(r for role in BASE_ROLES for r in (
        *kind(f"role '{role}' has threshold 0",
              row(f"{role}: the threshold is 0", base(role, "threshold", 0), new_root())),
        *kind(f"role '{role}' has threshold 2, want 1 to 1",
              row(f"{role}: the threshold is 2 of 1 key", base(role, "threshold", 2), new_root())),
        *kind(f"role '{role}' has threshold 1, want 1 to 0",
              row(f"{role}: there are no keys", base(role, "keyids", []), new_root()),
              row(f"{role}: keys are null", base(role, "keyids", None), new_root())),
        *kind(f"role '{role}' lists key * which is not there",
              row(f"{role}: a key is not there", base(role, "keyids", ["ab" * 32]), new_root())))),
]
