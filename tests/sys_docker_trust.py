# SPDX-License-Identifier: Apache-2.0
"""docker trust as scripts know it: the same commands by Debian's docker, and by ours where docker has
none. After each one both repositories hold the same, for docker as reader and for ours.

Where ours differs, tests/docker_differences says why; what is there and does not differ is a fault.
"""
import base64
import io
import itertools
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from rig_agent import Agent
from rig_client import Client
from rig_docker import Docker
from rig_docker_trust import PASSPHRASE, Ours, Theirs, view, without_ids
from rig_image import Image
from rig_policy import Policy
from rig_publisher import new_private_key, private_pem
from rig_scratch import write

TABLE = Path(__file__).parent / "docker_differences"
DIFFERENCES = dict(line.split(": ", 1) for line in TABLE.read_text(encoding="utf-8").splitlines()
                   if line and not line.startswith("#"))
SEEN = set()
LAYER = re.compile("^[0-9a-f]{12}: .*\n", re.MULTILINE)  # what an engine tells while it pushes
NUMBERS = itertools.count(1)


class Pair:
    """Both of them, and everybody who reads what they publish."""

    def __init__(self, theirs, ours, docker, reader, push):
        self.theirs, self.ours, self._docker, self._reader = theirs, ours, docker, reader
        self._push, self.digests = push, set()

    def both(self):
        return self.theirs, self.ours

    def image(self, tag, text):
        """Both registries hold this image under the tag."""
        image = self._push([f"{one.gun}:{tag}" for one in self.both()], text)
        self.digests.add(image.hex)
        return image

    def publish(self, tag, image, *roles):
        """Both sign a tag as a push would have."""
        named = [arg for role in roles for arg in ("-r", role)]
        for one in self.both():
            one.publish("addhash", one.gun, tag, str(image.size), "--sha256", image.hex, *named)

    def views(self):
        return [without_ids(view(one.gun, self._docker, self._reader), self.digests)
                for one in self.both()]

    def do(self, name, *args, reads=True, **more):
        """The same command by both, with the words of Person. Whether it succeeds and what it says on
        standard output is the same, and so is what everybody sees afterwards; or else the table
        says why not."""
        theirs, ours = (one.trust(*args, **more) for one in self.both())
        faults = []
        if (theirs.returncode == 0) != (ours.returncode == 0):
            faults.append(f"status {theirs.returncode} and {ours.returncode}")
        was, is_ = (without_ids(LAYER.sub("", one.told(done)), self.digests)
                    for one, done in zip(self.both(), (theirs, ours)))
        if was != is_:
            faults.append(f"standard output:\n{was}and\n{is_}")
        was, is_ = self.views() if reads else (None, None)
        if was != is_:
            faults.append(f"docker's holds\n{was}ours holds\n{is_}")
        assert name not in SEEN, name
        SEEN.add(name)
        if name in DIFFERENCES:
            assert faults, f"'{name}' does not differ any more"
        else:
            assert not faults, "\n".join(
                [f"'{name}' differs:", *faults, theirs.stderr, ours.stderr])
        return theirs, ours


@pytest.fixture(scope="module")
def people(programs, sanitizer, scratch, notary_server, registry, made_token):
    """One agent, and one user of each; for every pair of repositories."""
    token = made_token.copy(scratch.directory("token"))
    agent = Agent(programs, sanitizer, scratch.directory("agent"),
                  Policy(token, registry.host, sanitizer)).start()
    client = Client(programs, sanitizer, scratch.directory("home"), None, agent=agent,
                    notary_server=notary_server)
    reader = Client(programs, sanitizer, scratch.directory("home"), None,
                    notary_server=notary_server)
    theirs, ours = Theirs(scratch.directory("docker"), notary_server), Ours(client, token)
    docker = Docker(scratch.directory("docker"), notary_server)

    def push(references, text):
        image = Image(scratch.directory("image"), text)
        for reference in references:
            registry.push(image, reference)
        return image

    def make():
        number = next(NUMBERS)
        theirs.gun, ours.gun = (f"{registry.host}/{kind}/{number}" for kind in ("docker", "ours"))
        return Pair(theirs, ours, docker, reader, push)

    yield make
    agent.stop()


@pytest.fixture
def pair(people):
    return people()


