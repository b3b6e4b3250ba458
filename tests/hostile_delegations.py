# SPDX-License-Identifier: Apache-2.0
"""Delegations that reach for what is not theirs."""
from rig_edits import drop, on, put
from rig_hostile import ELSEWHERE, NOTED, SIGNS, SKIPPED, kind, row

ROLES = ("delegations", "roles")
ROLE = (*ROLES, 0)
NAMES = [
    ("root", "root"),
    ("targets", "targets"),
    ("snapshot", "snapshot"),
    ("timestamp", "timestamp"),
    ("nothing below targets", "targets/"),
    ("a name with an empty component", "targets//qa"),
    ("a name with a slash at its end", "targets/qa/"),
    ("a name with a slash at its start", "/targets/qa"),
    ("root by way of dots", "targets/../root"),
    ("two dots", "targets/.."),
    ("a dot", "targets/."),
    ("a role two levels below", "targets/qa/x"),
    ("a name in capitals", "targets/QA"),
    ("a name with a capital before the slash", "Targets/qa"),
    ("a name with a blank at its end", "targets/qa "),
    ("a name with a blank at its start", " targets/qa"),
    ("a name with a letter of Cyrillic", "targets/q\u0430"),
    ("a name with a character without width", "targets/q\u200ba"),
    ("a name with a change of direction", "targets/qa\u202e"),
    ("a name with letters of full width", "targets/\uff51\uff41"),
    ("a name with an umlaut of one character", "targets/q\u00e4"),
    ("a name with an umlaut of two characters", "targets/qa\u0308"),
    ("the name of a file", "targets/qa.json"),
    ("a name with a backslash", "targets\\qa"),
    ("a name with an escape of URLs", "targets/q%61"),
    ("a name of 256 characters", "targets/" + "a" * 248),
    ("a name below another word", "target/qa"),
    ("a name that is empty", ""),
    ("a name without what is above it", "releases"),
]


def named(name):
    """The delegation has another name, and so has its file, unless that is a file of others."""
    def edit(forge):
        forge.documents["targets"]["delegations"]["roles"][0]["name"] = name
        if "/" in name:
            forge.documents[name] = forge.documents.pop("targets/qa")
            forge.signers[name] = forge.signers.pop("targets/qa")
        else:
            del forge.documents["targets/qa"]
    return edit


def qa_delegates_to(name):
    """targets/qa delegates in its turn."""
    def edit(forge):
        forge.documents["targets/qa"]["delegations"] = forge.delegations(name, "other")
    return edit


def listed_again(forge):
    """A second entry of that name has another key, which has signed the file."""
    second, listed = forge.delegations("targets/qa", "other"), \
        forge.documents["targets"]["delegations"]
    listed["keys"].update(second["keys"])
    listed["roles"] += second["roles"]
    forge.signers["targets/qa"] = [forge.keys["other"]]


def child(path, name):
    """targets/qa may sign q…, and lets targets/qa/x sign what begins with path."""
    def edit(forge):
        forge.documents["targets"]["delegations"]["roles"][0]["paths"] = ["q"]
        forge.delegate("targets/qa/x", "spare", [path], name)
    return edit


def paths(value):
    return put("targets", *ROLE, "paths", value=value)


def many_roles(n):
    """So many, and the first is the right one."""
    def edit(document):
        roles = document["delegations"]["roles"]
        roles += [{**roles[0], "name": f"targets/x{i}"} for i in range(n - 1)]
    return on("document", "targets", edit)


ROWS = [
    *kind("in the list of targets: it is no role below it",
          *(row(f"targets delegate to {says}", named(name)) for says, name in NAMES),
          outcome=SKIPPED, agent=ELSEWHERE),
    *kind("in the list of targets/qa: it is no role below it",
          *(row(f"a delegation delegates to {says}", qa_delegates_to(name),
                qa_delegates_to("targets/qa/x")) for says, name in (
              ("root", "root"), ("targets", "targets"), ("itself", "targets/qa"),
              ("a role beside it", "targets/dev"), ("a role two levels below", "targets/qa/x/y"))),
          outcome=NOTED, agent=SIGNS),
    *kind("readers skip 'targets/qa' in the list of targets: it is there before",
          row("a delegation is listed twice, with two keys", listed_again, outcome=SKIPPED,
              agent=SIGNS)),
    *kind("targets: * string with a control character",
          row("the name of a delegation has a NUL",
              put("targets", *ROLE, "name", value="targets/qa\0"),
              agent="an escape that the wire form lacks")),
    *kind("want member 'name'", row("a delegation has no name", drop("targets", *ROLE, "name"))),
    *kind("delegations.roles[0]: byte *: want a string",
          row("the name of a delegation is null", put("targets", *ROLE, "name", value=None)),
          row("the name of a delegation is a number", put("targets", *ROLE, "name", value=7))),
    *kind("'q1' is outside the paths of targets/qa: nobody will pull it",
          row("the paths do not admit a target", paths(["x"]), paths(["q"])),
          row("there are no paths", drop("targets", *ROLE, "paths"), paths([""])),
          row("the paths are patterns", paths(["*"]), paths(["q"])),
          row("the paths are in capitals", paths(["Q"]), paths(["q"])),
          row("a path is longer than the name of a target", paths(["q1/"]), paths(["q1"])),
          outcome=SKIPPED, agent=SIGNS),
    *kind("'v9' is outside the paths of targets/qa/x: nobody will pull it",
          row("the paths below are wider than those above", child("", "v9"), child("q", "q9")),
          row("the paths below are beside those above", child("v", "v9"), child("q9", "q9")),
          outcome=NOTED, agent=SIGNS),
    *kind("paths is an empty list", row("the paths are an empty list", paths([]))),
    *kind("paths: byte *: want an array",
          row("the paths are null", paths(None)), row("the paths are a text", paths("q"))),
    *kind("paths[0]: byte *: want a string",
          row("a path is null", paths([None])), row("a path is a number", paths([1]))),
    *kind("more than 1024 paths",
          row("there are more paths than there can be", paths([f"q{i}" for i in range(1025)]),
              paths([f"q{i}" for i in range(1024)]))),
    *kind("more than 1024 delegations",
          row("there are more delegations than there can be", many_roles(1025), many_roles(1024),
              twin_agent=ELSEWHERE)),
    *kind("have 'terminating'",
          row("a delegation ends the search, as TUF has it",
              put("targets", *ROLE, "terminating", value=True))),
    *kind("have 'path_hash_prefixes'",
          row("a delegation has prefixes of hashes, as TUF has it",
              put("targets", *ROLE, "path_hash_prefixes", value=["00"]))),
    *kind("delegations.roles[0]: byte *: want an object",
          row("a delegation is null", put("targets", *ROLE, value=None)),
          row("a delegation is its name", put("targets", *ROLE, value="targets/qa"))),
    *kind("targets: byte 33: want an object",
          row("the delegations are null", put("targets", "delegations", value=None)),
          row("the delegations are a list", put("targets", "delegations", value=[]))),
    *kind("targets: byte 300: want an array",
          row("the roles are an object", put("targets", *ROLES, value={}))),
    *kind("targets: byte 291: want member 'roles'",
          row("there are no roles", drop("targets", *ROLES))),
    *kind("want member 'delegations', have 'expires'",
          row("there are no delegations", drop("targets", "delegations"))),
    *kind("misplaced member 'succinct_roles'",
          row("the delegations are succinct, as TUF has it",
              put("targets", "delegations", "succinct_roles", value={}))),
]
