# SPDX-License-Identifier: Apache-2.0
"""Servers that answer, but not with what was asked for. None of it gets as far as the agent."""
import gzip

from rig_edits import answer, both, new_root, serve
from rig_hostile import FAILED, NOT_ASKED, SKIPPED, kind, row, sound
from rig_static_server import Answer, Endless

MIB = 1024 * 1024
UNSEEN = {"agent": NOT_ASKED}


def gone(*names):
    """The server has no such files, and says so as Notary does."""
    return lambda forge: forge.answers.update({name: None for name in names})


def status(code, body=b"{}", **headers):
    return serve("timestamp.json", Answer(body, code, **headers))


def timestamp(make):
    return answer("timestamp", make)


def endless(role):
    """What begins as the file does not end with it."""
    return answer(role, lambda file: Endless(file, 32 * MIB))


def padded(n):
    """The answer has so many bytes."""
    return timestamp(lambda file: file + b" " * (n - len(file)))


ROWS = [
    *kind("no Notary server answers here",
          row("another kind of server answers", status(404, b"<html>no</html>")),
          outcome=FAILED, **UNSEEN),
    *kind("vanished from the trust server",
          row("timestamp is gone, and was seen", gone("timestamp.json"), seen=sound),
          row("all is gone, and was seen", gone("timestamp.json", "root.json"), seen=sound),
          **UNSEEN),
    *kind("but no timestamp",
          row("timestamp is gone, and root is not", gone("timestamp.json")), outcome=FAILED,
          **UNSEEN),
    *kind("is not signed: * has no such repository",
          row("there is nothing", gone("timestamp.json", "root.json")), **UNSEEN),
    *kind("timestamp.json of '*': HTTP 500", row("the server fails", status(500)),
          outcome=FAILED, **UNSEEN),
    *kind("HTTP 403", row("the server forbids", status(403)), outcome=FAILED, **UNSEEN),
    *kind("HTTP 204", row("an answer has no content", status(204, b"")), outcome=FAILED, **UNSEEN),
    *kind("HTTP 206", row("an answer is a part", timestamp(lambda file: Answer(file, 206))),
          outcome=FAILED, **UNSEEN),
    *kind("2.root.json of '*': HTTP 500",
          row("the server fails with a root between",
              both(new_root(), serve("2.root.json", Answer(b"{}", 500))), new_root(), seen=sound),
          outcome=FAILED, **UNSEEN),
    *kind("sends us on to 'https://example.com/'",
          row("the server sends elsewhere", status(302, Location="https://example.com/")),
          outcome=FAILED, **UNSEEN),
    *kind("sends us on to 'http://127.0.0.1/'",
          row("the server sends to plain HTTP", status(301, Location="http://127.0.0.1/")),
          outcome=FAILED, **UNSEEN),
    *kind("sends us on to 'root.json'",
          row("the server sends to another file", status(307, Location="root.json")),
          outcome=FAILED, **UNSEEN),
    *kind("the connection was closed within the answer",
          row("an answer is shorter than it says",
              timestamp(lambda file: Answer(file, length=len(file) + 1))),
          outcome=FAILED, **UNSEEN),
    *kind("timestamp: byte 484: want ',' or '}', have the end",
          row("an answer is longer than it says",
              timestamp(lambda file: Answer(file, length=len(file) - 1))),
          row("an answer ends with the connection, too early",
              timestamp(lambda file: Answer(file[:-1], length=None)),
              timestamp(lambda file: Answer(file, length=None))),
          **UNSEEN),
    *kind("timestamp: byte 0: want a value, have the end",
          row("an answer is empty", timestamp(lambda _: b"")), **UNSEEN),
    *kind("timestamp: byte 0: want a value, have 0x1f",
          row("an answer is compressed, unasked", timestamp(
              lambda file: Answer(gzip.compress(file), Content_Encoding="gzip"))), **UNSEEN),
    *kind("timestamp.json: the answer has more than 1048576 bytes",
          row("timestamp never ends", endless("timestamp")),
          row("timestamp has a byte more than a MiB", padded(MIB + 1), padded(MIB)),
          outcome=FAILED, **UNSEEN),
    *kind("root.json: the answer has more than 16777216 bytes",
          row("root never ends", endless("root")), outcome=FAILED, **UNSEEN),
    *kind("the answer has more than 868 bytes, the limit",
          row("snapshot never ends", endless("snapshot")), **UNSEEN),
    *kind("the answer has more than 789 bytes, the limit",
          row("targets never end", endless("targets")),
          row("targets have a byte more than listed", answer("targets", lambda file: file + b"\n")),
          **UNSEEN),
    *kind("the answer has more than 415 bytes, the limit",
          row("a delegation never ends", endless("targets/qa"), outcome=SKIPPED), **UNSEEN),
    *kind("bytes, listed are",
          row("targets have a byte less than listed", answer("targets", lambda file: file[:-1])),
          **UNSEEN),
    *kind("the head of the answer has more than 65536 bytes",
          row("the head of an answer never ends",
              timestamp(lambda file: Answer(file, **{f"X{i}": "x" * 1000 for i in range(100)})),
              timestamp(lambda file: Answer(file, X="x" * 1000))),
          outcome=FAILED, **UNSEEN),
]
