# SPDX-License-Identifier: Apache-2.0
"""process: what processes cost, as the kernel counts it. Root may look into those of ours."""
import contextlib
import re
import resource
import time
from dataclasses import dataclass
from pathlib import Path


def cpu_ms(pid):
    """Time of a process and its threads on a processor, so far."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir()) / 1e6


def children_cpu_ms():
    """The same of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e3


def memory(pid, name):
    """A line of status or smaps_rollup, in MiB: "VmRSS", "VmHWM", "Pss", "Private_Dirty"."""
    file = "status" if name.startswith("Vm") else "smaps_rollup"
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) / 1024


def _family(pid):
    """A process and all that descend from it, as far as they run."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def family_memory(pid, name):
    """memory() of a process and all that descend from it, taken together."""
    total = 0
    for member in _family(pid):
        with contextlib.suppress(OSError, AttributeError):  # it has ended
            total += memory(member, name)
    return total


def forget_peak(pid):
    """VmHWM starts from VmRSS again."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def switches(pid):
    """How often it was on a processor."""
    text = Path(f"/proc/{pid}/status").read_text()
    return sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", text)))


@dataclass
class Cost:
    wall_ms: float
    cpu_ms: float  # of children and of the daemons that worked for them
    peak_mib: float  # of the first daemon, above what it had before


def cost(function, *daemons):
    """Of what a function does with programs, and daemons for it."""
    before = sum(map(cpu_ms, daemons)) + children_cpu_ms()
    idle = 0
    for daemon in daemons[:1]:
        forget_peak(daemon)
        idle = memory(daemon, "VmRSS")
    start = time.monotonic()
    function()
    wall_ms = (time.monotonic() - start) * 1e3
    peak = memory(daemons[0], "VmHWM") - idle if daemons else 0
    return Cost(wall_ms, sum(map(cpu_ms, daemons)) + children_cpu_ms() - before, peak)
