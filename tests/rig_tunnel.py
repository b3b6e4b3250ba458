# SPDX-License-Identifier: Apache-2.0
"""tunnel: another machine with Debian's sshd, and ssh from here that makes a socket there."""
import re
import shlex
import subprocess

from rig_people import People
from rig_port import free_port
from rig_process import Process, answers, answers_at, environment
from rig_scratch import give, write
from rig_users import User

ROOT = User(0, 0)
WITH_RUN = 'mount --bind "$0" /run && exec "$@"'


def new_key(path, owner):
    """Kind and text of the public one."""
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    give(path, owner.uid)
    return " ".join(path.with_suffix(".pub").read_text(encoding="ascii").split()[:2])


class Machine:
    """The one that builds, with accounts, groups and a /run of its own. settings: what its sshd has
    beside addresses and keys."""

    def __init__(self, directory, accounts, groups, settings):
        self.port, self.authorized = free_port(), directory / "authorized_keys"
        self.run = directory / "run"
        (self.run / "sshd").mkdir(parents=True)
        self.key = new_key(directory / "host", ROOT)
        config = write(directory / "sshd_config", "\n".join([
            f"ListenAddress 127.0.0.1:{self.port}", f"HostKey {directory}/host",
            f"AuthorizedKeysFile {self.authorized}", "StrictModes no", "PidFile none", settings]))
        people = People(directory, {**accounts, "sshd": User(61098)}, groups)
        self.process = Process(
            ["unshare", "--mount", "sh", "-euc", WITH_RUN, self.run,
             *people.see(["/usr/sbin/sshd", "-De", "-f", config], ROOT)],
            directory / "log", environment())
        self.process.wait_until(lambda: answers(self.port))

    def stop(self):
        self.process.stop()


class Tunnel:
    """What the unit of a tunnel runs, for the instance %i, as a user of this machine."""

    def __init__(self, directory, machine, unit, user):
        self._directory, self._machine, self._user = directory, machine, user
        write(machine.authorized,
              f"restrict,port-forwarding {new_key(directory / 'key', user)}\n")
        known = write(directory / "known_hosts", f"build1 {machine.key}\n")
        (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
        for was, is_ in (("%d", directory), ("%i", "build1"),
                         ("/etc/countersign/tunnel/known_hosts", known)):
            command = command.replace(was, str(is_))
        self._people = People(directory, {"tunnel-build1": user}, {})
        program, *self._args = shlex.split(command)
        self._program = [program, "-o", "HostName=127.0.0.1", "-o", f"Port={machine.port}", "-o",
                         "HostKeyAlias=build1"]
        forward = self._args.index("-R") + 1
        self._there = self._args[forward].split(":")[0]
        self._others = self._args[:forward - 1], self._args[forward + 1:]
        self.process = None

    def start(self):
        """Wait until its socket is there; its path in the machine, as it is seen from here."""
        socket = self._machine.run / self._there.removeprefix("/run/")
        args = self._people.see([*self._program, *self._args], self._user)
        self.process = Process(args, self._directory / "log", environment())
        self.process.wait_until(lambda: answers_at(socket))
        return socket

    def refused(self, *options, command=()):
        """What it says when the same user asks for something else in place of the socket."""
        before, after = self._others
        words = [*self._program, *options, *before, *after, *command]
        words.remove("-NT")
        args = self._people.see(words, self._user)
        done = subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=60)
        assert done.returncode == 255, done.stderr
        return done.stderr

    def stop(self):
        if self.process:
            self.process.stop()
