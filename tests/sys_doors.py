# SPDX-License-Identifier: Apache-2.0
"""Doors: sockets of the policy, through which others may have what nobody has at the main one."""
import os
import signal
import stat
import subprocess
import threading

import pytest

import rig_users
from rig_caller import CgroupUnit, RealUnit, ask, became, reason
from rig_case import Case, signs
from rig_document import targets
from rig_process import Process
from rig_varlink import Varlink, VarlinkError


class Door:
    """A socket of the policy, in a directory of its own."""

    def __init__(self, directory, name, mode="0666"):
        self.name, self.mode = name, mode
        self.path = directory / name / "agent.sock"
        self.path.parent.mkdir()
        self.path.parent.chmod(0o755)
        os.chown(self.path.parent, rig_users.AGENT.uid, rig_users.AGENT.gid)

    def add_to(self, policy):
        policy.document.setdefault("sockets", {})[self.name] = {
            "path": str(self.path), "mode": self.mode}

    def connect(self, user):
        with user.acting():
            return Varlink(self.path)


@pytest.fixture
def ci(scratch, policy):
    """The door of the CI, where the key qa is granted to whoever comes through it."""
    directory = scratch.directory("doors")
    directory.chmod(0o755)
    door = Door(directory, "ci")
    door.add_to(policy)
    policy["grants"]["ci"] = {"sockets": ["ci"], "keys": ["qa"]}
    return door


@pytest.fixture
def case(new_case, ci):
    return new_case()


def sign_at(door, user, case, document=None, **more):
    with door.connect(user) as connection:
        (signed,) = connection.call("Sign", documents=[case.request(document, **more)])["documents"]
        return signed


def denied_at(door, user, case, why, **more):
    with pytest.raises(VarlinkError) as caught:
        sign_at(door, user, case, **more)
    assert caught.value.name == "Denied" and caught.value.parameters["reason"] == why, caught.value


def test_a_door_has_its_own_grants_and_no_others(case, ci, stranger):
    signs(sign_at(ci, stranger, case), "qa")
    case.denied("not-granted", user=stranger)
    denied_at(ci, rig_users.RELEASER, case, "not-granted", role="targets", key="targets")
    with ci.connect(rig_users.RELEASER) as connection:
        with pytest.raises(VarlinkError, match="not-admin"):
            connection.call("Reload")
    assert f"socket 'ci' is open: listening on {ci.path}" in case.agent.process.text()
    case.agent.stop()
    assert not ci.path.exists()
    assert [record["peer"].get("door", "agent") for record in case.agent.ledger.records()
            if record["kind"] == "request"] == ["ci", "agent", "ci", "ci"]


def test_users_and_groups_beside_a_door_narrow_it(new_case, policy, ci, stranger):
    known = rig_users.user(61041, groups=(61042,))
    policy["grants"]["ci"] = {"sockets": ["ci"], "groups": [61042], "keys": ["qa"]}
    case = new_case()
    signs(sign_at(ci, known, case), "qa")
    denied_at(ci, stranger, case, "not-granted")
    case.denied("not-granted", user=known)


def test_a_door_has_the_mode_and_the_place_that_it_should_have(new_case, policy, scratch):
    directory = scratch.directory("doors")
    directory.chmod(0o755)
    doors = [Door(directory, f"door{mode}", mode) for mode in ("0600", "0660", "0666")]
    for door in doors:
        door.add_to(policy)
    open_to_all = Door(directory, "open", "0600")
    open_to_all.path.parent.chmod(0o777)
    open_to_all.add_to(policy)
    case = new_case()
    for door in doors:
        assert stat.filemode(door.path.lstat().st_mode)[1:] == {
            "0600": "rw-------", "0660": "rw-rw----", "0666": "rw-rw-rw-"}[door.mode]
    assert not open_to_all.path.exists()
    assert [door["name"] for door in case.agent.call("Status")["insight"]["doors"]] == [
        "agent", *(door.name for door in doors)]
    assert "socket 'open' is not there" in case.agent.process.text()
    assert "is writable by others" in case.agent.process.text()


def test_a_reload_opens_and_closes_doors(case, ci, policy, stranger):
    """Who came through one that is closed has to go; the main one stays as it is."""
    with ci.connect(stranger) as inside, case.agent.connect() as outside:
        assert inside.call("Status") and outside.call("Status")
        policy.document.pop("sockets")
        policy["grants"].pop("ci")
        case.agent.set_policy(policy)
        changes = case.agent.call("Reload")["changes"]
        assert f"socket 'ci' is closed: {ci.path}" in changes, changes
        assert inside.receive() is None
        assert not ci.path.exists()
        assert outside.call("Status")

    ci.add_to(policy)
    policy["grants"]["ci"] = {"sockets": ["ci"], "keys": ["qa"]}
    case.agent.set_policy(policy)
    changes = case.agent.call("Reload")["changes"]
    assert f"socket 'ci' is open: listening on {ci.path}" in changes, changes
    signs(sign_at(ci, stranger, case), "qa")


