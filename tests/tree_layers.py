# SPDX-License-Identifier: Apache-2.0
"""Includes go one way, and every foreign library has its room."""
import re

from rig_tree import ROOT, files, includes

OURS = ("proto", "agent", "client")
# Directory: those whose headers it may include.
ARROWS = {
    "proto": {"proto"},
    "agent": {"agent", "proto"},
    "agent/token": {"agent", "proto"},
    "client": {"client", "proto"},
    "tests": {"proto", "agent", "client", "tests"},
}
# Header: the files that may include it.
ROOMS = {
    r"<p11-kit/": r"agent/token/",
    r"<curl/": r"client/http_(exchange|failure|lines)\.[ch]",
    r"<sqlite3\.h": r"agent/database\.c",
    r"<libfyaml\.h": r"agent/policy_yaml\.c",
    r"<jansson\.h": r"proto/(jsontext|members)\.h",
    r"<openssl/": r"proto/",
    r"<systemd/": r"agent/(?!token/)|client/journal\.c",
    r"<archive": r"client/(archive|gzip|libarchive)\.c",
}
# decide is pure: it judges what others have found out.
PURE = {
    "objection": {"agent/objection.h", "agent/weigh.h"},
    "weigh": {"agent/weigh.h", "agent/decide.h"},
    "decide": {"agent/decide.h", "agent/objection.h", "agent/policy.h", "agent/peer.h", "agent/reason.h",
               "agent/subject.h"},
}
SOURCES = [path for path in files(".c", ".h") if path.parts[0] in OURS]


def test_includes_only_what_its_layer_may():
    faults = []
    for path in SOURCES:
        for name in includes(path):
            if name[0] == '"' and name[1:].split("/")[0] not in ARROWS[str(path.parent)]:
                faults.append(f"{path} includes {name}")
    assert not faults


def test_includes_are_spelled_from_the_root_of_the_tree():
    faults = []
    for path in SOURCES:
        for name in includes(path):
            if name[0] == '"' and not (ROOT / name[1:-1]).is_file():
                faults.append(f"{path} includes {name}")
    assert not faults


def test_includes_foreign_headers_only_in_their_rooms():
    faults = []
    for path in SOURCES:
        for name in includes(path):
            for header, room in ROOMS.items():
                if re.match(header, name) and not re.match(room, str(path)):
                    faults.append(f"{path} includes {name}; its room is {room}")
    assert not faults


def test_includes_its_own_header_first():
    faults = []
    for path in SOURCES:
        own = path.with_suffix(".h")
        if path.suffix == ".c" and (ROOT / own).exists() and includes(path)[0] != f'"{own}"':
            faults.append(path)
    assert not faults


def test_no_file_includes_a_source_file():
    faults = [path for path in files(".c", ".h")
              if any(name[:-1].endswith(".c") for name in includes(path))]
    assert not faults


def test_pure_modules_include_no_input_or_output():
    for module, allowed in PURE.items():
        for suffix in (".c", ".h"):
            for name in includes((ROOT / "agent" / module).with_suffix(suffix)):
                name = name[1:-1]
                assert name in allowed or name.startswith("proto/") or "/" not in name, name
                assert name not in ("stdio.h", "time.h", "unistd.h", "fcntl.h"), name


def test_the_agent_itself_reads_no_private_keys():
    faults = [path for path in SOURCES if path.parts[0] == "agent" and path.parts[1] != "token"
              and {'"proto/keyfile.h"', '"proto/privkey.h"'} & set(includes(path))]
    assert not faults
