# SPDX-License-Identifier: Apache-2.0
"""countersign-verifier: what containerd runs for each image that it pulls. It is run here as containerd
runs it, by a link in a directory of verifiers, with as little around it."""
import json
import socket
import subprocess
import time

import pytest

from rig_forge import Forge
from rig_gate import Gate, digest, ids, own_file
from rig_static_server import StaticServer

TYPE = "application/vnd.oci.descriptor.v1+json"
PER_VERIFIER_TIMEOUT_S = 10     # of containerd


@pytest.fixture(scope="module")
def gate(scratch, notary_server, registry):
    return Gate(scratch, notary_server, f"{registry.host}/verifier/web")


class Containerd:
    """One host. It has no home: services of systemd have none."""

    def __init__(self, programs, sanitizer, scratch, server):
        self.directory = scratch.directory("containerd")
        self.verifier = self.directory / "countersign-verifier"
        self.verifier.symlink_to(programs.client)
        self.sanitizer, self.server = sanitizer, server
        self.environment = sanitizer.environment()
        self.environment.pop("HOME", None)

    def configure(self, text, name="verify.json"):
        path = self.directory / name
        path.write_text(text)
        self.environment["COUNTERSIGN_PINNING"] = str(path)

    def pin(self, pins, mode="enforced", verifier=None, **more):
        told = {"trust-dir": str(self.directory / "cache"), "server": self.server.url,
                "tlscacert": str(self.server.tls.certificate), **(verifier or {})}
        self.configure(own_file(pins, mode=mode, verifier=told, **more))

    def run(self, *args, text=""):
        done = subprocess.run([self.verifier, *args], input=text, env=self.environment, text=True,
                              capture_output=True, timeout=60, cwd="/")
        self.sanitizer.check(done.stderr)
        return done

    def pull(self, name, sha256, size=7, **descriptor):
        """Whether the image may come in, and the reason."""
        text = json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "digest": f"sha256:{sha256}", "size": size, **descriptor})
        done = self.run("-name", name, "-digest", f"sha256:{sha256}", "-stdin-media-type", TYPE,
                        text=text)
        assert done.returncode in (0, 1) and 0 < len(done.stdout) < 32768, done.stderr
        return done.returncode == 0, done.stdout


@pytest.fixture
def containerd(programs, sanitizer, scratch, notary_server):
    return Containerd(programs, sanitizer, scratch, notary_server)


@pytest.fixture
def pinned(containerd, gate, new_client):
    gate.key, _ = ids(new_client(), gate.gun)
    containerd.pin({"root-keys": {gate.gun: [gate.key]}})
    return containerd


def test_lets_in_what_is_signed_and_nothing_else(pinned, gate):
    for name, sha256, size, want, says in (
            (f"{gate.gun}:v1", digest("v1"), 7, True, "is signed: targets/releases holds it"),
            (f"{gate.gun}:v1@sha256:{digest('v1')}", digest("v1"), 7, True, "is signed"),
            (f"{gate.gun}@sha256:{digest('v2')}", digest("v2"), 7, True, "is signed"),
            (f"{gate.gun}:v1", digest("v2"), 7, False, "signed with another digest"),
            (f"{gate.gun}:v1", digest("v1"), 8, False, "has it with 7 bytes, not 8"),
            (f"{gate.gun}:v4", digest("v4"), 7, False, "signed by others only"),
            (f"{gate.gun}:v9", digest("v9"), 7, False, "not signed"),
            (f"{gate.gun}:v1@sha256:{digest('v2')}", digest("v1"), 7, False, "of another digest"),
            (f"{gate.gun}s:v1", digest("v1"), 7, False, "pins no root of it"),
            (f"{gate.gun.upper()}:v1", digest("v1"), 7, False, "must be lowercase")):
        allowed, reason = pinned.pull(name, sha256, size)
        assert allowed == want and says in reason, (name, reason)


def test_wants_what_the_file_requires(pinned, gate):
    pins = {"root-keys": {gate.gun: [gate.key]}}
    for demand, want in (({"require": ["dev"]}, True), ({"require": ["dev", "qa"]}, False),
                         ({"require-any": [["ops", "dev"]]}, True),
                         ({"require-any": [["dev"], ["ops"]]}, False),
                         ({"require-cert": [str(gate.pem["dev"])]}, True),
                         ({"require-cert": [str(gate.pem["qa"])]}, False),
                         ({"require-cert": ["/nowhere.pem"]}, False)):
        pinned.pin(pins, require={f"{gate.gun.split('/')[0]}/*": demand})
        assert pinned.pull(f"{gate.gun}:v2", digest("v2"))[0] == want, demand
        assert pinned.pull(f"{gate.gun}:v1", digest("v1"))[0] == ("/nowhere.pem" not in str(demand))


