# SPDX-License-Identifier: Apache-2.0
"""machine: what figures depend on besides the programs."""
import json
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = ("libssl3", "libsqlite3-0", "libjansson4", "libsystemd0", "softhsm2", "p11-kit",
            "openssh-client", "notary")
VOLATILE = {"tmpfs", "ramfs"}


def _mount(path):
    """Type and source of the file system that holds path."""
    out = subprocess.run(["/usr/bin/findmnt", "-no", "FSTYPE,SOURCE", "-T", path], check=True,
                         capture_output=True, text=True).stdout
    return out.split()[:2]


def is_volatile(path):
    """Whether what is written there lives in memory only."""
    return _mount(path)[0] in VOLATILE


def _cpu():
    text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _versions():
    out = subprocess.run(["/usr/bin/dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES],
                         capture_output=True, text=True).stdout
    return ", ".join(line for line in out.splitlines() if " " in line.strip())


def option(build, name):
    """How a build directory is configured."""
    options = json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())
    return next(option["value"] for option in options if option["name"] == name)


def facts(directory, build):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kind, source = _mount(directory)
    return {
        "processor": f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": f"{kind} on {source}",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "build": f"{option(build, 'buildtype')} in {build.name}",
        "versions": _versions(),
    }
