# SPDX-License-Identifier: Apache-2.0
"""docker trust as scripts know it: the same commands by Debian's docker, and by ours where docker has
none. After each one both repositories hold the same, for docker as reader and for ours.

Where ours differs, tests/docker_differences says why; what is there and does not differ is a fault.
"""
import itertools
from pathlib import Path

import pytest

from rig_agent import Agent
from rig_client import Client
from rig_docker import Docker
from rig_docker_trust import Ours, Theirs, views, without_ids
from rig_image import Image
from rig_policy import Policy

TABLE = Path(__file__).parent / "docker_differences"
DIFFERENCES = dict(line.split(": ", 1) for line in TABLE.read_text(encoding="utf-8").splitlines()
                   if line and not line.startswith("#"))
SEEN = set()
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
        return [without_ids(views(one.gun, self._docker, self._reader), self.digests)
                for one in self.both()]

    def do(self, name, *args, reads=True, **more):
        """The same command by both. KEY-name becomes the path of that signer's key, REPO the
        repository. What they end with and what they say on standard output is the same, and so is
        what everybody sees afterwards; or else the table says why not."""
        theirs, ours = (one.trust(*[self._argument(one, arg) for arg in args], **more)
                        for one in self.both())
        faults = []
        if (theirs.status == 0) != (ours.status == 0):
            faults.append(f"status {theirs.status}, {ours.status}")
        if theirs.told != ours.told:
            faults.append(f"standard output {theirs.told!r}, {ours.told!r}")
        if reads:
            before, after = self.views()
            if before != after:
                faults.append(f"holds {before}, {after}")
        assert name not in SEEN, name
        SEEN.add(name)
        if name in DIFFERENCES:
            assert faults, f"'{name}' does not differ any more"
        else:
            assert not faults, f"'{name}': {faults}\n{theirs}\n{ours}"
        return theirs, ours

    @staticmethod
    def _argument(one, arg):
        if arg.startswith("KEY-"):
            return one.key(arg.removeprefix("KEY-"))
        return arg.replace("REPO", one.gun)


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
    theirs = Theirs(scratch.directory("docker"), notary_server, "")
    docker = Docker(scratch.directory("docker"), notary_server)

    def push(references, text):
        image = Image(scratch.directory("image"), text)
        for reference in references:
            registry.push(image, reference)
        return image

    def make():
        number = next(NUMBERS)
        theirs.gun = f"{registry.host}/docker/{number}"
        return Pair(theirs, Ours(client, token, f"{registry.host}/ours/{number}"), docker, reader,
                    push)

    yield make
    agent.stop()


@pytest.fixture
def pair(people):
    return people()


def test_signers_are_added(pair):
    pair.do("the first signer makes the repository", "signer", "add", "--key", "KEY-qa", "qa", "REPO")
    pair.do("another signer", "signer", "add", "--key", "KEY-devops", "devops", "REPO")
    pair.do("a signer again", "signer", "add", "devops", "REPO", "--key=KEY-devops", reads=False)
