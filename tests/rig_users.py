# SPDX-License-Identifier: Apache-2.0
"""users: numeric identities without accounts, so that nothing is left behind on the machine."""
import contextlib
import ctypes
import os

import pytest

IS_ROOT = os.geteuid() == 0

# System calls by machine. Those of libc, and so of Python, change all threads of the process: who
# connects in one would be somebody else as soon as another one is done.
SETGROUPS, SETRESUID, SETRESGID = {
    "x86_64": (116, 117, 119), "aarch64": (159, 147, 149)}[os.uname().machine]
KEEP = -1  # an ID as it is
_libc = ctypes.CDLL(None, use_errno=True)


def _change(call, *arguments):
    if _libc.syscall(ctypes.c_long(call), *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _become(uid, gid, groups, is_whole=False):
    """This thread's effective IDs and groups; is_whole: its real ones, too. The saved ones stay."""
    _change(SETGROUPS, ctypes.c_size_t(len(groups)), (ctypes.c_uint32 * len(groups))(*groups))
    for call, number in ((SETRESGID, gid), (SETRESUID, uid)):
        new = ctypes.c_uint32(number)
        _change(call, new if is_whole else KEEP, new, KEEP)


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

    def acting(self):
        """Be this user while connecting: the kernel tells a peer the effective IDs. This thread
        is, and no other one."""
        return self._being(is_whole=False)

    def starting(self):
        """Be this user while starting a program, which takes over all IDs. To change them between,
        as popen() says, Python has to copy itself first."""
        return self._being(is_whole=True)

    @contextlib.contextmanager
    def _being(self, is_whole):
        if self.uid == os.geteuid():
            yield
            return
        gid, groups = os.getegid(), os.getgroups()
        _become(self.uid, self.gid, self.groups, is_whole)
        try:
            yield
        finally:
            _change(SETRESUID, KEEP, 0, KEEP)
            _become(0, gid, groups, is_whole)


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