def test_signers_and_what_they_sign(pair):
    pair.do("the first signer makes the repository",
            "signer", "add", "--key", "KEY-qa", "qa", "REPO")
    pair.do("another signer", "signer", "add", "devops", "REPO", "--key=KEY-devops")
    pair.do("a signer again", "signer", "add", "--key", "KEY-qa", "qa", "REPO", reads=False)
    pair.do("inspect without tags", "inspect", "REPO")

    first = pair.image("1.0", "first")
    pair.publish("1.0", first, "targets/qa", "targets/releases")
    pair.do("sign as one more signer", "sign", "REPO:1.0")
    pair.do("sign once more", "sign", "REPO:1.0")
    pair.publish("old", first, "targets")
    for name, *args in (
            ("inspect a tag", "REPO:1.0"), ("inspect all", "REPO"),
            ("inspect by digest", "REPO@sha256:" + first.hex),
            ("inspect for people", "--pretty", "REPO"), ("inspect two", "REPO:1.0", "REPO:old"),
            ("inspect two for people", "REPO:1.0", "REPO:old", "--pretty=true"),
            ("inspect a repository that is not there", "REPO", "REPO/none"),
            ("inspect an unsigned tag", "REPO:none")):
        pair.do(name, "inspect", *args, reads=False)


def test_what_is_wrong_with_a_command(pair):
    for name, *args in (
            ("sign without a tag", "sign", "REPO"),
            ("sign by a digest", "sign", "REPO@sha256:" + 64 * "0"),
            ("sign by a tag and a digest", "sign", "REPO:1.0@sha256:" + 64 * "0"),
            ("sign in upper case", "sign", "REPO/Upper:1.0"),
            ("sign nothing", "sign"),
            ("sign two", "sign", "REPO:1.0", "REPO:2.0"),
            ("a signer without a key", "signer", "add", "qa", "REPO"),
            ("a signer of no name", "signer", "add", "--key", "KEY-qa", "Qa", "REPO"),
            ("a signer of releases", "signer", "add", "--key", "KEY-qa", "releases", "REPO"),
            ("a signer of no key", "signer", "add", "--key", "absent.pem", "qa", "REPO"),
            ("a signer of what is no key", "signer", "add", "--key", "/etc/passwd", "qa", "REPO"),
            ("a signer of nothing", "signer", "add", "--key", "KEY-qa", "qa"),
            ("no such command", "untrust", "REPO"),
            ("inspect nothing", "inspect"),
            ("inspect what has no form", "inspect", "REPO/Upper")):
        theirs, ours = pair.do(name, *args, reads=False)
        assert theirs.returncode and ours.returncode and ours.stderr


def test_signers_of_several_repositories(pair):
    pair.do("a signer of several repositories, one of which cannot be",
            "signer", "add", "--key", "KEY-qa", "qa", "REPO", "REPO/Upper", "REPO/2", reads=False)
    pair.do("inspect the last of several", "inspect", "REPO/2")
    theirs, ours = pair.do("a signer of a tag", "signer", "add", "--key", "KEY-devops", "devops",
                           "REPO:1.0")
    assert f"to {pair.theirs.gun}:1.0" in theirs.stdout and f"to {pair.ours.gun}\n" in ours.stdout


def test_what_the_registry_holds(pair):
    """Docker looks at its engine and at what was signed before, and never at the registry."""
    pair.do("a signer for the registry", "signer", "add", "--key", "KEY-qa", "qa", "REPO")
    image = pair.image("1.0", "what buildx has pushed")
    theirs, ours = pair.do("sign what only the registry holds", "sign", "REPO:1.0")
    assert "Cannot connect to the Docker daemon" in theirs.stderr
    assert f"Successfully signed {pair.ours.gun}:1.0" in ours.stdout
    pair.theirs.publish("addhash", pair.theirs.gun, "1.0", str(image.size), "--sha256", image.hex,
                        "-r", "targets/qa", "-r", "targets/releases")
    pair.do("inspect what was signed in the registry", "inspect", "REPO")

    moved = pair.image("1.0", "what somebody has pushed since")
    theirs, ours = pair.do("sign a tag that has moved", "sign", "REPO:1.0")
    was, is_ = pair.views()
    assert image.hex in was and moved.hex not in was and moved.hex in is_ and image.hex not in is_
    assert f"was signed as sha256:{image.hex}; the registry holds sha256:{moved.hex} now" in ours.stderr
    assert moved.hex not in theirs.stdout + theirs.stderr


