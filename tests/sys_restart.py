# SPDX-License-Identifier: Apache-2.0
"""Agents, workers and tokens go away and come back, and nothing that was promised is forgotten."""
import os
import re
import signal
import subprocess
import time

import pytest

import rig_users
from rig_case import signs
from rig_document import root, target, targets
from rig_process import LIBRARIES
from rig_readers import TEAMS
from rig_token import PIN
from rig_varlink import INTERFACE, VarlinkError

# A PKCS#11 module that passes calls on to another one and writes them down.
SPY = str(LIBRARIES / "pkcs11-spy.so")
WRONG_PIN = "4711-hidden"


def other(version):
    """Another document under that version than targets(version)."""
    return targets(version=version, names={"v1": target()})


def state(agent, name="hsm"):
    (token,) = [token for token in agent.call("Status")["tokens"] if token["name"] == name]
    return token


def wait_state(agent, wanted, seconds=30):
    """Wait until the token is in that state, and return what is said about it."""
    agent.process.wait_until(lambda: state(agent)["state"] == wanted, seconds)
    return state(agent)


def is_gone(pid):
    """A process has ended; a zombie has, too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def kill_worker(agent):
    for pid in agent.workers():
        os.kill(pid, signal.SIGKILL)


# The agent is killed


def test_a_killed_agent_remembers_what_it_released(case):
    released = targets(version=5)
    digest = case.sign(released)["digest"]
    case.agent.kill()
    case.agent.start()
    for document in (targets(version=4), other(5)):
        (mark,) = case.rolled_back(document)
        assert (mark["version"], mark["digest"]) == (5, digest)
    signs(case.sign(released), "qa")
    signs(case.sign(targets(version=6)), "qa")


def test_a_killed_agent_remembers_the_roots_it_signed(case):
    keys = case.root_keys()
    document = root(*keys)
    signed = case.sign(document, role="root", key="root")
    case.agent.kill()
    case.agent.start()
    assert case.root_keys() == keys
    (mark,) = case.rolled_back(root(*keys, days=31), role="root", key="root")
    assert mark["version"] == 1
    assert mark["document"] == case.request(document)["message"]
    assert [one["sig"] for one in mark["signatures"]] == [
        one["sig"] for one in signed["signatures"]]


def test_the_ledger_of_a_killed_agent_is_whole(case):
    identity = case.agent.call("Status")["ledger"]
    for version in (1, 2):
        case.sign(targets(version=version))
    case.agent.kill()
    case.agent.start()
    case.sign(targets(version=3))
    case.denied("key-outside-scope", role="targets/developer")
    case.agent.kill()
    case.agent.start()
    case.sign(targets(version=4))
    assert case.agent.call("Status")["ledger"] == identity
    case.agent.stop()
    assert case.agent.ledger.verify() == 5
    assert [record["outcome"] for record in case.agent.ledger.records()] == [
        "released", "released", "released", "refused", "released"]
    assert case.agent.ledger.marks() == {(case.gun, "targets/qa"): 4}


def test_a_signature_that_nobody_saw_leaves_no_mark(case):
    """The agent is killed between its decision and its record."""
    (worker,) = case.agent.workers()
    os.kill(worker, signal.SIGSTOP)
    with case.agent.connect() as connection:
        connection.send_message({"method": f"{INTERFACE}.Sign",
                                 "parameters": {"documents": [case.request(other(1))]}})
        case.agent.takes(connection)
        case.agent.kill()
        assert connection.receive() is None
    case.agent.start()
    signs(case.sign(targets(version=1)), "qa")


def test_no_version_has_two_contents_however_the_agent_is_killed(case):
    """A signature that was seen is known after the crash, whenever that comes."""
    for version in range(1, 11):
        seen = None
        with case.agent.connect() as connection:
            connection.send_message({"method": f"{INTERFACE}.Sign", "parameters": {
                "documents": [case.request(other(version))]}})
            # Half of the answers are waited for, so that the crash comes at different moments.
            if version % 2:
                seen = connection.receive()["parameters"]["documents"][0]["digest"]
            case.agent.kill()
        case.agent.start()
        if seen:
            (mark,) = case.rolled_back(targets(version=version))
            assert mark["digest"] == seen


def test_clients_go_on_after_a_crash(client, agent, repository, upload, readers):
    upload(f"{repository}:v1", "one")
    client.run("sign", f"{repository}:v1")
    agent.kill()
    client.refused(5, "sign", f"{repository}:v1", "--renew")
    agent.start()
    image = upload(f"{repository}:v1", "two")
    client.run("sign", f"{repository}:v1")
    assert readers.roles_of(repository, "v1") == (set(TEAMS), image.hex)


def test_a_ledger_that_was_changed_is_refused(case):
    case.sign()
    case.agent.stop()
    case.agent.ledger.execute("UPDATE record SET body = replace(body, 'released', 'refused')")
    assert "ledger was changed" in case.agent.fails_to_start()


def test_workers_end_with_their_agent(case):
    workers = case.agent.workers()
    assert workers
    case.agent.kill()
    deadline = time.monotonic() + 10
    while not all(is_gone(pid) for pid in workers):
        assert time.monotonic() < deadline


# A second agent


def test_a_ledger_has_one_agent(case):
    said = case.agent.fails_to_start(socket=case.agent.socket.with_name("second.sock"))
    assert f"another agent runs with the state directory '{case.agent.state}': end that" in said
    signs(case.sign(), "qa")


def test_a_state_directory_has_one_agent_whatever_it_is_called(case, scratch):
    other = scratch.directory("other")
    (other / "parent").symlink_to(case.agent.state.parent)
    said = case.agent.fails_to_start(socket=case.agent.socket.with_name("second.sock"),
                                     state=other / "parent" / case.agent.state.name)
    assert "another agent runs" in said
    (other / "state").symlink_to(case.agent.state)
    assert "symbolic link" in case.agent.fails_to_start(state=other / "state")
    signs(case.sign(), "qa")


def test_a_state_directory_has_one_agent_where_it_is_mounted_again(case, scratch):
    other = scratch.directory("mounted")
    done = subprocess.run(["mount", "--bind", case.agent.state, other], capture_output=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        said = case.agent.fails_to_start(
            state=other, socket=case.agent.socket.with_name("second.sock"))
        assert "another agent runs" in said
    finally:
        subprocess.run(["umount", other], check=True)
    signs(case.sign(), "qa")


def test_a_ledger_has_one_name(case, scratch):
    """Another name of the file would have a log of its own."""
    case.sign()
    other = scratch.directory("linked", rig_users.AGENT.uid, 0o700)
    os.link(case.agent.state / "ledger.db", other / "ledger.db")
    second = {"state": other, "socket": case.agent.socket.with_name("second.sock")}
    assert "hard link" in case.agent.fails_to_start(**second)
    signs(case.sign(targets(version=2)), "qa")
    case.agent.kill()
    assert "hard link" in case.agent.fails_to_start(**second)
    (other / "ledger.db").unlink()
    case.agent.start()
    case.rolled_back(targets(version=1))


def test_a_second_agent_waits_for_the_death_of_the_first(case):
    """It is started while the first one is being killed: there is one or none, never two."""
    for version in range(1, 6):
        signs(case.sign(targets(version=version)), "qa")
        first = case.agent.process
        first.popen.kill()
        try:
            case.agent.start()
        except RuntimeError as error:
            assert "another agent runs" in str(error)
            first.popen.wait()
            case.agent.start()
        assert first.popen.wait() == -signal.SIGKILL
        case.rolled_back(other(version))


def test_a_socket_has_one_agent(case, scratch):
    state_dir = scratch.directory("state", rig_users.AGENT.uid, 0o700)
    said = case.agent.fails_to_start(state=state_dir)
    assert f"another agent listens on '{case.agent.socket}': end that" in said
    signs(case.sign(), "qa")


# A worker is killed


def sign_within_a_second(case, document):
    """Try again while the token is said to be away."""
    deadline = time.monotonic() + 1
    while True:
        try:
            return case.sign(document)
        except VarlinkError as error:
            assert error.name == "TokenUnavailable", error
            assert time.monotonic() < deadline, error


def test_signs_within_a_second_after_its_worker_was_killed(case):
    for version in (1, 2, 3):
        kill_worker(case.agent)
        signs(sign_within_a_second(case, targets(version=version)), "qa")


def test_what_a_killed_worker_had_is_asked_of_the_next_one(case):
    signs(case.sign(targets(version=1)), "qa")
    (worker,) = case.agent.workers()
    os.kill(worker, signal.SIGSTOP)
    with case.agent.connect() as connection:
        connection.send_message({"method": f"{INTERFACE}.Sign",
                                 "parameters": {"documents": [case.request(targets(version=2))]}})
        case.agent.takes(connection)
        os.kill(worker, signal.SIGKILL)
        signs(connection.receive()["parameters"]["documents"][0], "qa")


def test_one_of_several_workers_is_not_missed(new_case, policy):
    policy["tokens"]["hsm"]["workers"] = 3
    case = new_case()
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 3)
    for version, worker in enumerate(case.agent.workers()[:2], 1):
        os.kill(worker, signal.SIGKILL)
        signs(case.sign(targets(version=version)), "qa")
    case.agent.process.wait_until(lambda: state(case.agent)["workers"] == 3)


# The token goes away


def test_a_token_that_is_away_is_named_and_taken_back(case, token):
    """Its objects are in files: the directory is the card, and moving it is pulling it out."""
    signs(case.sign(targets(version=1)), "qa")
    here, away = token.directory / "tokens", token.directory / "away"
    here.rename(away)
    parameters = case.fails("TokenUnavailable", targets(version=2))
    assert parameters["token"] == "hsm" and parameters["remedy"], parameters
    case.agent.process.wait_until(lambda: state(case.agent)["state"] != "ready")
    began = time.monotonic()
    parameters = case.fails("TokenUnavailable", targets(version=2))
    assert time.monotonic() - began < 0.5
    assert parameters["token"] == "hsm" and parameters["remedy"], parameters

    away.rename(here)
    case.agent.process.wait_until(case.agent.has_keys, seconds=3)
    signs(case.sign(targets(version=2)), "qa")


def test_a_spare_takes_over_and_says_so(new_case, policy, token, scratch, sanitizer):
    spare = token.copy(scratch.directory("spare"))
    policy["tokens"]["spare"] = spare.entry(**sanitizer.variables)
    key = policy["keys"]["qa"]
    uri = key.pop("uri")
    key["at"] = [{"token": name, "uri": uri} for name in (key.pop("token"), "spare")]
    case = new_case()
    process = case.agent.process
    signs(case.sign(targets(version=1)), "qa")
    here, away = token.directory / "tokens", token.directory / "away"
    here.rename(away)
    signs(case.sign(targets(version=2)), "qa")
    process.wait_until(lambda: "key 'qa' signs here because of token 'hsm': "
                       in state(case.agent, "spare")["detail"])
    assert "key 'qa' signs on token 'spare' now, because of token 'hsm': " in process.text()

    away.rename(here)
    process.wait_until(lambda: "key 'qa' signs on token 'hsm' now\n" in process.text())
    signs(case.sign(targets(version=3)), "qa")
    assert not state(case.agent, "spare")["detail"], process.text()


def test_an_agent_starts_without_its_token(new_agent, policy, gun, token, new_case):
    here, away = token.directory / "tokens", token.directory / "away"
    case = new_case()
    case.agent.stop()
    here.rename(away)
    case.agent.start()
    assert case.fails("TokenUnavailable")["token"] == "hsm"
    away.rename(here)
    case.agent.process.wait_until(case.agent.has_keys, seconds=5)
    signs(case.sign(), "qa")


def test_a_key_that_was_never_seen_is_missing_with_its_token(token, new_case):
    """Nobody can know yet whether it is the one that is wanted, but who may use it can be told."""
    here, away = token.directory / "tokens", token.directory / "away"
    case = new_case()
    case.agent.stop()
    for path in case.agent.state.iterdir():
        path.unlink()
    here.rename(away)
    case.agent.start()
    assert case.fails("TokenUnavailable")["token"] == "hsm"
    case.denied("no-such-key", role="targets/elsewhere")
    away.rename(here)
    case.agent.process.wait_until(case.agent.has_keys, seconds=5)
    signs(case.sign(), "qa")


def test_another_token_in_its_place_is_not_logged_in_to(case, token, scratch):
    signs(case.sign(), "qa")
    case.agent.stop()
    (token.directory / "tokens").rename(token.directory / "away")
    fresh = type(token)(scratch.directory("token"), rig_users.AGENT, {"qa": "EC:secp256r1"})
    (fresh.directory / "tokens").rename(token.directory / "tokens")
    case.agent.start()
    assert "another token" in state(case.agent)["detail"]
    case.fails("TokenUnavailable", targets(version=2))


# The PIN


@pytest.fixture
def spied(policy, token, scratch):
    """The policy's token is watched: logins() counts the PINs that were tried."""
    log = scratch.directory("spy", rig_users.AGENT.uid, 0o700) / "log"
    policy["tokens"]["hsm"]["environment"] |= {"PKCS11SPY": policy["tokens"]["hsm"]["module"],
                                               "PKCS11SPY_OUTPUT": str(log)}
    policy["tokens"]["hsm"]["module"] = SPY
    return lambda: len(re.findall(r"^\d+: C_Login$", log.read_text(), re.MULTILINE))


