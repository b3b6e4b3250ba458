# SPDX-License-Identifier: Apache-2.0
"""The units of systemd are correct, and lock up the agent as tightly as can be."""
import re
import shutil
import subprocess

import pytest

from rig_tree import ROOT, text

# What the best of its kind reaches is 0.9.
EXPOSURE_MAX = 0.5
# By a drop-in for a token: what is exposed with it. One with a device, and one with a network.
TOKEN_EXPOSURE_MAX = {"token-tpm": 0.7, "token-card": 0.4, "token-network": 1.2}
UNITS = [("system", "countersign-agent.service"), ("system", "countersign-agent.socket"),
         ("system", "countersign-door@x.socket"), ("system", "countersign-token@x.service"), ("system", "countersign-token@x.socket"),
         ("user", "countersign-agent.service"), ("user", "countersign-agent.socket")]


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
        if manager == "system":
            shutil.copy(ROOT / "contrib/systemd/countersign-door@.socket", units)
            shutil.copy(ROOT / "contrib/systemd/countersign-token@.socket", units)
            shutil.copy(generated / "countersign-token@.service", units)
        for target in ("basic", "default", "network", "shutdown", "sockets", "sysinit"):
            (units / f"{target}.target").write_text("[Unit]\nDescription=A target\n")
    for program in ["/bin/kill", *programs(generated / "system-countersign-agent.service"),
                    *programs(generated / "countersign-token@.service")]:
        path = root / program[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)
    return root


def programs(unit):
    return re.findall(r"^ExecStart=(\S+)", unit.read_text(encoding="utf-8"), re.MULTILINE)


def analyze(*arguments, env=None):
    return subprocess.run(["systemd-analyze", *arguments], env=env, capture_output=True, text=True)


def exposure(root, unit):
    """What systemd makes of it, and its words."""
    done = analyze("security", "--offline=yes", f"--root={root}", "--no-pager", unit)
    found = re.search(rf"Overall exposure level for {re.escape(unit)}: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found.group(1)), done.stdout


@pytest.mark.parametrize("manager, name", UNITS)
def test_units_are_correct(root, tmp_path, manager, name):
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
    level, words = exposure(root, "countersign-agent.service")
    assert level <= EXPOSURE_MAX, words


@pytest.mark.parametrize("example", TOKEN_EXPOSURE_MAX)
def test_a_token_is_exposed_as_little_as_can_be(root, example):
    name = example.replace("token-", "")
    folder = root / f"etc/systemd/system/countersign-token@{name}.service.d"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / f"contrib/examples/{example}.conf", folder / "token.conf")
    level, words = exposure(root, f"countersign-token@{name}.service")
    assert level <= TOKEN_EXPOSURE_MAX[example], words


def test_nobody_else_reaches_the_ledger_or_the_pin():
    for path in ("contrib/systemd/countersign-agent.service.in",
                 "contrib/systemd/countersign-token@.service.in",
                 "contrib/systemd/user/countersign-agent.service.in"):
        unit = text(path)
        for line in ("StateDirectoryMode=0700", "LimitCORE=0", "UMask=0077"):
            assert re.search(rf"^{line}$", unit, re.MULTILINE), f"{path} lacks {line}"
        assert not re.search(r"^PrivateUsers=", unit, re.MULTILINE)