def test_permissive_lets_all_in_and_says_why_it_would_not(containerd, gate):
    containerd.pin({"root-keys": {gate.gun: ["0" * 64]}}, mode="permissive")
    allowed, reason = containerd.pull(f"{gate.gun}:v1", digest("v1"))
    assert allowed and "'permissive': " in reason and "untrusted root" in reason
    containerd.pin({"root-keys": {gate.gun: ["0" * 64]}}, mode="disabled")
    allowed, reason = containerd.pull(f"{gate.gun}:v9", digest("v1"))
    assert allowed and "not verified: " in reason and "'disabled'" in reason


@pytest.mark.parametrize("text, says", [
    ("{", "byte 1"), ("{}", "content-trust: want"),
    (own_file({"root-keys": {"*": ["0" * 64]}}, mode="enforce"), "'enforce': want 'disabled'"),
    (own_file({}, mode="permissive"), "cannot be empty"),
])
def test_a_file_with_faults_lets_nothing_in(containerd, gate, text, says):
    containerd.configure(text)
    allowed, reason = containerd.pull(f"{gate.gun}:v1", digest("v1"))
    assert not allowed and says in reason


def test_no_file_lets_nothing_in(containerd, gate):
    containerd.configure('{"debug": true}', "daemon.json")
    allowed, reason = containerd.pull(f"{gate.gun}:v1", digest("v1"))
    assert not allowed and "no root is trusted" in reason and "countersign root-id" in reason


def test_what_containerd_would_never_say_lets_nothing_in(pinned, gate):
    good = ("-name", f"{gate.gun}:v1", "-digest", f"sha256:{digest('v1')}", "-stdin-media-type", TYPE)
    text = json.dumps({"mediaType": "x/y", "digest": f"sha256:{digest('v1')}", "size": 7})
    assert pinned.run(*good, text=text).returncode == 0
    double = [arg.replace("-", "--", 1) if arg in good[::2] else arg for arg in good]
    assert pinned.run(*double, text=text).returncode == 0
    joined = [f"{option}={value}" for option, value in zip(good[::2], good[1::2])]
    assert pinned.run(*joined, text=text).returncode == 0
    for args, said, says in (
            ((), text, "-name is missing"), (good[:4], text, "-stdin-media-type is missing"),
            (good[:-1], text, "want one value"), ((*good, "-x", "1"), text, "'-x': want"),
            ((*good, "-name", "x"), text, "want one value"), (("--help",), text, "'--help': want"),
            ((*good[:-1], "text/plain"), text, "want 'application/vnd.oci"),
            (good, "", "standard input"), (good, "[]", "standard input"),
            (good, text.replace("7", "-7"), "size"),
            (good, text.replace(digest("v1"), digest("v2")), "the descriptor has"),
            (good, text[:-1] + ',"x":"' + "x" * (1 << 20) + '"}', "standard input")):
        done = pinned.run(*args, text=said)
        assert done.returncode == 1 and says in done.stdout, (args, done.stdout)


def test_goes_on_with_old_data_only_where_the_file_allows_it(
        containerd, scratch, new_client, gun):
    server = containerd.server = StaticServer(scratch)
    server.publish(gun, Forge(gun).published())
    pins = {"root-keys": {gun: [ids(new_client(server=server), gun)[0]]}}
    image = f"{gun}:v1", digest("v1"), 2
    containerd.pin(pins)
    assert containerd.pull(*image)[0]
    server.stop()
    allowed, reason = containerd.pull(*image)
    assert not allowed and "trust data cannot be had" in reason
    containerd.pin(pins, allow_expired_cached_trust_data=True)
    assert containerd.pull(*image)[0]
    assert not containerd.pull(f"{gun}:v1", digest("v2"), 2)[0]


def test_a_server_that_does_not_answer_is_a_no_before_containerd_gives_up(containerd, gate):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        containerd.pin({"root-keys": {"*": ["0" * 64]}}, verifier={
            "server": f"https://127.0.0.1:{silent.getsockname()[1]}", "timeout-s": 1})
        began = time.monotonic()
        allowed, reason = containerd.pull(f"{gate.gun}:v1", digest("v1"))
        assert time.monotonic() - began < PER_VERIFIER_TIMEOUT_S
    assert not allowed and "not verified within 1 s" in reason


def test_is_quick_where_nothing_changed(pinned, gate, notary_server):
    assert pinned.pull(f"{gate.gun}:v1", digest("v1"))[0]
    assert list((pinned.directory / "cache").rglob("timestamp.json"))
    began = time.monotonic()
    assert pinned.pull(f"{gate.gun}:v1", digest("v1"))[0]
    assert time.monotonic() - began < PER_VERIFIER_TIMEOUT_S / 2
