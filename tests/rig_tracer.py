# SPDX-License-Identifier: Apache-2.0
"""tracer: counts the system calls of a process and ends it, or lets one fail, at the nth."""
import select
import signal
import subprocess

import pytest

import rig_users

NOT_TRACED = 77  # EXIT_NOT_TRACED


class Syscall:
    """One that returned. On a file of the state directory: file, offset, length, and the data if it
    was written. names: the files that there are since."""

    def __init__(self, line):
        n, self.name, result, *rest = line.split()
        self.n = int(n)
        self.result = None if result == "killed" else int(result)
        self.file = rest[0] if rest else None
        self.offset, self.length = (int(word) for word in rest[1:]) if rest else (0, 0)
        self.data = b""
        self.names = None

    def is_write(self):
        return self.file is not None and self.name == "pwrite64" and self.result > 0

    def is_sync(self):
        return self.file is not None and self.name in ("fsync", "fdatasync")


class Tracer:
    """Attached to a process until that ends, or it lets go of it."""

    def __init__(self, program, pid, state, journal, *plan):
        rig_users.need_root_to_look()
        self.pid, self._journal = pid, journal
        self._popen = subprocess.Popen(
            [program, str(pid), str(state), str(journal), *map(str, plan)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        if self._popen.stdout.readline() != b"ready\n":
            said = self._popen.communicate()[1].decode()
            if self._popen.returncode == NOT_TRACED and self._state() not in ("X", "Z"):
                pytest.skip("needs the right to trace")
            raise AssertionError(said)

    def finish(self):
        """Wait until the process has ended, or has nothing to do and let go of it. The calls that it
        made, and whether it has ended."""
        self._wait_for_rest()
        self._popen.send_signal(signal.SIGTERM)
        said, errors = self._popen.communicate(timeout=60)
        assert self._popen.returncode == 0, errors.decode()
        return self._calls(), said == b"ended\n"

    def _wait_for_rest(self):
        ended = select.poll()
        ended.register(self._popen.stdout, select.POLLIN)
        while not ended.poll(0):
            if self._state() == "S":
                return
            ended.poll(1)

    def _state(self):
        """Of the process, as in proc(5)."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return "X"

    def _calls(self):
        calls = []
        with open(self._journal, encoding="ascii") as lines, \
                open(self._journal.with_suffix(".data"), "rb") as data:
            for line in lines:
                if line.startswith("names"):
                    calls[-1].names = set(line.split()[1:])
                    continue
                calls.append(Syscall(line))
                if calls[-1].is_write():
                    calls[-1].data = data.read(calls[-1].result)
        for path in (self._journal, self._journal.with_suffix(".data")):
            path.unlink()
        return calls
