#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Add up the results of meson and pytest: tally.py [--passed PART]... [--failed PART]... RESULT...

RESULT is meson's testlog.json or a JUnit file of pytest. Every cmocka test counts, not every program.
A skip that tests/skips does not list is a failure, and so is a RESULT that is missing. The last line
is "N passed, N failed, N skipped"; the exit status says whether nothing failed.
"""
import argparse
import fnmatch
import json
import os
import re
import sys
import xml.etree.ElementTree
from pathlib import Path

SKIPS = Path(__file__).parent / "skips"
# meson's words for a program that did not simply pass.
BAD = ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS")


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []
        with open(SKIPS, encoding="utf-8") as file:
            self._allowed = [line.rstrip("\n").split(": ", 1) for line in file
                             if line.strip() and not line.startswith("#")]
        if os.geteuid() == 0:
            self._allowed = [entry for entry in self._allowed
                             if not entry[1].startswith("needs root")]

    def skip(self, name, reason):
        """reason: None where the framework tells none."""
        for pattern, allowed in self._allowed:
            if fnmatch.fnmatchcase(name, pattern) and reason in (None, allowed):
                self.skipped.append(name)
                return
        self.failed.append(f"{name} was skipped, which tests/skips does not list: {reason}")

    def add_meson(self, path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                self._add_program(json.loads(line))

    def _add_program(self, program):
        name = program["name"].split(":")[-1].strip()
        output = program.get("stdout", "") + program.get("stderr", "")
        bad = re.findall(r"^\[  FAILED  \] (\w+)$", output, re.MULTILINE)
        passed = re.findall(r"^\[       OK \] (\w+)$", output, re.MULTILINE)
        self.passed += len(passed)
        for test in sorted(set(bad)):
            self.failed.append(f"test_{name}::{test}")
        skipped = sorted(set(re.findall(r"^\[  SKIPPED \] (\w+)$", output, re.MULTILINE)))
        for test in skipped:
            self.skip(f"test_{name}::{test}", None)
        if program["result"] in BAD and not bad:
            self.failed.append(f"test_{name} ended badly: {program['result']}")
        elif program["result"] == "SKIP":
            self.skip(f"test_{name}::*", None)
        elif not passed and not bad and not skipped:
            self.failed.append(f"test_{name} ran no test")

    def add_junit(self, path):
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname').split('.')[-1]}::{case.get('name')}"
            skipped = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed.append(name)
            elif skipped is not None:
                self.skip(name, skipped.get("message"))
            else:
                self.passed += 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--passed", action="append", default=[])
    parser.add_argument("--failed", action="append", default=[])
    parser.add_argument("result", type=Path, nargs="*")
    options = parser.parse_args()
    tally = Tally()
    tally.passed += len(options.passed)
    tally.failed += options.failed
    for path in options.result:
        try:
            (tally.add_meson if path.suffix == ".json" else tally.add_junit)(path)
        except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
            tally.failed.append(f"no results: {error}")

    for name in tally.skipped:
        print(f"skipped: {name}")
    for name in tally.failed:
        print(f"failed: {name}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
