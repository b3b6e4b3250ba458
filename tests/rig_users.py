# SPDX-License-Identifier: Apache-2.0
"""users: numeric identities without accounts, so that nothing is left behind on the machine."""
import contextlib
import os

import pytest

IS_ROOT = os.geteuid() == 0


class User:
    """A uid, its primary gid and its supplementary gids."""

    def __init__(self, uid, gid=None, groups=()):
        self.uid = uid
        self.gid = uid if gid is None else gid
        self.groups = tuple(groups)

    def popen(self):
        """Arguments for subprocess.Popen."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}

    @contextlib.contextmanager
    def acting(self):
        """Be this user while connecting: the kernel tells a peer the effective IDs."""
        if self.uid == os.geteuid():
            yield
            return
        before = os.getegid(), os.getgroups()
        os.setgroups(self.groups)
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(before[0])
            os.setgroups(before[1])


def user(uid, gid=None, groups=()):
    """A user other than the one who runs the tests."""
    if not IS_ROOT:
        pytest.skip("needs root, to become other users")
    return User(uid, gid, groups)


def need_root_to_look():
    """Our programs let nobody but root look into their processes, not even their own user."""
    if not IS_ROOT:
        pytest.skip("needs root, to look into a process")


def own():
    return User(os.geteuid(), os.getegid(), os.getgroups())


# Without root, everybody is the one who runs the tests.
AGENT = User(61000) if IS_ROOT else own()
RELEASER = User(61001) if IS_ROOT else own()
