# SPDX-License-Identifier: Apache-2.0
"""The first thing that a newcomer runs tells its whole story, and leaves nothing behind."""
import os
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest

import rig_users
from rig_process import PATH
from rig_sanitizer import REPORT
from rig_tree import ROOT

SCRIPT = ROOT / "contrib" / "quickstart"


@pytest.fixture
def start(build, tmp_path):
    """Starts the quickstart somewhere else than in the tree."""
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to become other users")

    def run(*args):
        return subprocess.Popen(
            [SCRIPT, *args], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={"PATH": PATH, "HOME": os.environ.get("HOME", "/root"),
                 "COUNTERSIGN_BUILD": str(build)})
    return run


def directory_of(text):
    return Path(re.search(r"/tmp/countersign-quickstart\.\w+", text).group())


def processes_of(directory):
    """Process IDs of all whose command line names the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended meanwhile
    return found


def test_tells_the_whole_story_and_cleans_up(start):
    story = start()
    said, _ = story.communicate(timeout=300)
    assert story.returncode == 0, said
    assert not REPORT.search(said), said
    for part in ("61001$ countersign init", "signed by developer, qa, devops",
                 "developer, devops, qa", '"SignedTag": "v1"', "targets/qa: version 2, signed by qa",
                 "refused (not-granted)"):
        assert part in said, said
    assert not directory_of(said).exists()
    assert not processes_of(directory_of(said))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_cleans_up_when_it_is_interrupted(start, sign):
    story = start()
    said = ""
    for line in story.stdout:
        said += line
        if "countersign status" in line:
            os.killpg(story.pid, sign)
    assert story.wait(60) == 130, said
    assert not directory_of(said).exists()
    assert not processes_of(directory_of(said))


def test_keeps_everything_when_it_is_told_to(start):
    story = start("--keep")
    said, _ = story.communicate(timeout=300)
    assert story.returncode == 0, said
    exports = re.findall(r"^  export (.*)$", said, re.MULTILINE)
    variables = dict(pair.split("=", 1) for line in exports for pair in line.split())
    image = re.search(r"IMAGE=(\S+):$", said, re.MULTILINE).group(1)
    try:
        listed = subprocess.run(["countersign", "list", image], env=variables, cwd="/", text=True,
                                capture_output=True, timeout=60, **rig_users.user(61001).popen())
        assert listed.returncode == 0, listed.stderr
        assert {"v1", "v2"} <= set(listed.stdout.split())
    finally:
        kill, remove = re.findall(r"^  ((?:kill|rm -rf) .*)$", said, re.MULTILINE)
        running = [os.pidfd_open(pid) for pid in processes_of(directory_of(said))]
        subprocess.run(["/bin/bash", "-c", kill], check=True)
        for pidfd in running:
            assert select.select([pidfd], [], [], 30)[0], said
            os.close(pidfd)
        subprocess.run(["/bin/bash", "-c", remove], check=True)
    assert not directory_of(said).exists()
