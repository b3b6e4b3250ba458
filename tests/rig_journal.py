# SPDX-License-Identifier: Apache-2.0
"""journal: files of the journal with the heads that an agent logged, as journald would have them."""
import re
import subprocess
from pathlib import Path

import rig_users
from rig_process import Process, environment

WRITER = "/lib/systemd/systemd-journal-remote"
BOOT = "0123456789abcdef0123456789abcdef"
FIRST_US = 1_700_000_000_000_000


def heads(agent):
    """[(ledger, sequence, hash)] as the agent logged them so far."""
    log = (agent.directory / "log").read_text(encoding="utf-8")
    return re.findall(r"ledger (\w{32}): record (\d+) has hash (\w{64})", log)


def _entry(n, head, uid):
    ledger, seq, hash_ = head
    at_us = FIRST_US + n * 1_000_000
    return "\n".join([
        f"__REALTIME_TIMESTAMP={at_us}", f"__MONOTONIC_TIMESTAMP={at_us - FIRST_US + 1}",
        f"_BOOT_ID={BOOT}", f"_UID={uid}", "PRIORITY=6", "MESSAGE=a head",
        f"COUNTERSIGN_LEDGER={ledger}", f"COUNTERSIGN_RECORD={seq}", f"COUNTERSIGN_HASH={hash_}",
    ]) + "\n\n"


def journal(directory, entries, uid=rig_users.AGENT.uid):
    """A file with these heads, in this order, as that user wrote them."""
    path = directory / f"{len(list(directory.iterdir()))}.journal"
    text = "".join(_entry(n, head, uid) for n, head in enumerate(entries))
    subprocess.run([WRITER, "-o", path, "-"], input=text.encode(), check=True, capture_output=True,
                   env=environment())
    path.chmod(0o644)
    return path


class Journald:
    """A journald of its own, in a mount namespace where /run is empty; RuntimeError: there is no right
    to mount."""

    _BEGIN = ("mount -t tmpfs tmpfs /run && mkdir -p /run/log/journal /run/systemd/journald.conf.d && "
              "printf '[Journal]\\nAudit=no\\nReadKMsg=no\\n' >/run/systemd/journald.conf.d/test.conf && "
              "exec /lib/systemd/systemd-journald")
    # As systemd starts a service: who writes to that stream knows that it is the journal's.
    _TELL = ("import os, sys; st = os.fstat(2); os.environ['JOURNAL_STREAM'] = "
             "f'{st.st_dev}:{st.st_ino}'; os.execv(sys.argv[1], sys.argv[1:])")

    def __init__(self, directory):
        self.process = Process(["/usr/bin/unshare", "--mount", "--propagation", "private",
                                "/bin/sh", "-c", self._BEGIN], directory / "log", environment())
        root = Path(f"/proc/{self.process.pid}/root")
        self.process.wait_until((root / "run/systemd/journal/stdout").exists)

    def stop(self):
        self.process.stop()

    def command(self, user, *args):
        """Arguments that run a program beside it, as that user."""
        return ["/usr/bin/nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--",
                "/usr/bin/setpriv", "--reuid", str(user.uid), "--regid", str(user.gid),
                "--clear-groups", "--", *map(str, args)]

    def logged(self, user, *args):
        """The same with its standard error in the journal."""
        return self.command(user, "/usr/bin/systemd-cat", "/usr/bin/python3", "-c", self._TELL, *args)

    def publish(self):
        """Wait until all that was sent is written, and let everybody read it."""
        for args in (["/usr/bin/journalctl", "--sync"], ["/bin/chmod", "-R", "a+rX", "/run/log"]):
            subprocess.run(self.command(rig_users.User(0), *args), check=True, capture_output=True,
                           env=environment())
