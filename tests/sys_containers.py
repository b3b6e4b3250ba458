# SPDX-License-Identifier: Apache-2.0
"""Containers: namespaces of users, processes and mounts, seen from the agent that is outside of them."""
import os
import subprocess

import pytest

import rig_users
from rig_caller import ask, became, need_namespaces, reason
from rig_scratch import write

# What container engines make, with root inside that is root outside.
ROOTFUL = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--ipc", "--uts"]
# Root inside, and the user who made it outside.
ROOTLESS = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"]
# Everybody inside is the overflow uid to those inside.
UNMAPPED = ["unshare", "--user"]


@pytest.fixture
def user():
    return rig_users.user(61070)


@pytest.fixture
def door(scratch, policy):
    """The only thing of the agent that is mounted into a container."""
    rig_users.need_root_to_look()
    directory = scratch.directory("door")
    directory.chmod(0o755)
    os.chown(directory, rig_users.AGENT.uid, rig_users.AGENT.gid)
    path = directory / "agent.sock"
    policy["sockets"] = {"ci": {"path": str(path), "mode": "0600"}}
    policy["grants"]["ci"] = {"sockets": ["ci"], "keys": ["qa"]}
    return path


@pytest.fixture
def case(new_case, door, policy, user):
    """Root and the group of root are named by the policy, too, and it does not help them."""
    policy["grants"]["by-group"] = {"groups": [0], "keys": ["developer"]}
    policy["grants"]["by-user"] = {"users": [user.uid], "keys": ["devops"]}
    return new_case()


def sign(case, path, key, *prefix):
    """The names of the keys that signed; or why none did."""
    (number,) = [listed["key"] for listed in case.agent.call("ListKeys")["keys"]
                 if listed["name"] == key]
    request = case.request(role=f"targets/{key}", key=number)
    reply = ask(path, "Sign", *prefix, documents=[request])
    if reply is None or "error" in reply:
        return reply and reason(reply)
    return {signature["name"] for signature in reply["parameters"]["documents"][0]["signatures"]}


def test_root_of_a_container_is_nobody_at_the_main_socket(case):
    need_namespaces(*ROOTFUL[1:])
    for key in ("qa", "developer", "devops"):
        assert sign(case, case.agent.socket, key, *ROOTFUL) == "not-granted"
    assert reason(ask(case.agent.socket, "Reload", *ROOTFUL)) == "not-granted"


def test_root_of_a_container_has_what_its_door_has(case, door):
    """Whose mode keeps out all but root and the agent."""
    need_namespaces(*ROOTFUL[1:])
    assert sign(case, door, "qa", *ROOTFUL) == {"qa"}
    assert sign(case, door, "developer", *ROOTFUL) == "not-granted"
    assert reason(ask(door, "Reload", *ROOTFUL)) == "not-admin"


def test_a_container_reaches_what_is_mounted_into_it(case, door, scratch):
    need_namespaces(*ROOTFUL[1:])
    empty = scratch.directory("empty")
    hidden = [*ROOTFUL, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', empty,
              case.agent.socket.parent]
    assert sign(case, case.agent.socket, "qa", *hidden) is None
    assert sign(case, door, "qa", *hidden) == {"qa"}


def test_root_of_a_rootless_container_is_the_user_who_made_it(case, door, user):
    prefix = [*became(user), *ROOTLESS]
    need_namespaces("--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc")
    assert sign(case, case.agent.socket, "devops", *prefix) == {"devops"}
    assert sign(case, case.agent.socket, "developer", *prefix) == "not-granted"
    assert sign(case, door, "qa", *prefix) is None  # the door is not its


def test_whom_a_container_cannot_name_the_agent_can(case, user):
    """To itself it is the overflow uid; the agent sees who it is."""
    need_namespaces("--user")
    assert sign(case, case.agent.socket, "devops", *became(user), *UNMAPPED) == {"devops"}
    other = rig_users.user(61071)
    assert sign(case, case.agent.socket, "devops", *became(other), *UNMAPPED) == "not-granted"


def test_the_overflow_uid_is_nobody(case):
    overflow = rig_users.user(65534)
    for key in ("qa", "developer", "devops"):
        assert sign(case, case.agent.socket, key, *became(overflow)) == "not-granted"


@pytest.mark.parametrize("namespace", [["--user"], ["--user", "--map-root-user"],
                                       ["--user", "--map-current-user"]])
def test_an_agent_in_a_user_namespace_refuses_to_start(case, scratch, namespace):
    need_namespaces(*namespace)
    directory = scratch.directory("inside")
    policy = write(directory / "policy.yaml", case.agent.policy_file.read_text())
    done = subprocess.run(
        ["unshare", *namespace, case.agent.programs.agent, "--policy", policy, "--socket",
         directory / "agent.sock", "--state", directory],
        env=case.agent.sanitizer.environment(), capture_output=True, text=True, timeout=60,
        check=False, cwd="/")
    assert done.returncode == 1, done.stderr
    assert "in a user namespace the IDs of peers mean nothing" in done.stderr
    assert not (directory / "agent.sock").exists()
