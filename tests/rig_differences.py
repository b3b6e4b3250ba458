# SPDX-License-Identifier: Apache-2.0
"""differences: those between notary and us that are on purpose, from notary_differences."""
from pathlib import Path

FILE = Path(__file__).parent / "notary_differences"


def reasons():
    """Name to why, in the order of the file."""
    found, name = {}, None
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            found[name] = f"{found[name]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            assert line not in found, f"{line}: twice in {FILE}"
            name = line
            found[name] = ""
    return found


class Table:
    """All of them are allowed, but for one that is put to the test."""

    def __init__(self, without=None):
        self._names, self._without = reasons(), without

    def allows(self, name):
        assert name in self._names, f"{name}: not in {FILE}"
        return name != self._without