def set_pin(token, pin):
    token.pin_file.unlink()
    token.pin_file.write_text(pin + "\n")
    token.pin_file.chmod(0o400)
    os.chown(token.pin_file, rig_users.AGENT.uid, rig_users.AGENT.gid)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_wrong_pin_is_tried_once(workers, new_agent, policy, token, spied):
    policy["tokens"]["hsm"]["workers"] = workers
    set_pin(token, WRONG_PIN)
    agent = new_agent(policy).start()
    said = wait_state(agent, "locked")
    assert "refused the PIN" in said["detail"] and str(token.pin_file) in said["detail"]
    for _ in range(3):
        kill_worker(agent)
        wait_state(agent, "locked")
    for end in (agent.kill, agent.stop):
        end()
        agent.start()
        wait_state(agent, "locked")
    agent.call("Reload")
    wait_state(agent, "locked")
    assert spied() == 1

    set_pin(token, PIN)
    agent.process.wait_until(lambda: state(agent)["workers"] == workers)
    assert spied() == 1 + workers


def test_the_right_pin_is_tried_again_after_a_wrong_one(case, token):
    signs(case.sign(targets(version=1)), "qa")
    set_pin(token, WRONG_PIN)
    kill_worker(case.agent)
    wait_state(case.agent, "locked")
    parameters = case.fails("TokenUnavailable", targets(version=2))
    assert parameters["state"] == "locked"
    set_pin(token, PIN)
    case.agent.process.wait_until(case.agent.has_keys)
    signs(case.sign(targets(version=2)), "qa")


def test_a_pin_is_nowhere_to_be_seen(case, token):
    rig_users.need_root_to_look()
    case.sign()
    set_pin(token, WRONG_PIN)
    kill_worker(case.agent)
    # Said of the next worker, which stays and waits for another PIN.
    case.agent.process.wait_until(
        lambda: "as soon as that changes" in state(case.agent)["detail"])
    for pid in (case.agent.process.pid, *case.agent.workers()):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                assert WRONG_PIN.encode() not in file.read()
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            assert re.search(r"^Max core file size +0 +0 ", file.read(), re.MULTILINE)
        # Not even its own user may look into a process that is not dumpable.
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0
    assert WRONG_PIN not in case.agent.process.text()
    case.agent.stop()
    for path in case.agent.state.iterdir():
        assert WRONG_PIN.encode() not in path.read_bytes(), path
