# SPDX-License-Identifier: Apache-2.0
"""sameness: what readers see of two repositories, and what the server has of them, compared."""
import difflib
import json
import urllib.error

GUN = "GUN"
BASE = ("root", "targets", "snapshot", "timestamp")


def questions(roles, names):
    """Those about roles, and others; GUN stands for the repository."""
    return [("delegation", "list", GUN),
            ("list", GUN, *(part for role in roles for part in ("-r", role)))], [
                ("list", GUN), *(("lookup", "--", GUN, name) for name in (*names, "absent"))]


def readings(reader, gun, asked, allows):
    """What one reader says: question to whether it answers, and its answer, byte for byte. allows: of
    a Table."""
    answers = {}
    for question in asked:
        done = reader.try_run(*(gun if word is GUN else word for word in question))
        is_answered = done.returncode == 0
        is_shown = is_answered or not allows("errors on standard output")
        answers[" ".join(question)] = is_answered, done.stdout if is_shown else ""
    return answers


def state(server, gun, name_of):
    """What is published, but for signatures, times and versions. name_of: ID of a key to its name."""
    root = server.document(gun, "root")["signed"]
    seen = {"root": {role: [len(root["roles"][role]["keyids"]), root["roles"][role]["threshold"]]
                     for role in BASE}, "kinds": sorted(key["keytype"] for key in
                                                        root["keys"].values())}
    roles = ["targets"]
    for role in roles:
        try:
            document = server.document(gun, role)["signed"]
        except urllib.error.HTTPError as error:
            assert error.code == 404
            seen[role] = None
            continue
        seen[role] = {"targets": document["targets"] or {}, "expires": document["expires"][:10],
                      "delegations": [{
                          "name": below["name"], "threshold": below["threshold"],
                          "keys": sorted(name_of[key] for key in below["keyids"] or ()),
                          "paths": sorted(below.get("paths") or ())}
                          for below in document["delegations"]["roles"] or ()]}
        roles += [below["name"] for below in seen[role]["delegations"]]
    return seen


def differences(one, other, labels):
    """Lines that differ, of anything that JSON can say; none where it is the same."""
    texts = [json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).replace("\\n", "\n")
             .splitlines() for value in (one, other)]
    return list(difflib.unified_diff(*texts, *labels, n=4, lineterm=""))
