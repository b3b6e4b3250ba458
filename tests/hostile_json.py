# SPDX-License-Identifier: Apache-2.0
"""Files that are no JSON, or that two readers would read in two ways."""
import json

from rig_edits import both, on, put, text
from rig_forge import target_of
from rig_hostile import NOT_ASKED, kind, row, taken

# The agent reads the one form in which Notary publishes, and says where it ends.
START, MIDDLE = 'does not begin with {"signed":', '"signed" is not followed by "signatures"'
END, ESCAPE = 'does not end after "signatures"', "an escape that the wire form lacks"
SIGNATURES = b',"signatures":'
UMLAUT = put("targets", "targets", "n\u00e4mlich", value=target_of("x"))
MIB = 1024 * 1024


def file(function):
    return on("file", "targets", function)


def more(value):
    """One more member that nobody reads."""
    return file(lambda data: data[:-1] + b',"x":' + value + b"}")


def nested(n):
    return more(b"[" * n + b"]" * n)


def older(function):
    """function makes the file from what it was, and from what was signed as version 4."""
    def edit(data):
        signed = data[len(b'{"signed":'):data.index(SIGNATURES)]
        return function(data, signed.replace(b'"version":5', b'"version":4'))
    return file(edit)


def umlaut(wrong):
    """A text has other bytes in the place of an umlaut."""
    return both(UMLAUT, text("targets", "n\u00e4mlich", b"n" + wrong + b"mlich"))


def padded(n):
    """The file has so many bytes."""
    return file(lambda data: data + b" " * (n - len(data)))


