# SPDX-License-Identifier: Apache-2.0
"""How many tries of a card a wrong PIN costs: one, whatever restarts, and never the last."""
import os
import signal

import pytest

from rig_scratch import write
from rig_signatures import Signatures

PIN, WRONG_PIN, NEW_PIN = "123456", "999999", "654321"
WORKERS = 4


def set_pin(piv, pin):
    write(piv.pin_file, pin + "\n", piv.owner.uid, 0o400)


@pytest.fixture(params=[False, True], ids=["opensc", "ykcs11"])
def piv(request, new_piv):
    return new_piv(is_yubikey=request.param)


@pytest.fixture
def begin(policy, piv, sanitizer, new_agent, new_client, gun):
    """Starts an agent with that card; how it signs, and the client of an admin."""
    def begin(**entry):
        policy.add_token("card", piv, sanitizer, card="9A", each="9C")
        policy["tokens"]["card"].update(entry)
        signatures = Signatures(new_agent(policy).start(), gun)
        return signatures, new_client(signatures.agent, server=None)
    return begin


def wait_said(signatures, text):
    signatures.agent.process.wait_until(lambda: text in signatures.token("card")["detail"])


def kill_a_worker(signatures):
    """One of the card's: the last one that was started."""
    agent = signatures.agent
    before = agent.workers()
    os.kill(max(before), signal.SIGKILL)
    agent.process.wait_until(
        lambda: max(before) not in agent.workers() and len(agent.workers()) == len(before))


def test_a_wrong_pin_costs_one_try_whatever_restarts(begin, piv):
    set_pin(piv, WRONG_PIN)
    signatures, client = begin(workers=WORKERS)
    wait_said(signatures, "refused the PIN")
    for _ in range(5):
        signatures.agent.stop()
        signatures.agent.start()
        wait_said(signatures, "refused the PIN")
    for _ in range(3):
        kill_a_worker(signatures)
        wait_said(signatures, "refused the PIN")
    assert piv.card.stats()["left"] == 2

    # An admin may spend one more, and then the last one is left.
    assert "refused the PIN" in client.refused(5, "unlock", "card")
    assert piv.card.stats()["left"] == 1
    wait_said(signatures, "countersign unlock --force card")
    signatures.agent.stop()
    signatures.agent.start()
    kill_a_worker(signatures)
    wait_said(signatures, "countersign unlock --force card")
    assert "--force" in client.refused(5, "unlock", "card")

    # Neither does a PIN that nobody has tried yet get it.
    set_pin(piv, PIN)
    signatures.agent.stop()
    signatures.agent.start()
    wait_said(signatures, "countersign unlock --force card")
    assert piv.card.stats()["left"] == 1
    client.run("unlock", "--force", "card")
    signatures.wait_ready("card", "each")
    signatures.sign("card", "each")
    assert piv.card.stats()["left"] == 3


def test_a_pin_that_is_put_right_is_tried_without_a_restart(begin, piv):
    set_pin(piv, WRONG_PIN)
    signatures, _ = begin(workers=WORKERS)
    wait_said(signatures, "refused the PIN")
    set_pin(piv, PIN)
    signatures.wait_ready("card")
    signatures.sign("card")
    assert piv.card.stats()["left"] == 3


def test_people_are_warned_before_their_last_try(begin, piv):
    signatures, client = begin(pin="prompt", workers=WORKERS)
    wrong, right = (client.write(name, pin + "\n", 0o400)
                    for name, pin in (("wrong", WRONG_PIN), ("right", PIN)))
    for _ in range(2):
        assert "refused the PIN" in client.refused(5, "unlock", "card", "--pin-file", wrong)
    wait_said(signatures, "countersign unlock --force card")
    assert "--force" in client.refused(5, "unlock", "card", "--pin-file", right)
    assert piv.card.stats()["left"] == 1
    client.run("unlock", "card", "--force", "--pin-file", right)
    signatures.wait_ready("card", "each")
    for _ in range(3):
        signatures.sign("card", "each")
    assert piv.card.stats()["left"] == 3


def test_keeps_the_pin_of_people_while_the_card_is_out(begin, piv):
    signatures, client = begin(pin="prompt")
    client.run("unlock", "card", "--pin-file", client.write("pin", PIN + "\n", 0o400))
    signatures.wait_ready("each")
    signatures.sign("each")
    piv.card.pull()
    signatures.fails("each")
    piv.card.push()
    signatures.sign_in_time("each")
    signatures.sign("each", "card")
    assert piv.card.stats()["left"] == 3


def test_a_pin_that_was_changed_costs_one_try_of_a_signature(begin, piv):
    """With more workers each one that signs at that moment could spend one."""
    signatures, client = begin()
    signatures.sign("each")
    piv.tool("--login", "--pin", PIN, "--change-pin", "--new-pin", NEW_PIN)
    signatures.fails("each")
    wait_said(signatures, "refused the PIN")
    signatures.fails("each")
    assert piv.card.stats()["left"] == 2
    set_pin(piv, NEW_PIN)
    signatures.wait_ready("each")
    signatures.sign("each")
    assert client.run("status").count("ready") >= 2
