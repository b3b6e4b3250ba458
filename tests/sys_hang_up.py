# SPDX-License-Identifier: Apache-2.0
"""Clients that hang up while a slow token signs for them, by accident or on purpose."""
import os
import signal
import time

import pytest

import rig_users
from rig_case import signs
from rig_document import targets
from rig_token import PIN
from rig_varlink import INTERFACE


@pytest.fixture
def granted(policy):
    """Users who may use the key, and nothing else in common."""
    users = [rig_users.user(61030 + i) for i in range(4)]
    for user in users:
        policy["grants"][f"user-{user.uid}"] = {"users": [user.uid], "keys": ["qa"]}
    return users


@pytest.fixture
def case(new_case, granted):
    return new_case()


def queued(agent):
    (token,) = agent.call("Status")["tokens"]
    return token["queue"]


def ask(case, user, version, repository, key="qa"):
    """Ask for a signature without waiting for it; repositories are such that nobody waits for the
    version of another."""
    connection = case.agent.connect(user)
    request = case.request(targets(version=version), gun=f"{case.gun}/{repository}", key=key)
    connection.send_message({"method": f"{INTERFACE}.Sign", "parameters": {"documents": [request]}})
    case.agent.takes(connection)
    return connection


def wait_for_queue(case, length):
    case.agent.process.wait_until(lambda: queued(case.agent) == length)


def stop(pid):
    """A token that is slow, such as one that waits for a touch."""
    os.kill(pid, signal.SIGSTOP)


def is_late(deadline):
    """That nothing happens can only be seen for a while."""
    return lambda: time.monotonic() > deadline


def answer(connection):
    reply = connection.receive()
    assert "error" not in reply, reply
    return reply["parameters"]["documents"][0]


def test_what_waits_for_nobody_is_dropped(case, granted):
    (worker,) = case.agent.workers()
    stop(worker)
    with ask(case, granted[0], 1, "a"):
        case.agent.process.wait_until(lambda: queued(case.agent) == 0)
        with ask(case, granted[0], 1, "b"), ask(case, granted[1], 1, "c"):
            wait_for_queue(case, 2)
        wait_for_queue(case, 0)
        os.kill(worker, signal.SIGCONT)
    assert case.agent.workers() == [worker]


def test_a_token_that_signs_for_nobody_is_free_for_others(case, granted):
    (worker,) = case.agent.workers()
    stop(worker)
    began = time.monotonic()
    ask(case, granted[0], 1, "a").close()
    with ask(case, granted[1], 1, "b") as waiting:
        signs(answer(waiting), "qa")
    assert time.monotonic() - began < 10
    assert case.agent.workers() != [worker]


def test_a_token_that_signs_for_nobody_goes_on_while_nobody_waits(case, granted):
    (worker,) = case.agent.workers()
    stop(worker)
    ask(case, granted[0], 1, "a").close()
    case.agent.process.wait_until(lambda: case.agent.call("Status")["tokens"][0]["queue"] == 0)
    os.kill(worker, signal.SIGCONT)
    signs(case.sign(targets()), "qa")
    assert case.agent.workers() == [worker]


def test_a_token_that_signs_for_one_who_waits_is_not_taken_away(case, granted):
    """Neither by somebody else, nor by all others of the same bundle who hung up."""
    (worker,) = case.agent.workers()
    stop(worker)
    with ask(case, granted[0], 1, "a") as first:
        for user in granted[1:3]:
            ask(case, user, 1, f"hung-up-{user.uid}").close()
        with ask(case, granted[3], 1, "b") as second:
            wait_for_queue(case, 1)
            case.agent.process.wait_until(is_late(time.monotonic() + 1))
            assert case.agent.workers() == [worker]
            os.kill(worker, signal.SIGCONT)
            signs(answer(first), "qa")
            signs(answer(second), "qa")
    assert case.agent.workers() == [worker]


def test_nobody_loses_a_pin_that_was_typed_by_hanging_up(granted, policy, new_case, new_client):
    """The worker that has it is left to finish."""
    policy["tokens"]["hsm"]["pin"] = "prompt"
    case = new_case()
    admin = new_client(case.agent, server=None)
    admin.run("unlock", "hsm", "--pin-file", admin.write("pin", PIN + "\n", 0o400))
    case.agent.process.wait_until(case.agent.has_keys)
    (worker,) = case.agent.workers()
    stop(worker)
    ask(case, granted[0], 1, "a").close()
    with ask(case, granted[1], 1, "b") as waiting:
        # Longer than any other worker would be left alone.
        case.agent.process.wait_until(is_late(time.monotonic() + 2))
        assert case.agent.workers() == [worker]
        os.kill(worker, signal.SIGCONT)
        signs(answer(waiting), "qa")
    assert case.agent.workers() == [worker]


def test_the_client_says_what_it_waits_for(new_client, agent, repository, upload):
    """With -v, or on a terminal; others see nothing of it, and nobody does with -q."""
    for tag in ("v1", "v2", "v3"):
        upload(f"{repository}:{tag}")
    (worker,) = agent.workers()
    stop(worker)
    quiet, plain, curious = new_client(agent), new_client(agent), new_client(agent)
    running = [(quiet, quiet.start("sign", "-q", "-v", f"{repository}:v1")),
               (plain, plain.start("sign", f"{repository}:v2"))]
    told = curious.start("sign", "-v", f"{repository}:v3")
    line = next(line for line in told.stderr if "waiting for " in line)
    assert repository in line and "targets" in line, line
    os.kill(worker, signal.SIGCONT)
    for client, process in running:
        done = client.finish(process)
        assert done.returncode == 0 and "waiting for " not in done.stderr, done.stderr
    assert curious.finish(told).returncode == 0


def test_nobody_starves_others_by_hanging_up(granted, slow_token, case):
    """Three have each signature take 20 s, and hang up. The fourth is served all the same, is never
    told that the token fails, and waits for none of them longer than for a new worker."""
    (key,) = [key["key"] for key in case.agent.call("ListKeys")["keys"] if key["name"] == "slow"]
    slow_token.delay(1, 100)
    with ask(case, granted[3], 1, "slow", key) as first:
        signs(answer(first), "slow")

    slow_token.delay(3, 20000)
    began = time.monotonic()
    attackers = [ask(case, user, 1, f"{user.uid}", key) for user in granted[:3]]
    with ask(case, granted[3], 2, "slow", key) as victim:
        for n_waiting, attacker in zip((3, 2, 1), attackers):
            case.agent.process.wait_until(
                lambda n=n_waiting: case.agent.call("Status")["tokens"][1]["queue"] == n)
            attacker.close()
        signs(answer(victim), "slow")
    assert time.monotonic() - began < 20
    assert case.agent.call("Status")["tokens"][1]["state"] == "ready"
