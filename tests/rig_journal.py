# SPDX-License-Identifier: Apache-2.0
"""journal: files of the journal with the heads that an agent logged, as journald would have them."""
import re
import subprocess

import rig_users
from rig_process import environment

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
