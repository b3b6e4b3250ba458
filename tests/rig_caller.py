# SPDX-License-Identifier: Apache-2.0
"""caller: one call to the agent by a process of its own: in namespaces, or in the cgroup of a unit."""
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rig_process import PATH
from rig_varlink import INTERFACE

# Connects, sends what it reads, and prints the answer; "null": it could not connect, or heard nothing.
ASK = """
import socket, sys
frame = sys.stdin.buffer.read()
try:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(frame)
    heard = b""
    while not heard.endswith(b"\\0"):
        part = s.recv(65536)
        if not part:
            break
        heard += part
    print(heard[:-1].decode() or "null")
except OSError:
    print("null")
"""

def need_namespaces(*arguments):
    """Skip where such namespaces cannot be made."""
    done = subprocess.run(["unshare", *arguments, "true"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs the right to make namespaces")


def ask(path, method, *prefix, **parameters):
    """The reply to a call by a process that is started by prefix; None: there was none."""
    frame = json.dumps({"method": f"{INTERFACE}.{method}", "parameters": parameters}).encode() + b"\0"
    done = subprocess.run([*prefix, sys.executable, "-I", "-c", ASK, str(path)], input=frame,
                          capture_output=True, env={"PATH": PATH}, cwd="/", timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def became(user):
    """A prefix: be that user."""
    return ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]


def reason(reply):
    """Why a reply is no signature; None: it is one."""
    return reply["parameters"]["reason"] if "error" in reply else None


class Unit:
    """A unit of systemd, in which processes are started by a prefix."""

    def __init__(self, name):
        self.name = f"countersign-test-{os.getpid()}-{name}.service"

    @contextlib.contextmanager
    def running(self):
        yield self


class RealUnit(Unit):
    """Of the system's manager."""
    where = "systemd"

    def __init__(self, name):
        super().__init__(name)
        if not Path("/run/systemd/system").is_dir():
            pytest.skip("needs systemd as PID 1")

    def prefix(self, user):
        return ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={self.name}",
                f"--uid={user.uid}", f"--gid={user.gid}"]


class CgroupUnit(Unit):
    """As the kernel and libsystemd see it: its cgroup. What a service manager does beside that makes no
    difference to whoever asks in which unit a process is."""
    where = "a cgroup"

    ENTER = 'echo 0 > "$0/cgroup.procs" && exec "$@"'

    def __init__(self, name):
        super().__init__(name)
        if os.geteuid() != 0:
            pytest.skip("needs root, to become other users")
        trees = [tree for tree in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
                 if os.access(tree / "cgroup.procs", os.W_OK)]
        if not trees:
            pytest.skip("needs cgroups of version 2, to make that of a unit")
        self.slice = trees[0] / "system.slice"
        self.cgroup = self.slice / self.name

    @contextlib.contextmanager
    def running(self):
        self.slice.mkdir(exist_ok=True)
        try:
            self.cgroup.mkdir()
        except OSError:
            pytest.skip("needs cgroups of version 2, to make that of a unit")
        try:
            yield self
        finally:
            self.cgroup.rmdir()
            with contextlib.suppress(OSError):  # others are in there
                self.slice.rmdir()

    def prefix(self, user):
        return ["sh", "-c", self.ENTER, str(self.cgroup), *became(user)]
