# SPDX-License-Identifier: Apache-2.0
"""One token and many users: whose turn it is, what becomes of who waits, and when to come back."""
import contextlib
import os
import signal
import time

import pytest

import rig_users
from rig_case import signs
from rig_document import targets
from rig_tree import bounds
from rig_varlink import INTERFACE

SERVICE_MS = 200
N_FLOOD = 20
# What a machine that does other things adds to a wait, ten times what it adds to a quiet one.
NOISE_TIMES = 10


@pytest.fixture
def users(policy):
    """Users who may use the key, and nothing else in common."""
    users = [rig_users.user(61080 + i) for i in range(4)]
    for user in users:
        policy["grants"][f"user-{user.uid}"] = {"users": [user.uid], "keys": ["qa"]}
    return users


@pytest.fixture
def case(new_case, users, slow_token):
    case = new_case()
    (case.key,) = [key["key"] for key in case.agent.call("ListKeys")["keys"]
                   if key["name"] == "slow"]
    return case


def queued(case):
    return case.agent.call("Status")["tokens"][1]["queue"]


class Asked:
    """A request for a signature of the slow token, in a repository that nobody else waits for."""

    def __init__(self, case, user, repository):
        document = case.request(targets(), gun=f"{case.gun}/{repository}", key=case.key)
        self.connection = case.agent.connect(user)
        self.began = time.monotonic()
        self.connection.send_message(
            {"method": f"{INTERFACE}.Sign", "parameters": {"documents": [document]}})

    def reply(self):
        with self.connection:
            return self.connection.receive()

    def wait(self):
        """Be signed for; how long it took, in seconds."""
        signs(self.reply()["parameters"]["documents"][0], "slow")
        return time.monotonic() - self.began


def test_a_flood_costs_others_a_turn_of_each_user(case, users, slow_token, record_property):
    """A token that takes 200 ms, one user who asks it 20 times at once, and three who ask once."""
    alone = Asked(case, users[1], "first").wait()  # its pace is known from now on
    slow_token.delay(0, SERVICE_MS)
    quiet = Asked(case, users[1], "second").wait()
    noise = max(quiet - SERVICE_MS / 1000, alone, 0.01)
    flood = [Asked(case, users[0], f"flood-{i}") for i in range(N_FLOOD)]
    case.agent.process.wait_until(lambda: queued(case) >= N_FLOOD - 2)
    waits = [asked.wait() for asked in
             [Asked(case, user, f"victim-{user.uid}") for user in users[1:]]]
    slow_token.delay(0, 1)
    for asked in flood:
        asked.wait()
    record_property("summary", "fairness: waited " + ", ".join(
        f"{1000 * wait:.0f} ms" for wait in waits) + f" beside a flood of {N_FLOOD}")
    n_active = len(users)
    assert max(waits) <= (n_active + 1) * SERVICE_MS / 1000 + NOISE_TIMES * noise, (waits, noise)


def slow_worker(case):
    """The process that has the slow token."""
    for pid in case.agent.workers():
        with open(f"/proc/{pid}/environ", "rb") as file:
            if b"FAULTP11=" in file.read():
                return pid
    raise AssertionError("the slow token has no worker")


def test_a_full_queue_says_when_to_come_back(case, users, slow_token):
    """As long as what waits is likely to take, within a bound; others find room."""
    numbers = bounds()
    n_documents, n_requests = numbers["DOCUMENTS_MAX"], 0
    slow_token.delay(1, SERVICE_MS)
    Asked(case, users[1], "pace").wait()
    worker = slow_worker(case)
    os.kill(worker, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        while n_requests * n_documents <= numbers["TOKEN_QUEUE_MAX"] // 2:
            connection = stack.enter_context(case.agent.connect(users[0]))
            connection.send_message({"method": f"{INTERFACE}.Sign", "parameters": {"documents": [
                case.request(targets(), gun=f"{case.gun}/{n_requests}-{i}", key=case.key)
                for i in range(n_documents)]}})
            case.agent.takes(connection)
            n_requests += 1
        reply = connection.receive()
        other = Asked(case, users[2], "other")
        case.agent.takes(other.connection)
    os.kill(worker, signal.SIGCONT)
    other.wait()
    assert reply["error"].endswith(".Busy"), reply
    assert reply["parameters"] == {"bound": "TOKEN_QUEUE_MAX",
                                   "retry_after_ms": numbers["BUSY_RETRY_MAX_MS"]}


# What waits is decided anew before its digest goes to the token.


def test_a_grant_that_goes_while_its_request_waits(case, users, policy, slow_token):
    """Its reason, and no C_Sign; who may still have it is signed for."""
    before, worker = slow_token.n_signed(), slow_worker(case)
    os.kill(worker, signal.SIGSTOP)
    first, second, third = (Asked(case, user, f"{user.uid}") for user in users[:3])
    case.agent.process.wait_until(lambda: queued(case) == 2)
    policy["grants"].pop(f"user-{users[1].uid}")
    case.agent.set_policy(policy)
    case.agent.hang_up()
    os.kill(worker, signal.SIGCONT)
    first.wait()
    third.wait()
    reply = second.reply()
    assert reply["error"].endswith(".Denied"), reply
    assert reply["parameters"]["reason"] == "not-granted"
    assert slow_token.n_signed() - before == 2
    case.agent.stop()
    assert [record["verdict"] for record in case.agent.ledger.records()
            if record["kind"] == "request"].count("denied") == 1
