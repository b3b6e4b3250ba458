# SPDX-License-Identifier: Apache-2.0
"""scratch: the directory in which everything of one test run happens."""
import os
import shutil
import tempfile
from pathlib import Path


class Scratch:
    """A directory that every user may pass through; each owns what is made for it."""

    def __init__(self, parent="/tmp"):
        self.path = Path(tempfile.mkdtemp(prefix="countersign-test.", dir=parent))
        self.path.chmod(0o755)
        self._n = 0

    def directory(self, name, owner=None, mode=0o755):
        """A new directory; its name gets a number, so that names may repeat."""
        self._n += 1
        path = self.path / f"{name}-{self._n}"
        path.mkdir()
        path.chmod(mode)
        give(path, owner)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def write(path, text, owner=None, mode=0o644):
    """Write a whole file with its final mode and owner."""
    path = Path(path)
    if path.exists():
        path.unlink()
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)
    give(path, owner)
    return path


def give(path, owner):
    """Make a path belong to a user; None leaves it."""
    if owner is not None and owner != os.geteuid():
        os.chown(path, owner, owner, follow_symlinks=False)


def give_tree(path, owner):
    give(path, owner)
    for directory, names, files in os.walk(path):
        for name in names + files:
            give(os.path.join(directory, name), owner)
