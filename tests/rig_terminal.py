# SPDX-License-Identifier: Apache-2.0
"""terminal: a shell that a person types into, with the answers to what programs ask for there."""
import os
import pty
import re
import select
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
