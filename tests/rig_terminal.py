# SPDX-License-Identifier: Apache-2.0
"""terminal: a shell that a person types into, with the answers to what programs ask for there; and one
program that a person watches."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time


def type_into_shell(script, answers, env, user, seconds=60):
    """Run a script; what it printed. answers: (what is asked for, as a pattern; what is typed then)."""
    ours, theirs = pty.openpty()
    os.chown(os.ttyname(theirs), user.uid, -1)
    with open(ours, "rb", buffering=0, closefd=True):
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "bash", "-euc", script], stdin=theirs, stdout=theirs,
            stderr=theirs, env=env, cwd="/", **user.popen())
        os.close(theirs)
        try:
            said = _talk(ours, answers, time.monotonic() + seconds)
            status = process.wait(10)
        finally:
            process.kill()
            process.wait()
    assert status == 0, said
    return said


def _talk(terminal, answers, deadline):
    said, seen = "", 0
    while True:
        assert select.select([terminal], [], [], deadline - time.monotonic())[0], said
        try:
            said += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the last process has closed it
            return said
        for asked, answer in answers:
            found = re.search(asked, said[seen:])
            if found:
                seen += found.end()
                # What is typed before a program has switched the echo off is thrown away by it.
                while termios.tcgetattr(terminal)[3] & termios.ECHO:
                    assert not select.select([], [], [], 0.01)[0] and time.monotonic() < deadline, said
                os.write(terminal, answer.encode() + b"\n")


class Terminal:
    """The client at a terminal of 24 rows, the leader of a session of its own."""

    def __init__(self, client, *args):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.chown(os.ttyname(theirs), client.user.uid, -1)
        self.said = ""
        self._process = subprocess.Popen(
            ["setsid", "--ctty", str(client.programs.client), *args], stdin=theirs, stdout=theirs,
            stderr=theirs, env={**client.environment, "TERM": "xterm"}, cwd="/",
            **client.user.popen())
        os.close(theirs)
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _read(self, deadline):
        """False: the last process has closed it."""
        assert select.select([self._ours], [], [], deadline - time.monotonic())[0], self.said
        try:
            self.said += os.read(self._ours, 65536).decode(errors="replace")
        except OSError:
            return False
        return True

    def wait_for(self, pattern, seconds=30):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.said):
            assert self._read(deadline), self.said

    def type(self, line):
        os.write(self._ours, line.encode() + b"\n")

    def interrupt(self, sign=None):
        """Type Ctrl-C, or send another signal."""
        if sign:
            os.kill(self.pid, sign)
        else:
            os.write(self._ours, b"\x03")

    def finish(self, status, seconds=30):
        """It ends with that status; all that it said."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        assert self._process.wait(seconds) == status, self.said
        return self.said