def test_root_at_one_door_sees_nothing_of_root_at_another(new_case, ci, policy, scratch):
    """Root in a container is uid 0, whichever container it is."""
    rig_users.need_root_to_look()
    directory = scratch.directory("doors")
    directory.chmod(0o755)
    other = Door(directory, "cd")
    other.add_to(policy)
    policy["grants"]["cd"] = {"sockets": ["cd"], "keys": ["qa"]}
    case, root = new_case(), rig_users.own()
    signs(sign_at(ci, root, case), "qa")
    for door, n_records in ((ci, 1), (other, 0)):
        with door.connect(root) as connection:
            connection.send_message({"method": "org.countersign.Agent.Audit", "more": True,
                                     "parameters": {}})
            replies = [connection.receive()]
            while replies[-1].get("continues"):
                replies.append(connection.receive())
        records = [record for reply in replies for record in reply["parameters"]["records"]]
        assert len(records) == n_records, replies


def without(_, policy):
    policy.document.pop("sockets")
    policy["grants"].pop("ci")


def moved(ci, policy):
    """Whoever gets to where it was has nothing of what it has where it is."""
    Door(ci.path.parent, "ci").add_to(policy)


@pytest.mark.parametrize("change", [without, moved])
def test_what_waits_for_the_token_is_decided_anew_without_its_door(case, ci, policy, stranger,
                                                                   change):
    (worker,) = case.agent.workers()
    os.kill(worker, signal.SIGSTOP)
    with case.agent.connect() as first, ci.connect(stranger) as second:
        for connection, gun in ((first, f"{case.gun}/a"), (second, f"{case.gun}/b")):
            connection.send_message({"method": "org.countersign.Agent.Sign", "parameters": {
                "documents": [case.request(gun=gun)]}})
            case.agent.takes(connection)
        change(ci, policy)
        case.agent.set_policy(policy)
        case.agent.hang_up()
        os.kill(worker, signal.SIGCONT)
        signs(first.receive()["parameters"]["documents"][0], "qa")
        assert reason(second.receive()) == "not-granted"
        assert second.receive() is None


def test_systemd_passes_doors_by_name(new_agent, policy, ci, stranger, gun, token):
    """With its own means of socket activation, but not as PID 1. A socket that the policy does not have
    hangs up."""
    agent = new_agent(policy)
    other = ci.path.parent / "other.sock"
    variables = [part for name, value in agent.sanitizer.environment().items()
                 for part in ("-E", f"{name}={value}")]
    agent.process = Process(
        ["/usr/bin/systemd-socket-activate", "--fdname=agent:ci:other",
         *(f"--listen={path}" for path in (agent.socket, ci.path, other)), *variables,
         *became(rig_users.AGENT), agent.programs.agent, "--policy", agent.policy_file, "--state",
         agent.state], agent.directory / "log", agent.sanitizer.environment())
    agent.process.wait_until(lambda: all(path.exists() for path in (agent.socket, ci.path, other)))
    for path in (agent.socket, ci.path, other):
        path.chmod(0o666)
    case = Case(agent, gun, token)
    agent.process.wait_until(agent.has_keys)
    signs(sign_at(ci, stranger, case), "qa")
    case.denied("not-granted", user=stranger)
    with Varlink(other) as shut:
        assert shut.receive() is None
    text = agent.process.text()
    assert f"systemd listens on '{other}', and the policy has no such socket" in text
    assert f"listening on {agent.socket}" in text
    agent.stop()
    assert ci.path.exists()


# Units


@pytest.fixture(params=[CgroupUnit, RealUnit], ids=["cgroup", "systemd"])
def unit(request, record_property):
    with request.param("nightly").running() as unit:
        record_property("summary", f"unit: seen with {unit.where}")
        yield unit


@pytest.fixture
def builder(policy, unit):
    """A user who may sign within that unit only."""
    user = rig_users.user(61050)
    policy["grants"]["nightly"] = {"users": [user.uid], "keys": ["qa"], "unit": unit.name}
    return user


def test_a_unit_narrows_a_grant(builder, unit, new_case):
    case = new_case()
    documents = [case.request(targets())]
    reply = ask(case.agent.socket, "Sign", *unit.prefix(builder), documents=documents)
    signs(reply["parameters"]["documents"][0], "qa")
    assert reason(ask(case.agent.socket, "Sign", *became(builder), documents=documents)) == "unit"
    other = rig_users.user(61051)  # who is in the unit, and nobody's
    reply = ask(case.agent.socket, "Sign", *unit.prefix(other), documents=documents)
    assert reason(reply) == "not-granted"
    case.agent.stop()
    peers = [record["peer"] for record in case.agent.ledger.records() if record["kind"] == "request"]
    assert [peer.get("unit") == unit.name for peer in peers] == [True, False, True]


def test_each_thread_of_a_test_is_a_user_of_its_own(tester, stranger):
    """Or who connects in one would be somebody else once another is done."""
    is_other, is_seen = threading.Event(), threading.Event()
    seen = []

    def be_another():
        with stranger.acting():
            is_other.set()
            is_seen.wait(30)
            seen.append((os.geteuid(), os.getegid(), os.getgroups()))

    thread = threading.Thread(target=be_another)
    thread.start()
    is_other.wait(30)
    before = os.getgroups()
    with tester.acting():
        assert (os.geteuid(), os.getegid()) == (tester.uid, tester.gid)
    with tester.starting():
        ids = subprocess.check_output(["/usr/bin/grep", "-E", "^([UG]id|CapEff)", "/proc/self/status"],
                                      text=True).split()
    assert ids == ["Uid:", *[str(tester.uid)] * 4, "Gid:", *[str(tester.gid)] * 4, "CapEff:", "0" * 16]
    is_seen.set()
    thread.join()
    assert seen == [(stranger.uid, stranger.gid, [])]
    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, before)
