# SPDX-License-Identifier: Apache-2.0
"""Tokens of every kind sign, each by its real module: SoftHSM, a TPM, a smartcard, a YubiKey."""
import os
import re
import signal

import pytest

from rig_publisher import new_private_key, private_pem
from rig_scratch import write
from rig_signatures import Signatures

ANOTHER_SERIAL = 87654321
WRONG_PIN = "999999"


@pytest.fixture
def add(policy, sanitizer):
    """Adds a token to the policy, with one key of the same name."""
    def add(name, token, place):
        policy.add_token(name, token, sanitizer, **{name: place})
        return token
    return add


@pytest.fixture
def tokens(add, tpm, new_piv):
    """One of each kind beside SoftHSM's, by its name in the policy."""
    return {"tpm": add("tpm", tpm, "tpm"), "card": add("card", new_piv(), "9A"),
            "yubikey": add("yubikey", new_piv(is_yubikey=True), "9A")}


@pytest.fixture
def start(new_agent, policy, gun):
    """Starts an agent with the policy as it is now."""
    return lambda: Signatures(new_agent(policy).start(), gun)


def change_pin(token, pin):
    write(token.pin_file, pin + "\n", token.owner.uid, 0o400)


def delegate(client, gun, *names):
    client.run("init", gun)
    for name in names:
        client.run("delegation", "add", gun, f"targets/{name}", f"agent:{name}")
    client.run("delegation", "add", gun, "targets/releases", *(f"agent:{name}" for name in names))


def test_signs_with_all_kinds_at_once(tokens, client, gun, upload, readers):
    delegate(client, gun, "developer", *tokens)
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    roles = ["targets/releases", *(f"targets/{name}" for name in ("developer", *tokens))]
    assert readers.roles_of(gun, "v1", *roles) == (set(roles), image.hex)


def test_signs_a_whole_repository_with_a_tpm(tpm, policy, sanitizer, new_agent, new_client, gun,
                                             upload, readers):
    """Root, targets and a delegation, of which one has been imported and one is for RSA."""
    tpm.take_key("imported", private_pem(new_private_key()))
    tpm.generate("rsa", "rsa2048")
    tpm.generate("wide", "ecc384")
    policy["tokens"] = {"hsm": tpm.entry(**sanitizer.variables)}
    for name, place in (("root", "tpm"), ("targets", "imported"), ("qa", "rsa"),
                        ("developer", "wide")):
        policy["keys"][name]["uri"] = tpm.key_uri(place)
    del policy["keys"]["devops"]
    policy["grants"]["releaser"]["keys"].remove("devops")
    client = new_client(new_agent(policy).start())
    delegate(client, gun, "qa", "developer")
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    roles = {"targets/releases", "targets/qa", "targets/developer"}
    assert readers.roles_of(gun, "v1", *roles) == (roles, image.hex)


@pytest.mark.parametrize("form", [
    {}, {"is_yubikey": True}, {"is_yubikey": True, "firmware": "5.2.7"}],
    ids=["opensc", "ykcs11", "ykcs11 without metadata"])
def test_signs_with_all_slots_of_a_card(form, new_piv, policy, sanitizer, new_agent, new_client, gun,
                                        upload, readers):
    piv = new_piv(**form, keys="9A=p384,9D=rsa2048,9E=p256")
    policy.add_token("card", piv, sanitizer, authentication="9A", management="9D", plain="9E")
    client = new_client(new_agent(policy).start())
    delegate(client, gun, "authentication", "management", "plain")
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    roles = {f"targets/{name}" for name in ("releases", "authentication", "management", "plain")}
    assert readers.roles_of(gun, "v1", *roles) == (roles, image.hex)


@pytest.mark.parametrize("form, place, said", [
    ({"keys": "9D=p256"}, "9D", "it is not for signing (CKA_SIGN)"),
    ({"firmware": None}, "9A", "the token offers no mechanism for it, want CKM_ECDSA"),
], ids=["of another use", "of an unknown card"])
def test_says_at_the_start_which_keys_opensc_cannot_use(form, place, said, new_piv, policy, sanitizer,
                                                        start):
    policy.add_token("card", new_piv(**form), sanitizer, card=place)
    signatures = start()
    assert signatures.key("card")["state"] == "unsuitable"
    token = signatures.token("card")
    assert token["state"] == "ready"
    assert token["detail"].startswith(f"key 'card' is unsuitable: {said}")


