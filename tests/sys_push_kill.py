# SPDX-License-Identifier: Apache-2.0
"""Whoever pushes dies at any request, or is interrupted: what was signed before is signed still, no
tag names what is not signed, and the next push succeeds."""
import json
import os
import signal
import subprocess

import pytest
from rig_docker import Docker
from rig_fault_proxy import Fault, Stop
from rig_fault_world import FaultWorld, State
from rig_faults import Gate
from rig_notary import Notary
from rig_readers import rows
from rig_scratch import write

REQUESTS_MIN = 8    # that change something, of one push
REQUESTS_MAX = 200  # more are a loop


@pytest.fixture(scope="module")
def world(scratch, programs, sanitizer, made_token):
    world = FaultWorld(scratch, programs, sanitizer, made_token, is_open=True)
    yield world
    world.stop()


class Story:
    """Repositories whose tag moves on with each push that comes to its end."""

    def __init__(self, world, *names):
        self.world, self.guns = world, [f"{world.registry.host}/{name}" for name in names]
        self.image = world.image(names[0])
        world.client.run("init", *self.guns)
        self.succeed()

    def push(self):
        tags = [f"{gun}:v1" for gun in self.guns]
        return "push", "--from", f"oci:{self.image.directory}", *tags

    def succeed(self):
        self.world.client.run(*self.push())
        for gun in self.guns:
            assert self.world.state(gun) == State(self.image.hex, self.image.hex)

    def die(self, stop, end):
        """Push a new image, and end the push where it is stopped; the outcome, or None: it had
        its end before."""
        old, self.image = self.image, self.world.image("next")
        before = self.files()
        with self.world.traffic.stopping(stop):
            process = self.world.client.start(*self.push())
            is_stopped = stop.wait(lambda: process.poll() is None)
            if is_stopped:
                process.send_signal(end)
            done = finish(process, 5 if is_stopped else 60)
        for gun in self.guns:
            state = self.is_as_it_was_or_signed(gun, old, f"{stop.n}: {stop.request}")
            if is_stopped:
                self.is_true(gun, done.stderr, state, old)
        self.succeed()
        assert self.files() == before
        return done if is_stopped else None

    def is_as_it_was_or_signed(self, gun, old, where):
        """The tag names what everybody finds signed, or what was signed before."""
        state = self.world.state(gun)
        allowed = [State(old.hex, old.hex), State(old.hex, self.image.hex),
                   State(self.image.hex, self.image.hex)]
        assert state in allowed, where
        if state != allowed[0]:
            self.everybody_reads(gun, state.trust)
        return state

    def is_true(self, gun, said, state, old):
        """What is said of the tag; nothing may be known."""
        said = "".join(line for line in said.splitlines() if f"{gun}:v1 " in line)
        if "neither signed nor moved" in said:
            assert state == State(old.hex, old.hex)
        if "not moved" in said:
            assert state.tag == old.hex
        if "is signed" in said:
            assert state.trust == self.image.hex

    def everybody_reads(self, gun, digest):
        scratch, server = self.world.scratch, self.world.server
        notary = Notary(scratch.directory("notary"), server)
        for reader in (notary, self.world.new_user()):
            assert {sha for sha, _ in rows(reader.run("list", gun)).values()} == {digest}
        (seen,) = Docker(scratch.directory("docker"), server).trust_inspect(f"{gun}:v1")
        assert [tag["Digest"] for tag in seen["SignedTags"]] == [digest]

    def files(self):
        """Names of all that the user has, which must not become more with each death."""
        return {path.relative_to(self.world.client.home)
                for path in self.world.client.home.rglob("*")}


def finish(process, seconds):
    """All processes that write to its outputs have ended then. Who is stopped takes 200 ms, where
    nobody else wants the processors."""
    out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
def test_a_push_may_die_at_every_request(world, is_late):
    story = Story(world, f"killed/{is_late}".lower())
    for n in range(1, REQUESTS_MAX):
        done = story.die(Stop(n, is_late), signal.SIGKILL)
        if done is None:
            break
        assert done.returncode == -signal.SIGKILL
    assert REQUESTS_MIN < n < REQUESTS_MAX


def test_a_push_may_be_interrupted_at_any_request(world):
    """Every second one: what happens in the two repositories at the same time is chance anyway."""
    story = Story(world, "interrupted", "interrupted-too")
    for n in range(1, REQUESTS_MAX, 2):
        done = story.die(Stop(n, is_late=True), signal.SIGINT)
        if done is None:
            break
        assert done.returncode == 130, done
    assert REQUESTS_MIN < n < REQUESTS_MAX


@pytest.mark.xdist_group("engine")
def test_the_engines_pushes_may_die_and_be_interrupted(world, engine, scratch):
    gun = f"{world.registry.host}/engine"
    name = gun.partition("/")[2]
    docker = Docker(scratch.directory("docker"), world.server, engine.host)
    os.chmod(engine.host.removeprefix("unix://"), 0o666)
    world.client.run("init", gun)

    def push(text):
        """Of a new image."""
        layer = write(scratch.directory("layer") / "text", text)
        tar = layer.with_suffix(".tar")
        subprocess.run(["/usr/bin/tar", "-C", layer.parent, "-cf", tar, layer.name], check=True)
        docker.run("import", tar, f"{gun}:v1")
        return world.client.start("push", f"{gun}:v1", DOCKER_HOST=engine.host)

    def stopped(pattern, text, end):
        gate = Gate()
        with world.traffic.faults(Fault(pattern, gate)):
            process = push(text)
            gate.wait()
            process.send_signal(end)
            gate.open()
            return finish(process, 20)

    def tags():
        return json.loads(world.ask(world.registry, f"/v2/{name}/tags/list", name))["tags"]

    assert finish(push("old"), 60).returncode == 0
    old = world.state(gun)
    assert old.tag == old.trust
    stopped("PUT .*/manifests/countersign-.*", "killed", signal.SIGKILL)
    assert world.state(gun) == old
    done = stopped("DELETE .*/manifests/sha256.*", "interrupted", signal.SIGINT)
    assert done.returncode == 130, done.stderr
    new = world.state(gun)
    assert new.tag == new.trust != old.tag
    # Only who is killed leaves a tag behind.
    assert len(tags()) <= 2 and docker.run("images").count("countersign-") == 1, done.stderr
