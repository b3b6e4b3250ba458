# SPDX-License-Identifier: Apache-2.0
"""A token in a unit of its own: another user has the module, the PIN and the keys."""
import os
import signal
import socket

import pytest

import rig_users
from rig_case import Case, signs
from rig_document import targets
from rig_token import PIN
from rig_unit import Unit
from rig_varlink import INTERFACE


@pytest.fixture
def unit(programs, sanitizer, scratch, token):
    unit = Unit(programs, sanitizer, scratch.directory("unit"), token, rig_users.user(61020))
    yield unit
    unit.stop()


@pytest.fixture
def case(unit, policy, new_agent, gun, token):
    """An agent whose only token is that of the unit, which has two workers."""
    policy["tokens"]["hsm"] = {**unit.entry(), "workers": 2}
    case = Case(new_agent(policy), gun, token)
    unit.start()
    case.agent.start()
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 2)
    return case


def state(agent):
    (token,) = agent.call("Status")["tokens"]
    return token


def users_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        (line,) = [line for line in file if line.startswith("Uid:")]
    return {int(uid) for uid in line.split()[1:]}


def test_another_user_has_the_keys(case, unit):
    signs(case.sign(targets(version=1)), "qa")
    assert not case.agent.workers()
    assert len(unit.workers()) == 2
    for pid in unit.workers():
        assert users_of(pid) == {unit.user.uid}
    for path in (unit.token.directory, unit.credentials):
        with pytest.raises(PermissionError), rig_users.AGENT.acting():
            list(path.iterdir())
    for pid in (case.agent.process.pid, unit.process.pid, *unit.workers()):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                assert PIN.encode() not in file.read().split(b"\0")


def test_a_worker_that_crashes_costs_itself(case, unit):
    for version in (1, 2, 3):
        os.kill(unit.workers()[0], signal.SIGKILL)
        signs(case.sign(targets(version=version)), "qa")
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 2)
    assert len(unit.workers()) == 2


def test_what_a_killed_worker_had_is_asked_of_another_one(case, unit):
    workers = unit.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    with case.agent.connect() as connection:
        connection.send_message({"method": f"{INTERFACE}.Sign",
                                 "parameters": {"documents": [case.request(targets())]}})
        assert case.agent.call("Status")
        os.kill(workers[0], signal.SIGKILL)
        os.kill(workers[1], signal.SIGCONT)
        signs(connection.receive()["parameters"]["documents"][0], "qa")


def test_a_unit_that_ends_is_named_and_taken_back(case, unit):
    unit.stop()
    parameters = case.fails("TokenUnavailable", targets())
    assert parameters["token"] == "hsm", parameters
    case.agent.process.wait_until(
        lambda: "enable --now countersign-token@hsm.socket" in state(case.agent)["detail"])
    unit.start()
    case.agent.process.wait_until(case.agent.has_keys)
    signs(case.sign(targets()), "qa")


def test_workers_end_with_their_agent(case, unit):
    case.agent.kill()
    unit.process.wait_until(lambda: not unit.workers())
    case.agent.start()
    signs(case.sign(targets()), "qa")
    case.agent.stop()
    unit.process.wait_until(lambda: not unit.workers())


def test_the_socket_is_for_the_agent_alone(case, unit):
    workers = unit.workers()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        with rig_users.user(61021).acting(), pytest.raises(PermissionError):
            stranger.connect(str(unit.socket))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as root:
        root.connect(str(unit.socket))
        root.settimeout(30)
        assert root.recv(1) == b""
    assert unit.workers() == workers


def test_a_pin_that_is_typed_goes_to_the_unit(unit, policy, new_agent, new_client, gun, token):
    """Past the agent, and from one worker to the next."""
    policy["tokens"]["hsm"] = {**unit.entry(), "workers": 2, "pin": "prompt"}
    case = Case(new_agent(policy), gun, token)
    unit.start()
    case.agent.start()
    client = new_client(case.agent, server=None)
    file = client.write("pin", PIN + "\n", 0o400)
    client.run("unlock", "hsm", "--pin-file", file)
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 2)
    case.agent.process.wait_until(case.agent.has_keys)
    signs(case.sign(targets(version=1)), "qa")
    os.kill(unit.workers()[0], signal.SIGKILL)
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 2)
    client.run("lock")
    assert state(case.agent)["state"] == "locked"
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 0)
    client.run("unlock", "hsm", "--pin-file", file)
    case.agent.process.wait_until(case.agent.has_keys)
    signs(case.sign(targets(version=2)), "qa")