def test_signs_with_rsa_on_a_card_that_opensc_does_not_know(new_piv, add, start):
    add("card", new_piv(firmware=None), "9D")
    start().sign("card")


def test_each_token_fails_alone(tokens, start):
    signatures = start()
    signatures.sign("qa", *tokens)
    tokens["card"].card.pull()
    assert signatures.fails("card")["token"] == "card"
    signatures.sign("qa", "tpm", "yubikey")
    tokens["tpm"].tpm.kill_chip()
    assert signatures.fails("tpm")["token"] == "tpm"
    signatures.sign("qa", "yubikey")
    tokens["yubikey"].reader.kill_daemon()
    assert signatures.fails("yubikey")["token"] == "yubikey"
    signatures.sign("qa")


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_a_wrong_pin_costs_a_card_one_try(is_yubikey, add, new_piv, start):
    piv = add("card", new_piv(is_yubikey=is_yubikey), "9A")
    change_pin(piv, WRONG_PIN)
    signatures = start()
    assert "refused the PIN" in signatures.wait_state("card", "locked")["detail"]
    signatures.agent.stop()
    signatures.agent.start()
    signatures.wait_state("card", "locked")
    assert piv.card.stats()["left"] == 2
    signatures.sign("qa")
    change_pin(piv, "123456")
    signatures.wait_ready("card")
    signatures.sign("card")
    assert piv.card.stats()["left"] == 3


def test_a_wrong_pin_costs_a_tpm_one_try(add, tpm, start):
    """Its counter is that of the whole machine."""
    add("tpm", tpm, "tpm")
    before = tpm.tpm.tries()
    try:
        change_pin(tpm, WRONG_PIN)
        signatures = start()
        assert "refused the PIN" in signatures.wait_state("tpm", "locked")["detail"]
        signatures.agent.stop()
        signatures.agent.start()
        signatures.wait_state("tpm", "locked")
        assert tpm.tpm.tries() == before + 1
    finally:
        change_pin(tpm, "1234")
    signatures.wait_ready("tpm")
    signatures.sign("tpm")


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_another_card_does_not_sign_in_its_place(is_yubikey, add, new_piv, start):
    piv = add("card", new_piv(is_yubikey=is_yubikey), "9A")
    signatures = start()
    signatures.sign("card")
    own = piv.swap(ANOTHER_SERIAL)
    said = signatures.fails("card")
    assert said["token"] == "card"
    signatures.wait_state("card", "absent")
    # What it is called does not matter: ykcs11 has the serial number in the name.
    if not is_yubikey:
        assert "another token is there" in signatures.token("card")["detail"]
    signatures.sign("qa")
    piv.swap_back(own)
    signatures.wait_ready("card")
    signatures.sign("card")


def test_workers_that_were_killed_leave_a_tpm_its_room(add, tpm, start):
    """It has room for three sessions, and its manager takes back those of the dead."""
    add("tpm", tpm, "tpm")
    signatures = start()
    for _ in range(5):
        for worker in signatures.agent.workers():
            os.kill(worker, signal.SIGKILL)
        signatures.sign_in_time("tpm")


