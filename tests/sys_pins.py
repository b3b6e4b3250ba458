# SPDX-License-Identifier: Apache-2.0
"""PINs: who types them, who sees them, and how often they are tried."""
import contextlib
import os
import signal
import struct
import threading

import pytest

import rig_memory
import rig_users
from rig_image import Image
from rig_process import environment
from rig_publisher import new_private_key, private_pem
from rig_scratch import write
from rig_signatures import Signatures
from rig_terminal import type_into_shell
from rig_token import PIN
from rig_varlink import INTERFACE, VarlinkError

WORKERS = 4
SECRET = "Qz7-nobody-else-has-it-Xk"


@pytest.fixture
def start(new_agent, policy, gun):
    """Starts an agent with the policy as it is now."""
    return lambda: Signatures(new_agent(policy).start(), gun)


@pytest.fixture
def prompted(policy, start):
    """An agent whose token waits for its PIN."""
    policy["tokens"]["hsm"].update(pin="prompt", workers=WORKERS)
    return start()


@pytest.fixture
def admin(new_client):
    """Makes the client of an admin, who needs no server."""
    return lambda signatures, user=None: new_client(signatures.agent, user, server=None)


def begin_unlock(agent, user=None, **parameters):
    """An upgraded call and its first answer, on a connection of its own."""
    connection = agent.connect(user)
    connection.send_message({"method": f"{INTERFACE}.Unlock", "upgrade": True,
                             "parameters": {"token": "hsm", **parameters}})
    reply = connection.receive()
    if "error" in reply:
        connection.close()
        raise VarlinkError(reply)
    return connection


def send_pin(connection, pin):
    connection.send(struct.pack(">I", len(pin)) + pin)


def outcome(connection):
    """The last word; "" is success, else the error's name."""
    reply = connection.receive()
    with contextlib.suppress(ConnectionResetError):  # what was sent, and nobody read
        assert connection.receive() is None
    connection.close()
    return reply.get("error", "").removeprefix(INTERFACE + ".")


def unlock(agent, pin=PIN):
    connection = begin_unlock(agent)
    send_pin(connection, pin.encode())
    assert outcome(connection) == ""


def wait_workers(signatures, n=WORKERS):
    signatures.agent.process.wait_until(lambda: signatures.token("hsm")["workers"] == n)


def acts(agent):
    """What the ledger says was done to tokens: (method, detail, outcome)."""
    return [(record["method"], record["detail"], record["outcome"])
            for record in agent.ledger.records() if record["method"] in ("Lock", "Unlock")]


def test_is_locked_until_an_admin_types_the_pin(prompted, admin):
    client = admin(prompted)
    assert prompted.key("qa")["state"] == "locked"
    said = client.run("status")
    assert "countersign unlock hsm" in said and "prompt" in said
    file = client.write("pin", PIN + "\n", 0o400)
    assert client.run("unlock", "hsm", "--pin-file", file) == "token 'hsm' is unlocked\n"
    wait_workers(prompted)
    prompted.wait_ready("qa")
    prompted.sign("qa")
    assert client.run("unlock", "hsm", "--pin-file", file) == "token 'hsm' was not locked\n"

    # A new policy in which the token is the same asks nobody again.
    prompted.agent.hang_up()
    prompted.sign("qa")

    # Nor do workers that take the place of others, but those of the next agent.
    killed = prompted.agent.workers()[:WORKERS - 1]
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    prompted.agent.process.wait_until(lambda: not set(killed) & set(prompted.agent.workers()))
    wait_workers(prompted)
    prompted.sign("qa")
    prompted.agent.stop()
    prompted.agent.start()
    assert "countersign unlock hsm" in prompted.fails("qa")["remedy"]


def test_stays_locked_by_an_admin_whatever_restarts(policy, start, admin):
    signatures = start()
    client = admin(signatures)
    signatures.sign("qa")
    assert client.run("lock", "hsm") == "token 'hsm' is locked\n"
    assert signatures.fails("qa")["state"] == "locked"
    signatures.agent.stop()
    signatures.agent.start()
    assert "countersign unlock hsm" in signatures.fails("qa")["remedy"]
    assert "without --pin-file" in client.refused(1, "unlock", "hsm", "--pin-file", "/dev/null")
    client.run("unlock", "hsm")
    signatures.wait_ready("qa")
    signatures.sign("qa")
    assert client.run("lock") == "all tokens are locked\n"
    signatures.agent.stop()
    assert acts(signatures.agent) == [
        ("Lock", "token 'hsm'", "done"), ("Unlock", "token 'hsm'", "done"),
        ("Lock", "token '*'", "done")]


