# SPDX-License-Identifier: Apache-2.0
"""process: a program that runs for a while, with its log, until it is told to stop."""
import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path

# Where Debian has the libraries of this architecture.
LIBRARIES = Path("/usr/lib", sysconfig.get_config_var("MULTIARCH"))
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
TICK_MS = 10


def environment(**more):
    """What a program gets to see: nothing of the caller's own environment."""
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}


class Process:
    """Started at once; its standard output and error go to a file."""

    def __init__(self, args, log, env, user=None, cwd="/", stdin=subprocess.DEVNULL):
        self.args = [str(arg) for arg in args]
        self.log = log
        with open(log, "ab") as out, user.starting() if user else contextlib.nullcontext():
            self.popen = subprocess.Popen(
                self.args, stdin=stdin, stdout=out, stderr=out, env=env, cwd=cwd)
        self.pid = self.popen.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.popen.poll() is None

    def wait_until(self, is_ready, seconds=30):
        """Wait until is_ready() says so. An end of the process ends the wait at once."""
        deadline = time.monotonic() + seconds
        pidfd = os.pidfd_open(self.pid)
        try:
            ended = select.poll()
            ended.register(pidfd, select.POLLIN)
            while not is_ready():
                if ended.poll(TICK_MS):
                    raise RuntimeError(f"{self.args[0]} ended early:\n{self.text()}")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.args[0]} is not ready:\n{self.text()}")
        finally:
            os.close(pidfd)

    def stop(self, sign=signal.SIGTERM, seconds=30):
        """Stop it and return its exit status; killed if it does not stop."""
        if self.is_running():
            self.popen.send_signal(sign)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise


def running_timers(pid):
    """Seconds that are left to each of its timers; root may look at processes of ours."""
    seconds = []
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found = re.search(r"^it_value: \((\d+), (\d+)\)$", file.read_text(), re.MULTILINE)
            if found and found.groups() != ("0", "0"):
                seconds.append(int(found.group(1)))
    return seconds


def answers(port):
    """Whether something listens on a port of the loopback interface."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def answers_at(path):
    """Whether something listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
