# SPDX-License-Identifier: Apache-2.0
"""The file system of the ledger is full: nothing is signed, and nothing has to be started again."""
import os
import subprocess

import pytest

import rig_users
from rig_case import Case, signs
from rig_document import target, targets
from rig_varlink import VarlinkError

RESERVE_BYTES = 64 << 20  # LEDGER_RESERVE_BYTES


@pytest.fixture
def new_disk(new_agent, policy, gun, token):
    """Starts an agent whose ledger has a file system of its own, of that size."""
    mounted = []

    def make(size):
        if not rig_users.IS_ROOT:
            pytest.skip("needs root, to become other users")
        agent = new_agent(policy)
        options = f"size={size},mode=0700,uid={rig_users.AGENT.uid},gid={rig_users.AGENT.gid}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", agent.state],
                              capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("needs the right to mount")
        mounted.append(agent)
        return Case(agent.start(), gun, token)

    yield make
    for agent in mounted:
        agent.stop()
        subprocess.run(["umount", agent.state], check=True)


def fill(case):
    """Take what is left; the file."""
    filler = case.agent.state / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
    return filler


def sign_while_there_is_room(case, version):
    """The first version that cannot be recorded: the ledger's log may have room for some."""
    for version in range(version, version + 100):
        try:
            signs(case.sign(targets(version=version)), "qa")
        except VarlinkError as error:
            assert error.name == "StorageFailed"
            return version
    raise AssertionError("a full disk has room for a hundred records")


def test_nothing_is_signed_that_cannot_be_recorded(new_disk, new_client):
    case = new_disk("16m")
    signs(case.sign(targets(version=1)), "qa")
    filler = fill(case)
    version = sign_while_there_is_room(case, 2)
    for _ in range(3):
        remedy = case.fails("StorageFailed", targets(version=version))["remedy"]
        assert f"'{case.agent.state}/ledger.db' is full: make room there" in remedy
    case.denied("key-outside-scope", role="targets/developer")
    assert case.agent.call("Status")
    client = new_client(case.agent)
    said = client.refused(5, "init", case.gun)
    assert f"init '{case.gun}'" in said and "the agent cannot write its ledger: " in said
    assert f"'{case.agent.state}/ledger.db' is full: make room there" in said
    assert case.agent.process.text().count("nothing is signed: the file system of '") == 1

    filler.unlink()
    # What was not released has left no mark.
    signs(case.sign(targets(version=version, names={"v1": target()})), "qa")
    case.agent.stop()
    assert case.agent.ledger.verify() == version + 1
    *released, refusals = case.agent.ledger.records()
    assert [record["outcome"] for record in released] == ["released"] * version
    assert (refusals["kind"], refusals["refused"]) == ("refusals", 1)


def test_an_agent_starts_on_a_full_disk_and_signs_when_there_is_room(new_disk):
    case = new_disk("16m")
    signs(case.sign(targets(version=1)), "qa")
    case.agent.stop()
    filler = fill(case)
    case.agent.start()
    case.fails("StorageFailed", targets(version=2))
    filler.unlink()
    signs(case.sign(targets(version=2)), "qa")


def test_the_last_room_is_kept_for_what_is_signed(new_disk, stranger):
    """Refusals cannot fill the disk: below the reserve they are counted, and not recorded."""
    case = new_disk(RESERVE_BYTES + (8 << 20))
    assert int(case.denied("not-granted", user=stranger)["id"]) == 1
    filler = case.agent.state / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 16 << 20)
    assert "id" not in case.denied("not-granted", user=stranger)
    signs(case.sign(), "qa")
    filler.unlink()
    assert int(case.denied("not-granted", user=stranger)["id"]) == 3