def test_a_spare_takes_over(add, policy, tpm, new_token, sanitizer, start):
    """The same key in a TPM and, behind it, in SoftHSM. Nobody who asks for a signature notices."""
    private = private_pem(new_private_key())
    tpm.take_key("shared", private)
    spare = new_token()
    spare.take_key("shared", private)
    add("tpm", tpm, "shared")
    policy["tokens"]["spare"] = spare.entry(**sanitizer.variables)
    key = policy["keys"]["tpm"]
    key["at"] = [{"token": "tpm", "uri": key.pop("uri")},
                 {"token": "spare", "uri": spare.key_uri("shared")}]
    del key["token"]
    signatures = start()
    signatures.sign("tpm")
    assert signatures.key("tpm")["token"] == "tpm"
    tpm.tpm.kill_chip()
    signatures.sign("tpm")
    assert signatures.key("tpm")["token"] == "spare"
    tpm.tpm.start_chip()
    signatures.agent.process.wait_until(lambda: signatures.key("tpm")["token"] == "tpm")
    signatures.sign("tpm")


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_shares_its_card_with_other_programs(is_yubikey, add, new_piv, start):
    """Who uses it, resets it, or gives it a wrong PIN takes the login away, which is then renewed."""
    piv = add("card", new_piv(is_yubikey=is_yubikey), "9A")
    signatures = start()
    signatures.sign("card")
    piv.tool("--login", "--pin", "123456", "--list-objects")
    signatures.sign("card")
    piv.run("opensc-tool", "--reset", "--atr")
    signatures.sign("card")
    piv.run("pkcs11-tool", "--module", piv.module, "--login", "--pin", WRONG_PIN, "--list-objects",
            status=1)
    signatures.sign("card")
    assert piv.card.stats()["left"] == 3


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_tells_two_cards_at_one_daemon_apart(is_yubikey, add, policy, new_piv, start):
    first = add("first", new_piv(is_yubikey=is_yubikey), "9A")
    add("second", new_piv(is_yubikey=is_yubikey, serial=ANOTHER_SERIAL, beside=first), "9A")
    if not is_yubikey:  # all its cards have the same label, so that only serial numbers differ
        serials = re.findall(r"serial num +: (\w+)", first.tool("--list-token-slots").decode())
        for name, serial in zip(("first", "second"), serials):
            policy["tokens"][name]["uri"] += f";serial={serial}"
    signatures = start()
    signatures.sign("first", "second")
    first.card.pull()
    assert signatures.fails("first")["token"] == "first"
    signatures.sign("second")
    first.card.push()
    signatures.sign_in_time("first")
    signatures.sign("second")


def test_a_tpm_that_others_have_locked_signs_once_it_is_unlocked(add, tpm, start):
    """Its PIN is tried once a minute, as time ends such a lock; an admin need not wait."""
    add("tpm", tpm, "tpm")
    signatures = start()
    signatures.sign("tpm")
    with tpm.locked():
        signatures.agent.stop()
        signatures.agent.start()
        assert signatures.fails("tpm")["state"] == "locked"
        signatures.agent.process.wait_until(
            lambda: "tpm2_dictionarylockout" in signatures.token("tpm")["detail"])
        signatures.sign("qa")
    signatures.agent.call("Unlock", token="tpm")
    signatures.wait_ready("tpm")
    signatures.sign("tpm")


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_signs_with_the_slot_that_wants_the_pin_each_time(is_yubikey, new_piv, policy, sanitizer,
                                                          start):
    piv = new_piv(is_yubikey=is_yubikey)
    policy.add_token("card", piv, sanitizer, always="9C", once="9A")
    signatures = start()
    for _ in range(3):
        signatures.sign("always", "once")
    piv.card.pull()
    signatures.fails("always")
    piv.card.push()
    signatures.sign_in_time("always")
    signatures.sign("always", "once")
    assert piv.card.stats()["left"] == 3


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_asks_for_a_finger(is_yubikey, add, new_piv, start, new_client, gun, upload):
    piv = add("card", new_piv(is_yubikey=is_yubikey), "9A")
    client = new_client(start().agent)
    delegate(client, gun, "card")
    upload(f"{gun}:v1")
    piv.card.tell("need-touch", "on")
    signing = client.start("sign", f"{gun}:v1", "-v")
    # OpenSC does not say of a card whether it can be touched.
    for line in signing.stderr:
        found = re.search(rf"waiting for (.*) 'card' for targets/\w+ of {gun}", line)
        if found:
            break
    assert found.group(1) == ("touch on" if is_yubikey else "token")
    piv.card.tell("need-touch", "off")
    piv.card.tell("touch")
    assert client.finish(signing).returncode == 0


@pytest.mark.parametrize("is_yubikey", [False, True], ids=["opensc", "ykcs11"])
def test_a_pin_that_was_typed_outlasts_a_replug(is_yubikey, new_piv, policy, sanitizer, start,
                                                new_client):
    """9C needs it for each signature, and both after the card was away."""
    piv = new_piv(is_yubikey=is_yubikey)
    policy.add_token("card", piv, sanitizer, always="9C", once="9A")
    policy["tokens"]["card"]["pin"] = "prompt"
    signatures = start()
    client = new_client(signatures.agent)
    assert "countersign unlock card" in signatures.wait_state("card", "locked")["detail"]
    client.run("unlock", "card", "--pin-file", client.write("pin", "123456\n", 0o400))
    signatures.sign("always", "once")
    piv.card.pull()
    signatures.fails("always")
    piv.card.push()
    signatures.sign_in_time("always")
    signatures.sign("always", "once")
    assert piv.card.stats()["left"] == 3
