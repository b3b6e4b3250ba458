#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write the table of reasons in countersign-policy(5), from reason.h and reason.c.

With --print it goes to standard output instead. A test runs that, and compares.
"""
import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "countersign-policy.5"
MARK = '.\\" Made by agent/reasons.py.\n'
WIDTH = 80


def meanings():
    """Enumerator to the comment before it."""
    text = (HERE / "reason.h").read_text(encoding="utf-8")
    found = re.findall(r"/\* ([^/]*?) \*/\n    (REASON_\w+),", text)
    return {name: re.sub(r"\s*\n\s*\*\s*", " ", comment) for comment, name in found}


def remedies():
    """Enumerator to id and remedy."""
    text = (HERE / "reason.c").read_text(encoding="utf-8")
    rows = re.findall(r'^    \[(REASON_\w+)\] = \{"([a-z-]+)",((?:\s*"[^"]*")+)\},$', text,
                      re.MULTILINE)
    return {name: (word, "".join(re.findall(r'"([^"]*)"', remedy)))
            for name, word, remedy in rows}


def wrapped(text):
    """In mdoc a sentence begins on a line of its own. What stands in quotes is literal."""
    for sentence in re.split(r"(?<=[.;:]) (?=[A-Z])", text):
        line = re.sub(r"'([^']+)'(?!\w)", r"\\(oq\1\\(cq", sentence)
        yield from textwrap.wrap(line, WIDTH, break_on_hyphens=False, break_long_words=False)


def table():
    said, rows = meanings(), remedies()
    names = re.findall(r"^    (REASON_\w+),", (HERE / "reason.h").read_text(encoding="utf-8"),
                       re.MULTILINE)
    if set(names) - {"REASON_NONE", "REASON_MAX_"} != set(said) or set(said) != set(rows):
        sys.exit("reason.h and reason.c do not have the same reasons, each with a sentence,"
                 f" an id and a remedy: {sorted(set(names) ^ set(rows))} {sorted(set(said) ^ set(rows))}")

    lines = [".Bl -tag -width Ds"]
    for name, (word, remedy) in sorted(rows.items(), key=lambda row: row[1][0]):
        lines += [f".It Cm {word}", *wrapped(said[name]), ".Em Remedy :", *wrapped(remedy + ".")]
    return "\n".join([*lines, ".El", ""])


def main():
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(table())
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(MARK)
    after = rest[rest.index(".El\n") + len(".El\n"):]
    PAGE.write_text(before + MARK + table() + after, encoding="utf-8")


main()
