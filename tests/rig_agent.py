# SPDX-License-Identifier: Apache-2.0
"""agent: countersign-agent with a policy, a ledger and a socket of its own."""
import os
import select
import signal
import socket
import subprocess

import rig_users
from rig_ledger import Ledger
from rig_process import Process
from rig_scratch import write
from rig_varlink import Varlink

# Becomes the program that follows as soon as it is told to.
WAIT_FOR_A_LINE = ("/bin/sh", "-c", 'read -r line; exec "$@"', "sh")


class Agent:
    def __init__(self, programs, sanitizer, directory, policy):
        self.programs, self.sanitizer, self.directory = programs, sanitizer, directory
        self.policy_file = directory / "policy.yaml"
        self.state = directory / "state"
        self.socket = directory / "run" / "agent.sock"
        for path, mode in ((self.state, 0o700), (self.socket.parent, 0o755)):
            path.mkdir()
            path.chmod(mode)
            os.chown(path, rig_users.AGENT.uid, rig_users.AGENT.gid)
        self.ledger = Ledger(self.state)
        self.process = None
        self.people = None  # who it thinks there are; None: those of this machine
        self.set_policy(policy)

    def set_policy(self, policy):
        """Write the policy; a running agent reads it at its next reload."""
        text = policy if isinstance(policy, str) else policy.text()
        write(self.policy_file, text)

    def check_policy(self):
        """What --check-policy says of the policy."""
        return subprocess.run(
            [self.programs.agent, "--check-policy", self.policy_file], cwd="/", timeout=60,
            env=self.sanitizer.environment(), capture_output=True, text=True,
            **rig_users.AGENT.popen())

    def start(self, attach=None):
        """Start it and wait for its READY=1. attach(pid), if any, is done before it begins."""
        name = f"countersign-test-{os.getpid()}-{self.directory.name}"
        args = [self.programs.agent, "--policy", self.policy_file, "--socket", self.socket,
                "--state", self.state]
        user = rig_users.AGENT
        if self.people:
            args, user = self.people.see(args, user), None
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.bind("\0" + name)
            self.process = Process(
                [*(WAIT_FOR_A_LINE if attach else ()), *args], self.directory / "log",
                self.sanitizer.environment(NOTIFY_SOCKET="@" + name), user,
                stdin=subprocess.PIPE if attach else subprocess.DEVNULL)
            if attach:
                attach(self.process.pid)
                self.process.popen.stdin.write(b"\n")
                self.process.popen.stdin.close()
            self.process.wait_until(lambda: self._is_ready(notify))
        return self

    def fails_to_start(self, **changed):
        """Try to start one like this, with other paths of policy, socket or state; what it says
        before it ends."""
        paths = {"policy": self.policy_file, "socket": self.socket, "state": self.state, **changed}
        args = [part for name, path in paths.items() for part in (f"--{name}", path)]
        log = self.directory / "log-of-another"
        log.unlink(missing_ok=True)
        process = Process([self.programs.agent, *args], log,
                          self.sanitizer.environment(), rig_users.AGENT)
        status = process.popen.wait(30)
        self.sanitizer.check(process.text())
        assert status == 1, process.text()
        return process.text()

    @staticmethod
    def _is_ready(notify):
        while select.select([notify], [], [], 0)[0]:
            if b"READY=1" in notify.recv(4096).split(b"\n"):
                return True
        return False

    def stop(self):
        """End it in order; a report of a sanitizer, or any other end, fails the test."""
        if self.process is None:
            return
        status = self.process.stop()
        text = self.process.text()
        self.process = None
        self.sanitizer.check(text)
        assert status == 0, text

    def kill(self):
        """End it as a crash would: no handler runs."""
        self.process.stop(signal.SIGKILL)
        self.process = None

    def hang_up(self):
        """Let it read its policy again, as an administrator of the system does, and open what
        tokens are new in it."""
        lines = self.process.text().count("\n")
        self.process.popen.send_signal(signal.SIGHUP)
        self.process.wait_until(lambda: self.process.text().count("\n") > lines)
        self.process.wait_until(self.has_keys)

    def has_keys(self):
        """Whether all keys can sign. A token is ready a little earlier than its keys are known."""
        return all(key["state"] == "ready" for key in self.call("ListKeys")["keys"])

    def workers(self):
        """Process IDs of its token workers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def connect(self, user=None):
        """A raw Varlink connection, as a user; for calls that the client would never make."""
        with (user or rig_users.RELEASER).acting():
            return Varlink(self.socket)

    def takes(self, connection):
        """Wait until it has read what was sent, and has begun with it: others are answered."""
        self.process.wait_until(connection.is_read)
        assert self.call("Status")

    def call(self, method, user=None, **parameters):
        """One call on a connection of its own."""
        with self.connect(user) as connection:
            return connection.call(method, **parameters)
