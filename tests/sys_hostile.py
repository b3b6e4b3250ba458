# SPDX-License-Identifier: Apache-2.0
"""Peers that do not keep to the protocol, or take more than their share: others notice nothing."""
import array
import json
import os
import re
import socket

import pytest

import rig_users
from rig_document import key_id, key_object, request, targets
from rig_tree import ROOT
from rig_varlink import INTERFACE, VarlinkError

BOUNDS = {name: eval(value) for name, value in re.findall(  # pylint: disable=eval-used
    r"^#define (\w+) +(\([\d *]+\)|\d+) ", (ROOT / "proto/bounds.h").read_text(), re.MULTILINE)}


@pytest.fixture
def stranger():
    return rig_users.user(61099)


def works(agent):
    """Whether the agent still answers those who keep to the rules."""
    return agent.call("Status")["version"] != ""


def is_closed(connection):
    """Whether the agent ends the connection, after whatever it still has to say."""
    try:
        while connection.receive() is not None:
            pass
    except ConnectionResetError:
        pass
    return True


def error_of(connection, message):
    connection.send_message(message)
    reply = connection.receive()
    return reply["error"].removeprefix(INTERFACE + "."), reply["parameters"]


def test_describes_itself(agent):
    info = agent.call("org.varlink.service.GetInfo")
    assert INTERFACE in info["interfaces"] and "org.varlink.service" in info["interfaces"]
    described = agent.call("org.varlink.service.GetInterfaceDescription", interface=INTERFACE)
    assert described["description"] == (ROOT / f"proto/{INTERFACE}.varlink").read_text()


@pytest.mark.parametrize("method, name", [
    ("org.example.Nobody", "org.varlink.service.InterfaceNotFound"),
    (f"{INTERFACE}.Nothing", "org.varlink.service.MethodNotFound"),
    (f"{INTERFACE}.GenerateKey", "org.varlink.service.MethodNotImplemented"),
    (f"{INTERFACE}.Approve", "org.varlink.service.MethodNotImplemented")])
def test_says_what_it_does_not_know(agent, method, name):
    with agent.connect() as connection:
        assert error_of(connection, {"method": method})[0] == name
        assert connection.call("Status")


@pytest.mark.parametrize("message", [
    {"method": f"{INTERFACE}.Status", "parameters": {"unknown": 1}},
    {"method": f"{INTERFACE}.Sign", "parameters": {}},
    {"method": f"{INTERFACE}.Sign", "parameters": {"documents": []}},
    {"method": f"{INTERFACE}.Sign", "parameters": {"documents": "all"}},
    {"method": f"{INTERFACE}.Sign", "parameters": {"documents": [{"format": "notary"}]}},
], ids=lambda message: str(message["parameters"]))
def test_refuses_parameters_that_the_interface_does_not_have(agent, message):
    with agent.connect() as connection:
        name, _ = error_of(connection, message)
        assert name in ("Malformed", "org.varlink.service.InvalidParameter")


@pytest.mark.parametrize("frame", [
    b"\0", b"{}\0", b"[]\0", b"hello\0", b"\xff\xfe\0", b"null\0", b'{"method":1}\0',
    b'{"method":"x","method":"y"}\0', b"{" * 5000 + b"\0", b'{"method":"\\u0000"}\0',
    b'{"method":"org.countersign.Agent.Status","unknown":true}\0'])
def test_ends_a_connection_that_speaks_something_else(agent, frame):
    with agent.connect() as connection:
        connection.send(frame)
        connection.socket.shutdown(socket.SHUT_WR)
        assert is_closed(connection)
    assert works(agent)


def test_ends_a_connection_that_asks_for_a_signature_without_an_answer(agent):
    with agent.connect() as connection:
        connection.send_message(
            {"method": f"{INTERFACE}.Sign", "parameters": {"documents": []}, "oneway": True})
        connection.socket.shutdown(socket.SHUT_WR)
        assert is_closed(connection)
    assert works(agent)