def test_revocations(pair):
    pair.do("a signer to revoke", "signer", "add", "--key", "KEY-qa", "qa", "REPO")
    image = pair.image("1.0", "one")
    for tag in ("1.0", "2.0", "3.0"):
        pair.publish(tag, image, "targets/qa", "targets/releases")
    pair.publish("old", image, "targets")
    pair.publish("old", image, "targets/releases")
    pair.do("revoke a tag", "revoke", "REPO:1.0")
    for name, *args in (
            ("revoke it again", "REPO:1.0"), ("revoke it again without a question", "-y", "REPO:1.0"),
            ("revoke where nothing is", "REPO/none:1.0"),
            ("revoke a digest", "REPO@sha256:" + image.hex), ("revoke nothing",)):
        theirs, ours = pair.do(name, "revoke", *args, reads=False)
        assert theirs.returncode and ours.returncode and ours.stderr
    theirs, ours = pair.do("revoke all without a terminal", "revoke", "REPO")
    assert "Aborting action" in theirs.stdout and "--yes" in ours.stderr
    theirs, ours = pair.do("revoke all and say no", "revoke", "REPO", answer="n\n")
    assert "Aborting action" in theirs.stdout and ours.returncode == 130
    _, ours = pair.do("revoke what the repository itself signed, too", "revoke", "REPO:old")
    was, is_ = pair.views()
    assert "Repo Admin" in was and "old" not in is_
    pair.theirs.publish("remove", pair.theirs.gun, "old")
    pair.do("revoke all, and say yes", "revoke", "REPO", answer="y\n")
    pair.publish("4.0", image, "targets/qa", "targets/releases")
    pair.do("revoke all", "revoke", "--yes=true", "REPO")
    pair.do("revoke all of nothing", "revoke", "-y", "REPO", reads=False)


def two_signers(pair):
    """Steps of which each test that has them needs other names: they are no news."""
    for name in ("qa", "devops"):
        for one in pair.both():
            assert one.trust("signer", "add", "--key", f"KEY-{name}", name, "REPO").returncode == 0


def test_a_signer_of_two_leaves(pair):
    two_signers(pair)
    pair.publish("1.0", pair.image("1.0", "one"), "targets/qa", "targets/devops", "targets/releases")
    pair.do("remove nobody", "signer", "remove", "nobody", "REPO")
    pair.do("remove releases", "signer", "remove", "releases", "REPO", reads=False)
    pair.do("remove a signer of two", "signer", "remove", "qa", "REPO")
    _, ours = pair.do("remove the last signer", "signer", "remove", "-f", "devops", "REPO")
    assert ours.returncode == 2 and "say --keep none if that is meant" in ours.stderr
    assert pair.ours.trust("signer", "remove", "devops", "REPO", "--keep=none").returncode == 0
    was, is_ = pair.views()
    assert was == is_ and '"SignedTags": []' in is_


def test_a_signer_leaves_of_his_own_tags(pair):
    """Docker leaves a file behind that only he has signed, and nobody can repair it."""
    assert not [one for one in pair.both()
                if one.trust("signer", "add", "--key", "KEY-qa", "qa", "REPO").returncode]
    image = pair.image("1.0", "one")
    for tag in ("1.0", "2.0"):
        pair.publish(tag, image, "targets/qa", "targets/releases")
    assert not [one for one in pair.both() if one.trust(
        "signer", "add", "--key", "KEY-devops", "devops", "REPO").returncode]
    theirs, ours = pair.do("remove who signed a tag alone", "signer", "remove", "qa", "REPO")
    assert "Aborting action" in theirs.stdout and ours.returncode == 2
    _, ours = pair.do("remove who signed a tag alone, by force", "signer", "remove", "-f", "qa", "REPO")
    assert ours.returncode == 2 and "2 tags of targets/releases are signed by 'qa' only" in ours.stderr
    was, is_ = pair.views()
    assert '"SignedTags": []' in was and '"2.0"' in is_
    ours = pair.ours.trust("signer", "remove", "qa", "REPO", "--keep", "1.0")
    assert ours.returncode == 0, ours.stderr
    _, is_ = pair.views()
    assert '"1.0"' in is_ and '"2.0"' not in is_ and '"qa"' not in is_

    theirs, ours = pair.do("sign after a signer has left", "sign", "REPO:1.0")
    assert theirs.returncode and ours.returncode == 0
    _, is_ = pair.views()
    assert '"devops"' in is_ and image.hex in is_


def test_what_failed_is_not_published_later(pair):
    pair.do("a signer of what follows", "signer", "add", "--key", "KEY-qa", "qa", "REPO")
    pair.do("a signer in vain", "signer", "add", "--key", "KEY-devops", "devops", "REPO",
            COUNTERSIGN_SOCKET="/nowhere", DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE="wrong")
    pair.do("a signer after that", "signer", "add", "--key", "KEY-developer", "developer", "REPO")
    was, is_ = pair.views()
    assert '"devops"' in was and '"devops"' not in is_


