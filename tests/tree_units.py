# SPDX-License-Identifier: Apache-2.0
"""The units of systemd are correct, and lock up the agent as tightly as can be."""
import re
import shutil
import subprocess

import pytest

from rig_tree import ROOT, text

# What the best of its kind reaches is 0.9.
EXPOSURE_MAX = 0.5
UNITS = [("system", "service"), ("system", "socket"), ("user", "service"), ("user", "socket")]


@pytest.fixture(scope="module")
def root(build, tmp_path_factory):
    """A file system with the units and the programs that they start, and what they refer to."""
    root = tmp_path_factory.mktemp("root")
    generated = build / "contrib" / "systemd"
    for manager, folder in (("system", "."), ("user", "user")):
        units = root / "usr/lib/systemd" / manager
        units.mkdir(parents=True)
        shutil.copy(ROOT / "contrib/systemd" / folder / "countersign-agent.socket", units)
        shutil.copy(generated / f"{manager}-countersign-agent.service",
                    units / "countersign-agent.service")
        for target in ("basic", "default", "network", "shutdown", "sockets", "sysinit"):
            (units / f"{target}.target").write_text("[Unit]\nDescription=A target\n")
    for program in ["/bin/kill"] + re.findall(r"^ExecStart=(\S+)", service(generated), re.MULTILINE):
        path = root / program[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)
    return root


def service(generated):
    return (generated / "system-countersign-agent.service").read_text(encoding="utf-8")


def analyze(*arguments, env=None):
    return subprocess.run(["systemd-analyze", *arguments], env=env, capture_output=True, text=True)


@pytest.mark.parametrize("manager, kind", UNITS)
def test_units_are_correct(root, tmp_path, manager, kind):
    name = f"countersign-agent.{kind}"
    if manager == "system":
        done = analyze("verify", "--man=no", f"--root={root}", f"/usr/lib/systemd/system/{name}")
    else:
        # What is a user's knows no --root=: the unit names the program where it is.
        for unit in (root / "usr/lib/systemd/user").iterdir():
            own = re.sub("^ExecStart=", f"ExecStart={root}", unit.read_text(encoding="utf-8"),
                         flags=re.MULTILINE)
            (tmp_path / unit.name).write_text(own, encoding="utf-8")
        done = analyze("--user", "verify", "--man=no", tmp_path / name,
                       env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
                            "XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_agent_is_exposed_as_little_as_can_be(root):
    done = analyze("security", "--offline=yes", f"--root={root}", "--no-pager",
                   "countersign-agent.service")
    found = re.search(r"Overall exposure level for countersign-agent\.service: ([0-9.]+)",
                      done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found.group(1)) <= EXPOSURE_MAX, done.stdout


def test_nobody_else_reaches_the_ledger_or_the_pin():
    for path in ("contrib/systemd/countersign-agent.service.in",
                 "contrib/systemd/user/countersign-agent.service.in"):
        unit = text(path)
        for line in ("StateDirectoryMode=0700", "LimitCORE=0", "UMask=0077"):
            assert re.search(rf"^{line}$", unit, re.MULTILINE), f"{path} lacks {line}"
        assert not re.search(r"^PrivateUsers=", unit, re.MULTILINE)
