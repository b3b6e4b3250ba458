# SPDX-License-Identifier: Apache-2.0
"""Peers that do not keep to the protocol, or take more than their share: others notice nothing."""
import array
import json
import os
import socket

import pytest

import rig_users
from rig_document import key_id, key_object, request, targets
from rig_tree import bounds
from rig_varlink import INTERFACE, VarlinkError

BOUNDS = bounds()


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


def padded_call(length):
    """A call of length bytes that anybody may make."""
    head, tail = b'{"method":"org.varlink.service.GetInfo"', b"}"
    return head + b" " * (length - len(head) - len(tail)) + tail + b"\0"


@pytest.mark.parametrize("who, bound", [
    ("stranger", "FRAME_SMALL_MAX_BYTES"), ("releaser", "FRAME_MAX_BYTES")])
def test_a_call_has_so_many_bytes(agent, who, bound, request):
    user = request.getfixturevalue("stranger") if who == "stranger" else rig_users.RELEASER
    with agent.connect(user) as connection:
        connection.send(padded_call(BOUNDS[bound]))
        assert "parameters" in connection.receive()
        connection.send(padded_call(BOUNDS[bound] + 1))
        reply = connection.receive()
        assert (reply["error"], reply["parameters"]) == (f"{INTERFACE}.TooLarge", {"bound": bound})
        assert is_closed(connection)
    assert works(agent)


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
        reply = connection.receive()
        assert (reply["error"], reply["parameters"]["bound"]) == (
            f"{INTERFACE}.Busy", "FRAME_SMALL_TIMEOUT_S")
        assert is_closed(connection)
    assert works(agent)