ROWS = [
    *kind("want the end, have 0x78",
          row("there is a letter behind it", file(lambda data: data + b"x"), agent=END)),
    *kind("want the end, have 0x7b",
          row("there is another document behind it", file(lambda data: data + data), agent=END)),
    *kind("want the end, have 0x00",
          row("there is a NUL behind it", file(lambda data: data + b"\0"), agent=END)),
    *kind("want the end, have 0x7d",
          row("there is a brace behind it", file(lambda data: data + b"}"), agent=END)),
    *kind("byte 0: want a value, have 0xef",
          row("it begins with a BOM", file(lambda data: b"\xef\xbb\xbf" + data), agent=START)),
    *kind("byte 1: want a string, have 0x00",
          row("it is in UTF-16", file(lambda data: data.decode().encode("utf-16-le")),
              agent=START)),
    *kind("byte 0: want a value, have 0x3c",
          row("it is a page of HTML", file(lambda _: b"<html>Please log in</html>"),
              agent="a character that needs an escape")),
    *kind("byte 0: want a value, have 0x00",
          row("it begins with a NUL", file(lambda data: b"\0" + data), agent=START)),
    *kind("targets: byte 0: want a value, have the end",
          row("it is empty", file(lambda _: b""), agent="no file")),
    *kind("targets: byte 1: want a value, have the end",
          row("it is a blank", file(lambda _: b" "), agent=START)),
    *kind("byte 394: want a character of a string, have the end",
          row("it is cut in the middle", file(lambda data: data[:len(data) // 2]),
              agent="string without an end")),
    *kind("byte 788: want ',' or '}', have the end",
          row("it lacks its last byte", file(lambda data: data[:-1]), agent=END)),
    *kind('no "signed"',
          row("it is an empty object", file(lambda _: b"{}"), agent=START),
          row("there is nothing signed",
              file(lambda data: b"{" + data[data.index(SIGNATURES) + 1:]), agent=START)),
    *kind("byte 0: want an object, have 0x5b",
          row("it is a list", file(lambda data: b"[" + data + b"]"), agent=START)),
    *kind("byte 0: want an object, have 0x6e",
          row("it is null", file(lambda _: b"null"), agent=START)),
    *kind("byte 0: want an object, have 0x22",
          row("it is a text", file(lambda data: json.dumps(data.decode()).encode()), agent=START)),
    *kind("byte 0: want an object, have 0x35", row("it is a number", file(lambda _: b"5"),
                                                  agent=START)),
    *kind("member 'signed' stands twice",
          row("what is signed is there twice, older and newer",
              older(lambda data, old: b'{"signed":' + old + b"," + data[1:]), agent=MIDDLE),
          row("what is signed is there twice, newer and older",
              older(lambda data, old: data[:-1] + b',"signed":' + old + b"}"), agent=END)),
    *kind("member 'signatures' stands twice",
          row("signatures are there twice", file(lambda data: data[:-1] + b',"signatures":[]}'),
              agent=END)),
    *kind("member 'version' stands twice",
          row("the version is there twice, newer and older",
              text("targets", '"version":5', '"version":5,"version":4')),
          row("the version is there twice, older and newer",
              text("targets", '"version":5', '"version":4,"version":5'))),
    *kind("member 'v1' stands twice",
          row("a target is there twice",
              text("targets", '"v1":{', '"v1":{"hashes":{},"length":1},"v1":{'))),
    *kind("member 'name' stands twice",
          row("the name of a role is there twice", text(
              "targets", '"name":"targets/qa"', '"name":"targets/qb","name":"targets/qa"'))),
    *kind("member 'keyid' stands twice",
          row("a signature names two keys",
              text("targets", '{"keyid"', '{"keyid":"","keyid"'))),
    *kind("member 'Signed', want 'signed'",
          row("there is Signed besides signed",
              older(lambda data, old: data[:-1] + b',"Signed":' + old + b"}"), agent=END),
          row("there is Signed alone", text("targets", '"signed"', '"Signed"'), agent=START)),
    *kind("member 'SIGNATURES', want 'signatures'",
          row("there is SIGNATURES besides signatures",
              file(lambda data: data[:-1] + b',"SIGNATURES":[]}'), agent=END)),
    *kind("want a value, have 0x2c",
          row("a list begins with a comma", text("targets", '"signatures":[', '"signatures":[,'),
              agent="want an object, have 0x2c")),
    *kind("want a string, have 0x7d",
          row("an object ends with a comma", file(lambda data: data[:-1] + b",}"), agent=END)),
    *kind("want ',' or '}', have 0x22",
          row("a comma is missing", text("targets", ',"signatures"', '"signatures"'),
              agent=MIDDLE)),
    *kind("want ':', have 0x5b",
          row("a colon is missing", text("targets", '"signatures":', '"signatures"'),
              agent=MIDDLE)),
    *kind("want a string, have 0x27",
          row("the quotes are single", text("targets", '"signatures"', "'signatures'"),
              agent=MIDDLE)),
    *kind("want ',' or '}', have 0x2f",
          row("there is a comment", text("targets", ',"signatures"', '/**/,"signatures"'),
              agent=MIDDLE)),
    *kind("want a string, have 0x73",
          row("a name has no quotes", text("targets", '"signatures"', "signatures"),
              agent=MIDDLE)),
    *kind("want ',' or '}', have 0x5d",
          row("a bracket closes a brace", file(lambda data: data[:-1] + b"]"), agent=END)),
    *kind("want a character of a string, have 0x0a",
          row("a text has a raw line break", text("targets", '"Targets"', '"Tar\ngets"'),
              agent="string with a control character")),
    *kind("want a character of a string, have 0x00",
          row("a text has a raw NUL", text("targets", '"Targets"', '"Tar\0gets"'),
              agent="string with a control character")),
    *kind("want an escape of JSON, have 0x54",
          row("an escape is none", text("targets", '"Targets"', '"\\Targets"'), agent=ESCAPE)),
    *kind("want an escape of JSON, have 0x75",
          row("an escape is cut", text("targets", '"Targets"', '"Targets\\u00"'), agent=ESCAPE)),
    *kind("byte 794: want a character of a string, have the end",
          row("a text has no end", file(lambda data: data[:-1] + b',"x":"'), agent=END)),
    # Go reads these as U+FFFD, which nobody has signed.
    *kind("is not over these bytes",
          row("a text is in Latin-1", umlaut(b"\xe4"), UMLAUT, agent="not in UTF-8"),
          row("a text has a slash of two bytes", umlaut(b"\xc0\xaf"), UMLAUT,
              agent="not in UTF-8"),
          row("a text has half a surrogate", umlaut(b"\\ud800"), UMLAUT, agent=ESCAPE),
          row("a text has a surrogate in UTF-8", umlaut(b"\xed\xa0\x80"), UMLAUT,
              agent="not in UTF-8")),
    *kind("deeper than 16 levels",
          row("a member that nobody reads is deep", nested(16), nested(15), agent=END,
              twin_agent=END)),
    *kind("deeper than 64 levels",
          row("a member that nobody reads is deeper", nested(64), nested(15), agent=END,
              twin_agent=END),
          row("a member that nobody reads is a hundred thousand levels deep", nested(100000),
              nested(15), agent=END, twin_agent=END)),
    *kind("targets: byte 793: a number beyond float64",
          row("a number that nobody reads is infinite", more(b"1e999"), more(b"1"), agent=END,
              twin_agent=END)),
    *kind("targets: * number with a fraction",
          row("a number that nobody reads is a fraction", more(b"0.5"), more(b"0"), agent=END,
              twin_agent=END)),
    *kind("want a value, have 0x2e",
          row("a number begins with its point", more(b".5"), more(b"5"), agent=END,
              twin_agent=END)),
    *kind("want a digit, have 0x7d",
          row("a number ends with its point", more(b"1."), more(b"1"), agent=END, twin_agent=END),
          row("a number is its sign", more(b"-"), more(b"-1"), agent=END, twin_agent=END)),
    *kind("byte 793: want a value, have 0x6e",
          row("a word is none", more(b"nil"), more(b"null"), agent=END, twin_agent=END)),
    *kind("the answer has more than 16777216 bytes, the limit",
          row("it is longer than there is room for", padded(16 * MIB + 1), padded(MIB),
              agent=NOT_ASKED)),
]
TAKEN = taken(
    row("it is pretty", file(lambda data: json.dumps(json.loads(data), indent=1).encode()),
        agent=START),
    row("there is a line break behind it", file(lambda data: data + b"\n"), agent=END),
    row("the name of a member is escaped", text("targets", '"signatures"', '"sign\\u0061tures"'),
        agent=ESCAPE),
    row("there is a member that nobody reads", more(b"1"), agent=END),
)