def test_keys(pair):
    pair.do("generate a key", "key", "generate", "fresh", "--dir", "WORK", reads=False)
    pair.do("generate a key again", "key", "generate", "fresh", "--dir", "WORK", reads=False)
    pair.do("generate a key of no name", "key", "generate", "Fresh", "--dir", "WORK", reads=False)
    pair.do("generate a key nowhere", "key", "generate", "x", "--dir", "WORK/none", reads=False)
    theirs, ours = ((one.work / "fresh.pub").read_text().splitlines() for one in pair.both())
    assert ours[0:3] + ours[-1:] == theirs[0:3] + theirs[-1:] and len(ours) == len(theirs)
    pair.do("a signer by a generated key", "signer", "add", "--key", "WORK/fresh.pub", "fresh", "REPO")

    for one in pair.both():
        write(one.work / "mine.pem", private_pem(new_private_key()), pair.ours.client.user.uid, 0o644)
    pair.do("load a key that others can read", "key", "load", "WORK/mine.pem", reads=False)
    for one in pair.both():
        (one.work / "mine.pem").chmod(0o600)
    pair.do("load a key", "key", "load", "--name", "mine", "WORK/mine.pem", reads=False)
    pair.do("load a key of no name", "key", "load", "--name=Mine", "WORK/mine.pem", reads=False)
    pair.do("load a public key", "key", "load", "WORK/fresh.pub", reads=False)
    pair.do("load nothing", "key", "load", "WORK/none.pem", reads=False)
    (signer_key,) = (path for path in (pair.theirs.work / "docker/trust/private").iterdir()
                     if "role: fresh" in path.read_text())
    for one in pair.both():
        write(one.work / "fresh.key", signer_key.read_text(), pair.ours.client.user.uid, 0o600)
        write(one.work / "passphrase", PASSPHRASE, pair.ours.client.user.uid, 0o600)
    done = pair.ours.trust("key", "load", "--name", "theirs", "WORK/fresh.key", "--passphrase",
                           "file:WORK/passphrase")
    assert done.returncode == 0, done.stderr

    for one in pair.both():
        subprocess.run(
            ["/usr/bin/openssl", "pkcs8", "-topk8", "-in", one.work / "mine.pem", "-out",
             one.work / "locked.pem", "-passout", f"pass:{PASSPHRASE}", "-v2prf", "hmacWithSHA1"],
            check=True)
        os.chown(one.work / "locked.pem", pair.ours.client.user.uid, -1)
    _, ours = pair.do("load a key by a passphrase of the environment",
                      "key", "load", "WORK/locked.pem", reads=False,
                      DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE=PASSPHRASE)
    assert "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE is ignored" in ours.stderr
    assert "--passphrase file:PATH" in ours.stderr


def build(engine, scratch, text, *names):
    """An image in the engine."""
    path = scratch.directory("layer") / "layer.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("hello")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    first, *others = names
    engine.run("import", str(path), first)
    for name in others:
        engine.run("tag", first, name)


@pytest.mark.xdist_group("engine")
def test_what_the_engine_holds(people, engine, notary_server, scratch):
    pair, where = people(), {"DOCKER_HOST": engine.host}
    os.chmod(engine.host.removeprefix("unix://"), 0o666)
    user = Docker(scratch.directory("docker"), notary_server, engine.host)
    login = {"auth": base64.b64encode(b"qa:secret").decode()}
    for one, home in zip(pair.both(), (pair.theirs.work / "docker", pair.ours.work / ".docker")):
        write(home / "config.json", json.dumps({"auths": {one.gun.split("/", maxsplit=1)[0]: login}}))
    repositories = [one.gun for one in pair.both()]

    pair.theirs.key("qa")
    build(user, scratch, "one", *(f"{gun}:1.0" for gun in repositories))
    pair.do("sign in a repository that is not there", "sign", "REPO:1.0", **where)
    build(user, scratch, "two", *(f"{gun}:1.0" for gun in repositories))
    pair.do("sign the local image", "sign", "--local", "REPO:1.0", **where)
    build(user, scratch, "three", *(f"{gun}:3.0" for gun in repositories))
    pair.do("sign a tag that nobody signed", "sign", "REPO:3.0", **where)
    pair.do("sign the local image that is not there", "sign", "--local", "REPO:none", **where)
    pair.do("sign what nobody has", "sign", "REPO:none", **where)


def test_every_difference_is_one_of_a_step_here():
    steps = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in DIFFERENCES if f'"{name}"' not in steps]
