# SPDX-License-Identifier: Apache-2.0
"""Cards are pulled out and put in again while clients sign: each request gets a signature or a clear
error, and afterwards the agent is as it was."""
import collections
import os
import statistics
import threading
import time

import pytest

import rig_users
from rig_document import request, targets
from rig_signatures import Signatures
from rig_varlink import INTERFACE, Varlink

N_REPLUGS = 1000 if "SOAK_SECONDS" in os.environ else 60
N_WARM = 2  # of each card, before the agent is measured
CLIENTS_PER_CARD = 2
# What a request may be told while its card is out.
CLEAR = {"TokenUnavailable", "Timeout"}
RETURN_S = 10  # ten times what is promised
# A page here and there; a leak of one small thing at each replug would be more.
GROWTH_MAX_BYTES = 4 * 1024 * 1024
# Of a sanitizer, which looks for leaks itself: what was freed and is kept to be looked at.
QUARANTINE_BYTES = 256 * 1024 * 1024


class Customer(threading.Thread):
    """Signs without a pause with one key, in a repository of its own, and counts what it is told."""

    def __init__(self, agent, gun, name, key):
        super().__init__(daemon=True)
        self._gun, self._name, self._key = gun, name, key
        with rig_users.RELEASER.acting():
            self._connection = Varlink(agent.socket)
        self.seen, self.failure = collections.Counter(), None
        self.signed_at = time.monotonic()
        self._is_done = threading.Event()
        self.start()

    def run(self):
        while not self._is_done.is_set() and self.failure is None:
            # A version that was not signed is asked for again: too great a jump is refused.
            document = targets(version=self.seen[""] + 1)
            document = request(self._gun, f"targets/{self._name}", document, self._key)
            self._connection.send_message(
                {"method": f"{INTERFACE}.Sign", "parameters": {"documents": [document]}})
            self._judge(self._connection.receive())
        self._connection.close()

    def _judge(self, reply):
        error = reply.get("error", "").removeprefix(INTERFACE + ".")
        self.seen[error] += 1
        if not error:
            self.signed_at = time.monotonic()
        elif error not in CLEAR or not reply["parameters"]["token"]:
            self.failure = reply

    def stop(self):
        self._is_done.set()
        self.join(60)
        assert not self.is_alive()
        assert self.failure is None, self.failure


class Hand(threading.Thread):
    """Pulls one card out and puts it in again, and waits each time until all of its customers have
    been told so and then sign again."""

    def __init__(self, piv, customers, times):
        super().__init__(daemon=True)
        self._piv, self._customers, self._times = piv, customers, times
        self.returns, self.failure = [], None
        self.start()

    def run(self):
        try:
            for n in range(self._times):
                self._replug(is_rough=n % 2 == 1)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def _replug(self, is_rough):
        """is_rough: in the middle of somebody's signature."""
        told = [sum(customer.seen[error] for error in CLEAR) for customer in self._customers]
        if is_rough:
            with self._piv.card.coming_out():
                pass
        else:
            self._piv.card.pull()
        self._wait(lambda: all(sum(customer.seen[error] for error in CLEAR) > before
                               for customer, before in zip(self._customers, told)))
        self._piv.card.push()
        back = time.monotonic()
        self._wait(lambda: all(customer.signed_at > back for customer in self._customers))
        self.returns.append(time.monotonic() - back)

    def _wait(self, is_so):
        # A customer that has failed will not sign again.
        self._piv.reader.daemon.wait_until(
            lambda: is_so() or any(customer.failure for customer in self._customers), RETURN_S)


def footprint(agent):
    """Descriptors and bytes of the agent."""
    pid = agent.process.pid
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def growth_max_bytes(agent):
    with open(f"/proc/{agent.process.pid}/maps", encoding="utf-8") as file:
        return GROWTH_MAX_BYTES + (QUARANTINE_BYTES if "libasan" in file.read() else 0)


@pytest.fixture
def cards(new_piv, policy, sanitizer):
    """Two through each module."""
    cards = {f"card{n}": new_piv(is_yubikey=n % 2 == 0) for n in range(4)}
    for name, card in cards.items():
        policy.add_token(name, card, sanitizer, **{name: "9A"})
    return cards


def replug(agent, cards, customers, times):
    """Each card so many times, all at once; how long each took to sign again."""
    hands = [Hand(card, customers[name], times) for name, card in cards.items()]
    for hand in hands:
        hand.join()
    for customer in (customer for of_card in customers.values() for customer in of_card):
        assert customer.failure is None, customer.failure
    for hand in hands:
        assert hand.failure is None, hand.failure
    return [seconds for hand in hands for seconds in hand.returns]


def test_clients_sign_while_cards_come_and_go(cards, policy, new_agent, gun, record_property):
    rig_users.need_root_to_look()
    agent = new_agent(policy).start()
    keys = {name: Signatures(agent, gun).key(name)["key"] for name in cards}
    customers = {name: [Customer(agent, f"{gun}/{name}/{n}", name, keys[name])
                        for n in range(CLIENTS_PER_CARD)] for name in cards}
    other = Customer(agent, gun, "qa", Signatures(agent, gun).key("qa")["key"])

    replug(agent, cards, customers, N_WARM)
    before = footprint(agent)
    n_before = other.seen[""]
    returns = replug(agent, cards, customers, N_REPLUGS // len(cards))
    after = footprint(agent)

    everybody = [customer for of_card in customers.values() for customer in of_card]
    for customer in (*everybody, other):
        customer.stop()
    assert set(other.seen) == {""} and other.seen[""] > n_before
    # One that is being replaced counts twice; a leak of one at each replug would be more.
    assert abs(after[0] - before[0]) <= len(cards) < N_REPLUGS // 4
    assert after[1] - before[1] < growth_max_bytes(agent)
    seen = sum((customer.seen for customer in everybody), collections.Counter())
    record_property("summary", f"replug: {len(returns)} times, signed again after "
                    f"{statistics.median(returns):.2f} s, at most {max(returns):.2f} s; "
                    f"{dict(seen)}; {before} then {after} descriptors and bytes")
