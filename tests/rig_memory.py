# SPDX-License-Identifier: Apache-2.0
"""memory: what a process of ours holds and shows, as root sees it."""
import os
from pathlib import Path

CHUNK = 1 << 20
# What sanitizers reserve is larger, and holds no bytes of the program.
MAPPING_MAX = 1 << 30


def _mappings(pid):
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        addresses, rights, *_ = line.split()
        start, end = (int(part, 16) for part in addresses.split("-"))
        if rights.startswith("r") and end - start <= MAPPING_MAX and "[v" not in line:
            yield start, end


def found(pid, *secrets):
    """Those of the secrets (bytes) that stand anywhere in the memory of a process."""
    here = set()
    overlap = max(map(len, secrets))
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for start, end in _mappings(pid):
            for at in range(start, end, CHUNK):
                try:
                    data = os.pread(memory, min(CHUNK + overlap, end - at), at)
                except OSError:  # not a page of it can be read
                    continue
                here.update(secret for secret in secrets if secret in data)
    finally:
        os.close(memory)
    return here


def shown(pid):
    """What anybody may see of it who may see its command line, and root beside that."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


def locked_kib(pid):
    """How much of it is never written to swap space. Sanitizers let nothing be locked, and say 1."""
    if "libasan" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8"):
        return 1
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmLck:"):
            return int(line.split()[1])
    raise AssertionError("no VmLck")


def has_core(pid):
    """Whether it may leave a core, or be looked into by its own user."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    return core[4:6] != ["0", "0"] or os.stat(f"/proc/{pid}/environ").st_uid != 0