def test_answers_after_the_end_of_what_it_reads(agent):
    with agent.connect() as connection:
        connection.send_message({"method": f"{INTERFACE}.Status"})
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.receive()["parameters"]["version"]
        assert connection.receive() is None


def test_answers_calls_in_their_order(agent):
    with agent.connect() as connection:
        names = ["Status", "Nothing", "ListKeys", "Status"]
        connection.send(b"".join(
            json.dumps({"method": f"{INTERFACE}.{name}"}).encode() + b"\0" for name in names))
        replies = [connection.receive() for _ in names]
    assert ["version" in reply.get("parameters", {}) for reply in replies] == [
        True, False, False, True]


def test_survives_who_hangs_up_in_the_middle(agent, gun, token):
    key = key_id(key_object(token.public_key("qa")))
    whole = json.dumps({"method": f"{INTERFACE}.Sign", "parameters": {
        "documents": [request(gun, "targets/qa", targets(), key)]}}).encode() + b"\0"
    for n in (1, len(whole) // 2, len(whole) - 1, len(whole)):
        with agent.connect() as connection:
            connection.send(whole[:n])
    assert works(agent)


def test_drops_descriptors_that_are_passed(agent):
    rig_users.need_root_to_look()
    n_before = len(os.listdir(f"/proc/{agent.process.pid}/fd"))
    with agent.connect() as connection:
        frame = json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0"
        for _ in range(20):
            connection.socket.sendmsg([frame], [(
                socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 100))])
            assert connection.receive()["parameters"]["version"]
        assert len(os.listdir(f"/proc/{agent.process.pid}/fd")) <= n_before + 1


def test_a_stranger_sends_small_frames_only(agent, stranger):
    most = BOUNDS["FRAME_SMALL_MAX_BYTES"]
    head = json.dumps({"method": f"{INTERFACE}.Status"}).encode()
    with agent.connect(stranger) as connection:
        connection.send(head + b" " * (most - len(head)) + b"\0")
        assert connection.receive()["error"].endswith("Denied")
    with agent.connect(stranger) as connection:
        try:
            connection.send(head + b" " * (most + 1 - len(head)) + b"\0")
            reply = connection.receive()
            assert reply["error"].removeprefix(INTERFACE + ".") in ("TooLarge", "Busy")
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert is_closed(connection)
    assert works(agent)


def test_a_known_user_sends_large_frames(agent):
    padding = b" " * (4 * 1024 * 1024)
    with agent.connect() as connection:
        connection.send(json.dumps({"method": f"{INTERFACE}.Status"}).encode() + padding + b"\0")
        assert connection.receive()["parameters"]["version"]


@pytest.mark.parametrize("who, bound", [
    ("stranger", "CONN_MAX_PER_STRANGER"), ("releaser", "CONN_MAX_PER_UID")])
def test_a_user_has_so_many_connections(agent, who, bound, request):
    user = request.getfixturevalue("stranger") if who == "stranger" else rig_users.RELEASER
    connections = [agent.connect(user) for _ in range(BOUNDS[bound])]
    try:
        connections[-1].send_message({"method": "org.varlink.service.GetInfo"})
        assert connections[-1].receive() is not None
        with agent.connect(user) as one_more:
            reply = one_more.receive()
            assert reply["error"] == f"{INTERFACE}.Busy"
            assert bound in reply["parameters"]["bound"]
            assert one_more.receive() is None
        if who == "stranger":
            assert works(agent)
    finally:
        for connection in connections:
            connection.close()
    agent.process.wait_until(lambda: works_for(agent, user))


def works_for(agent, user):
    """The agent notices closed connections one after the other."""
    try:
        agent.call("org.varlink.service.GetInfo", user)
    except VarlinkError as error:
        assert error.name == "Busy"
        return False
    except ConnectionError:
        return False
    return True


def test_a_frame_that_drips_is_given_up(agent):
    with agent.connect() as connection:
        connection.send(b'{"method":')
        assert is_closed(connection)
    assert works(agent)
