# SPDX-License-Identifier: Apache-2.0
"""Who was told that others must agree first says the same command again when they have: it is the
very bytes that they agreed to, or else a new request."""
import os
import select
import subprocess

import pytest

from rig_users import user

DIGEST = "ab" * 32


@pytest.fixture
def approver(new_client, policy, agent):
    """Everything that the releaser is granted wants one vote, of somebody without any other right."""
    one = user(61021)
    policy["grants"]["releaser"]["approvals"] = {"count": 1, "users": [one.uid]}
    agent.set_policy(policy)
    agent.hang_up()
    return new_client(agent, one)


@pytest.fixture
def repository(client, gun, approver):
    """Made with everybody's agreement: with a role for qa."""
    for args in (("init", gun), ("delegation", "add", gun, "targets/qa", "agent:qa")):
        client.refused(3, *args)
        agree(approver)
        client.run(*args)
    return gun


def waiting(client):
    return client.json("pending", "--json")["requests"]


def agree(client):
    for one in waiting(client):
        client.run("approve", one["id"], "--digest", one["digest"][:8])


def addhash(gun, tag="v1", digest=DIGEST):
    return ("addhash", gun, tag, "7", "--sha256", digest, "--role", "targets/qa")


def test_the_same_command_goes_on(client, approver, repository, upload, readers):
    image = upload(f"{repository}:v2")
    for args, tags in (
            (("delegation", "add", repository, "targets/developer", "agent:developer"), set()),
            (("signer", "add", "devops", repository, "--key", "agent:devops"), set()),
            (addhash(repository), {"v1"}),
            (("sign", f"{repository}:v2", "--role", "targets/qa"), {"v1", "v2"}),
            (("remove", repository, "v1", "--role", "targets/qa"), {"v2"})):
        client.refused(3, *args)
        (before,) = waiting(client)
        client.refused(3, *args)  # not agreed to yet: it is the same one
        assert waiting(client) == [before]
        agree(approver)
        client.run(*args)
        assert not waiting(client)
        assert {tag for tag, _ in readers.read(repository, "targets/qa")} == tags
    assert readers.read(repository, "targets/qa") == {("v2", "targets/qa"): (image.hex, image.size)}


def test_another_wish_is_another_request(client, approver, repository, readers):
    client.refused(3, *addhash(repository))
    agree(approver)
    client.refused(3, *addhash(repository, digest="cd" * 32))
    client.refused(3, *addhash(repository, tag="v2"))
    assert len(waiting(approver)) == 3
    client.run(*addhash(repository))
    assert readers.read(repository, "targets/qa") == {("v1", "targets/qa"): (DIGEST, 7)}
    # The version of the others is taken, so they are void.
    assert not waiting(approver)
    client.refused(3, *addhash(repository, tag="v2"))
    assert len(waiting(approver)) == 1


def test_agrees_at_a_terminal(client, approver, repository):
    client.refused(3, *addhash(repository))
    (one,) = waiting(approver)
    assert "--digest" in approver.refused(1, "approve", one["id"])
    for typed, status in (("00000000", 3), ("yes", 1), ("", 1)):
        assert type_at(approver, typed, "approve", one["id"])[1] == status
    assert waiting(approver) == [one]
    said, status = type_at(approver, one["digest"][:8], "approve", one["id"].upper())
    assert status == 0, said
    for part in (f"targets/qa of {repository}, version 1", "+ tag v1", "uid 61001", "Digest:"):
        assert part in said
    client.run(*addhash(repository))


def type_at(client, typed, *args):
    """Run it at a terminal and type a line when it asks; what it said, and its exit status."""
    ours, theirs = os.openpty()
    os.chown(os.ttyname(theirs), client.user.uid, -1)
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        process = subprocess.Popen(
            [client.programs.client, *args], cwd=client.home, env=client.environment, stdin=theirs,
            stdout=theirs, stderr=theirs, **client.user.popen())
        os.close(theirs)
        said = b""
        while not said.endswith(b"of the digest: "):
            assert select.select([screen], [], [], 60)[0], said
            said += screen.read(1)
        screen.write(typed.encode() + b"\n")
        status = process.wait(60)
        while select.select([screen], [], [], 0)[0]:
            try:
                said += screen.read(4096)
            except OSError:  # all of it was read
                break
    return said.decode(), status
