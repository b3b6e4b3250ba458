# SPDX-License-Identifier: Apache-2.0
"""How far an upload is, as people at a terminal see it and as logs keep it; and Ctrl-C."""
import os
import re
import signal
import time
from pathlib import Path

import pytest
from rig_dam import Dam
from rig_image import Image
from rig_registry import Registry
from rig_terminal import Terminal

LARGE = 24 * 1024 * 1024  # a layer: more than all sockets on the way hold
HALF = 8 * 1024 * 1024
SOON_S = 2  # ten times what is promised: tests run on busy machines


class DammedRegistry(Registry):
    """Its clients know it by the address of the dam."""

    def __init__(self, scratch):
        super().__init__(scratch)
        self.dam = Dam(self.port)
        self.host = self.dam.host

    def stop(self):
        self.dam.stop()
        super().stop()


@pytest.fixture(scope="module")
def registry(scratch):
    server = DammedRegistry(scratch)
    yield server
    server.stop()


@pytest.fixture
def dam(registry):
    yield registry.dam
    registry.dam.open()


@pytest.fixture
def source(scratch):
    """An image of a small layer and a large one."""
    image = Image(scratch.directory("image"), "progress", padding=LARGE)
    image.directory.chmod(0o755)
    return f"oci:{image.directory}"


def processes_of(session):
    """Those that still run in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(pid))
    return found


def test_a_terminal_shows_each_layer_and_the_whole(client, repository, source, dam):
    dam.close_after(HALF)
    with Terminal(client, "push", f"{repository}:v1", "--from", source) as terminal:
        terminal.wait_for(r"[0-9a-f]{12}: Pushing \[=+> +\] [\d.]+ MB/25\.2 MB")
        terminal.wait_for(r"total: 2 of 3, [\d.]+ MB of 25\.2 MB, [\d.]+ [kM]?B/s, .* left")
        dam.open()
        terminal.wait_for(r"total: 3 of 3, 25\.2 MB\x1b")
        said = terminal.finish(0)
    assert len(re.findall(r"[0-9a-f]{12}: Pushed\x1b", said.rpartition("\x1b[4A")[2])) == 3
    assert f"{repository}:v1@sha256:" in said


def test_ctrl_c_ends_it_at_once_and_leaves_nothing_running(client, repository, source, dam):
    for ending in (None, signal.SIGTERM):
        dam.close_after(HALF)
        with Terminal(client, "push", f"{repository}:v1", "--from", source) as terminal:
            terminal.wait_for(r"Pushing \[=")
            dam.wait_until_full()
            began = time.monotonic()
            terminal.interrupt(ending)
            terminal.finish(130)
            assert time.monotonic() - began < SOON_S
            assert not processes_of(terminal.pid)
        dam.open()
    client.run("push", f"{repository}:v1", "--from", source)


def test_a_process_that_somebody_kills_is_told(client, repository, source, dam):
    dam.close_after(HALF)
    push = client.start("push", f"{repository}:v1", "--from", source)
    dam.wait_until_full()
    for pid in Path(f"/proc/{push.pid}/task/{push.pid}/children").read_text(encoding="ascii").split():
        os.kill(int(pid), signal.SIGKILL)
    done = client.finish(push)
    assert done.returncode == 1
    assert re.search(r"layer [0-9a-f]{12}: the process that did it was killed by signal 9", done.stderr)


def words(log):
    """What became of each layer, as a log has it."""
    return re.findall(r"^[0-9a-f]{12}: (.*)$", log, re.MULTILINE)


def test_each_layer_goes_once_to_a_registry(client, repository, source):
    """Into other repositories it is mounted; what a registry has it need not be sent."""
    others = [f"{repository}/{name}" for name in ("a", "b", "c")]
    for name in others:
        client.run("init", name)
    first = client.try_run("push", *(f"{name}:v1" for name in others), "--from", source)
    assert words(first.stderr) == ["Pushed, and mounted into 2 more"] * 3
    copied = client.try_run("push", f"{repository}:v1", "--from", f"registry:{others[0]}:v1")
    assert words(copied.stderr) == ["Mounted"] * 3
    again = client.try_run("push", f"{repository}:v2", "--from", source)
    assert words(again.stderr) == ["Already exists"] * 3


def test_a_log_has_a_line_for_each_layer_and_quiet_has_none(client, repository, source):
    done = client.try_run("push", f"{repository}:v1", "--from", source)
    assert done.returncode == 0 and "\x1b" not in done.stderr + done.stdout
    assert words(done.stderr) == ["Pushed"] * 3

    done = client.try_run("push", "-q", f"{repository}:v2", "--from", source)
    assert done.returncode == 0 and done.stderr == ""