def test_records_who_tried_and_what_came_of_it(prompted, admin):
    client = admin(prompted)
    wrong = client.write("wrong", "9999\n", 0o400)
    assert "refused the PIN" in client.refused(5, "unlock", "hsm", "--pin-file", wrong)
    assert "no token 'nothing'" in client.refused(1, "unlock", "nothing")
    unlock(prompted.agent)
    prompted.agent.stop()
    (first, second) = acts(prompted.agent)
    assert first[0::2] == ("Unlock", "failed") and "refused the PIN" in first[1]
    assert second == ("Unlock", "token 'hsm'", "done")
    records = prompted.agent.ledger.records()
    assert {record["peer"]["uid"] for record in records} == {rig_users.RELEASER.uid}


def test_only_admins_lock_and_unlock(policy, start, admin, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"]}
    policy["tokens"]["hsm"]["pin"] = "prompt"
    signatures = start()
    client = admin(signatures, tester)
    file = client.write("pin", PIN + "\n", 0o400)
    assert "not-admin" in client.refused(3, "unlock", "hsm", "--pin-file", file)
    assert "not-admin" in client.refused(3, "lock")
    signatures.agent.stop()
    assert acts(signatures.agent) == [("Unlock", None, "refused"), ("Lock", None, "refused")]


# What comes instead of a PIN, and the error that it is
NO_PINS = [
    ("nothing, and hangs up", b"", ""),
    ("a length, and hangs up", struct.pack(">I", 4), ""),
    ("half a PIN, and hangs up", struct.pack(">I", 4) + b"12", ""),
    ("an empty one", struct.pack(">I", 0), "Malformed"),
    ("one with a NUL", struct.pack(">I", 5) + b"12\00034", "Malformed"),
    ("one with a newline", struct.pack(">I", 5) + b"1234\n", "Malformed"),
    ("a megabyte", struct.pack(">I", 1 << 20) + bytes(1 << 20), "TooLarge"),
    ("4 GiB", b"\xff" * 4, "TooLarge"),
    ("more than it said", struct.pack(">I", 4) + b"1234" + bytes(100), "Malformed"),
]


def test_takes_no_harm_from_what_is_no_pin(prompted):
    """And none of it costs a try."""
    agent = prompted.agent
    for says, sent, error in NO_PINS:
        connection = begin_when_free(agent)
        try:
            connection.send(sent)
        except BrokenPipeError:
            assert error == "TooLarge", says
        if error:
            assert outcome(connection) == error, says
        connection.close()
    begin_when_free(agent).close()
    connection = begin_when_free(agent)
    send_pin(connection, PIN.encode())
    assert outcome(connection) == ""
    prompted.wait_ready("qa")
    prompted.sign("qa")


def begin_when_free(agent):
    """The same, once the agent is done with the one before it."""
    started = []

    def starts():
        try:
            started.append(begin_unlock(agent))
        except VarlinkError as error:
            assert error.name == "Busy", error
        return bool(started)
    agent.process.wait_until(starts)
    return started[0]


def test_unlocks_once_at_a_time(prompted):
    """Who says nothing keeps others waiting for ten seconds, and nobody from signing elsewhere."""
    silent = begin_unlock(prompted.agent)
    with pytest.raises(VarlinkError) as error:
        begin_unlock(prompted.agent)
    assert error.value.name == "Busy"
    assert prompted.agent.call("Status")
    silent.close()
    connection = begin_when_free(prompted.agent)
    send_pin(connection, PIN.encode())
    assert outcome(connection) == ""


def test_refuses_what_comes_before_it_was_asked_for(prompted):
    call = b'{"method":"%s.Unlock","upgrade":true,"parameters":{"token":"hsm"}}\0'
    with prompted.agent.connect() as connection:
        connection.send(call % INTERFACE.encode() + struct.pack(">I", 4) + SECRET.encode())
        assert connection.receive()["error"] == f"{INTERFACE}.Malformed"
        assert connection.receive() is None
    assert not rig_memory.found(prompted.agent.process.pid, SECRET.encode())


def test_does_not_unlock_what_signs(prompted):
    unlock(prompted.agent)
    wait_workers(prompted)
    prompted.wait_ready("qa")
    stop = threading.Event()

    def sign():
        while not stop.is_set():
            prompted.sign("qa")
    thread = threading.Thread(target=sign)
    thread.start()
    try:
        for _ in range(5):
            with pytest.raises(VarlinkError) as error:
                begin_unlock(prompted.agent)
            assert error.value.name == "Unsupported"
    finally:
        stop.set()
        thread.join()
    prompted.sign("qa")


# Secrets

def secret_is_nowhere(agent, *secrets):
    """But in the memory of workers."""
    pids = [agent.process.pid, *agent.workers()]
    assert not rig_memory.found(agent.process.pid, *secrets)
    for secret in secrets:
        assert not any(secret in rig_memory.shown(pid) for pid in pids)
        assert secret not in agent.process.log.read_bytes()
        assert not any(secret in file.read_bytes() for file in agent.state.iterdir())
    # One that has just begun is still about to see to that, and knows nothing yet.
    agent.process.wait_until(lambda: not any(map(rig_memory.has_core, agent.workers())))


def test_only_the_token_s_process_ever_has_the_pin(prompted, token, admin):
    rig_users.need_root_to_look()
    token.change_pin(PIN, SECRET)
    client = admin(prompted)
    file = client.write("pin", SECRET + "\n", 0o400)
    wrong = client.write("wrong", SECRET + "-not\n", 0o400)
    client.refused(5, "unlock", "hsm", "--pin-file", wrong)
    client.run("unlock", "hsm", "--pin-file", file)
    wait_workers(prompted)
    prompted.wait_ready("qa")
    prompted.sign("qa")
    before = prompted.agent.workers()
    secret_is_nowhere(prompted.agent, SECRET.encode())
    for worker in before:
        assert rig_memory.found(worker, SECRET.encode())
        assert rig_memory.locked_kib(worker) > 0

    client.run("lock", "hsm")
    wait_workers(prompted, 0)
    prompted.agent.process.wait_until(lambda: not set(before) & set(prompted.agent.workers()))
    prompted.wait_state("hsm", "locked")
    secret_is_nowhere(prompted.agent, SECRET.encode())
    for worker in prompted.agent.workers():
        assert not rig_memory.found(worker, SECRET.encode())


def test_a_pin_in_a_file_is_in_memory_only_for_the_login(token, start):
    """SoftHSM keeps none itself."""
    rig_users.need_root_to_look()
    token.change_pin(PIN, SECRET)
    write(token.pin_file, SECRET + "\n", token.owner.uid, 0o400)
    signatures = start()
    signatures.sign("qa")
    secret_is_nowhere(signatures.agent, SECRET.encode())
    for worker in signatures.agent.workers():
        assert not rig_memory.found(worker, SECRET.encode())


def test_the_agent_never_has_a_key_that_is_brought(start, admin):
    rig_users.need_root_to_look()
    signatures = start()
    client = admin(signatures)
    private = new_private_key()
    pem = private_pem(private)
    number = private.private_numbers().private_value.to_bytes(32, "big")
    file = client.write("key.pem", pem, 0o400)
    client.run("key", "import", file, "--token", "hsm", "--name", "brought")
    secret_is_nowhere(signatures.agent, number, pem.splitlines()[1].encode())


# At a terminal

def at_terminal(client, script, *answers):
    """What a shell prints in which the client asks for the PIN."""
    return type_into_shell(script.replace("countersign", str(client.programs.client)),
                           [(r"PIN of token 'hsm': ", answer) for answer in answers],
                           {**environment(), **client.environment}, client.user)


@pytest.mark.parametrize("typed, status", [("\x03", 130), ("\x04", 1), ("", 5), ("9999", 5)],
                         ids=["an interrupt", "an end of file", "nothing", "a wrong PIN"])
def test_a_prompt_that_comes_to_nothing_is_no_success(prompted, admin, typed, status):
    said = at_terminal(admin(prompted), "trap : INT; countersign unlock hsm || echo status $?", typed)
    assert f"status {status}" in said
    assert prompted.token("hsm")["state"] == "locked"


def test_types_the_pin_without_echo(prompted, admin):
    said = at_terminal(admin(prompted), "countersign unlock hsm; stty -a", PIN)
    assert "token 'hsm' is unlocked" in said and PIN not in said
    assert " echo " in said and "-echo " not in said.replace("-echonl", "").replace("-echoprt", "")


def test_who_has_unlocked_can_sign_at_once(prompted):
    unlock(prompted.agent)
    assert {key["state"] for key in prompted.agent.call("ListKeys")["keys"]} == {"ready"}


def test_offers_to_unlock_for_a_signature(prompted, new_client, gun):
    client = new_client(prompted.agent)
    said = at_terminal(client, f"countersign init {gun}", PIN)
    assert "token 'hsm' is locked" in said
    assert client.run("root-id", gun)

    client.run("lock")
    image = Image(client.home / "image", gun)
    said = at_terminal(client, f"countersign push {gun}:v1 --from oci:$HOME/image", PIN)
    assert said.index("token 'hsm' is locked") < said.index(": Pushed")
    assert f"{gun}:v1@{image.digest}" in said


def test_tells_no_stranger_the_pin(prompted, admin):
    client = admin(prompted)
    file = client.write("pin", PIN + "\n", 0o400)
    said = client.refused(5, "unlock", "hsm", "--pin-file", file, COUNTERSIGN_AGENT_USER="4711")
    assert f"uid {rig_users.AGENT.uid} listens" in said and "COUNTERSIGN_AGENT_USER" in said
    assert prompted.token("hsm")["state"] == "locked"
