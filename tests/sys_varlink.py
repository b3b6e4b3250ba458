# SPDX-License-Identifier: Apache-2.0
"""Programs in any language talk to the agent, well or badly, and it answers as Varlink has it."""
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess

import pytest

import rig_document
from rig_tree import ROOT
from rig_varlink import INTERFACE, VarlinkError

SERVICE = "org.varlink.service"
DESCRIPTION = (ROOT / "proto" / f"{INTERFACE}.varlink").read_text(encoding="utf-8")
METHODS = re.findall(r"^method (\w+)", DESCRIPTION, re.MULTILINE)


@pytest.fixture
def connection(agent):
    with agent.connect() as connection:
        yield connection


@pytest.fixture
def document(agent, gun):
    """Makes a document that the agent signs: document(version)."""
    (key,) = [key["key"] for key in agent.call("ListKeys")["keys"] if key["name"] == "qa"]
    return lambda version: rig_document.request(
        gun, "targets/qa", rig_document.targets(version=version), key)


@pytest.fixture
def stopped_worker(agent):
    """The only worker of the token does nothing until it is let go."""
    (pid,) = agent.workers()
    os.kill(pid, signal.SIGSTOP)
    yield lambda: os.kill(pid, signal.SIGCONT)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def error(connection, method, **parameters):
    """The error reply to a call, which must be one."""
    with pytest.raises(VarlinkError) as caught:
        connection.call(method, **parameters)
    return caught.value


def frame_error(connection, data):
    """The error reply to bytes that end the connection."""
    connection.send(data)
    reply = connection.receive()
    assert connection.receive() is None
    return reply["error"].removeprefix(INTERFACE + "."), reply["parameters"]


def test_says_who_it_is(connection, programs):
    info = connection.call(f"{SERVICE}.GetInfo")
    assert info["product"] == "countersign-agent"
    assert info["interfaces"] == [SERVICE, INTERFACE]
    version = subprocess.run([programs.agent, "--version"], check=True, capture_output=True,
                             text=True).stdout
    assert version.split() == ["countersign-agent", info["version"]]


def test_describes_its_interface(connection):
    description = connection.call(f"{SERVICE}.GetInterfaceDescription", interface=INTERFACE)
    assert description == {"description": DESCRIPTION}


def test_tells_of_interfaces_that_it_does_not_have(connection):
    described = error(connection, f"{SERVICE}.GetInterfaceDescription", interface="org.example")
    assert (described.name, described.parameters) == (
        f"{SERVICE}.InterfaceNotFound", {"interface": "org.example"})
    called = error(connection, "org.example.Sign")
    assert (called.name, called.parameters) == (
        f"{SERVICE}.InterfaceNotFound", {"interface": "org.example"})


def test_tells_of_methods_that_it_does_not_have(connection):
    for method in (f"{INTERFACE}.Export", f"{SERVICE}.Export"):
        told = error(connection, method)
        assert (told.name, told.parameters) == (f"{SERVICE}.MethodNotFound", {"method": method})


def test_knows_every_method_of_its_description(connection):
    assert "Sign" in METHODS
    for method in METHODS:
        connection.send_message({"method": f"{INTERFACE}.{method}", "parameters": {"no": "such"}})
        assert connection.receive().get("error") != f"{SERVICE}.MethodNotFound"


def test_refuses_unknown_parameters(connection):
    for method in ("Status", "ListKeys", "Sign", "Explain", "IssueRootCertificate", "Reload"):
        told = error(connection, method, surprise=1)
        assert told.name == "Malformed", method
        assert "surprise" in told.parameters["problem"] or method in (
            "Sign", "Explain", "IssueRootCertificate")
    told = error(connection, f"{SERVICE}.GetInterfaceDescription", surprise=1)
    assert told.name == f"{SERVICE}.InvalidParameter"


def test_answers_in_order(connection):
    calls = [f"{SERVICE}.GetInfo", f"{INTERFACE}.Status", f"{INTERFACE}.ListKeys"] * 5
    connection.send(b"".join(json.dumps({"method": method}).encode() + b"\0" for method in calls))
    for expected in ["vendor", "tokens", "keys"] * 5:
        assert expected in connection.receive()["parameters"]


def test_signs_in_order_what_is_sent_at_once(connection, document):
    wanted = [document(version) for version in (1, 2, 3)]
    connection.send(b"".join(
        json.dumps({"method": f"{INTERFACE}.Sign", "parameters": {"documents": [one]}}).encode()
        + b"\0" for one in wanted))
    records = [connection.receive()["parameters"]["record"] for _ in wanted]
    assert records == sorted(records)


def test_takes_a_call_byte_by_byte(connection):
    for byte in json.dumps({"method": f"{SERVICE}.GetInfo"}).encode() + b"\0":
        connection.send(bytes([byte]))
    assert connection.receive()["parameters"]["product"] == "countersign-agent"


def test_answers_after_the_end_of_input(connection, document):
    """As `nc -N` does it: send, shut down, read to the end."""
    connection.send_message({"method": f"{INTERFACE}.Status"})
    connection.send_message({"method": f"{INTERFACE}.Sign",
                             "parameters": {"documents": [document(1)]}})
    connection.socket.shutdown(socket.SHUT_WR)
    assert "tokens" in connection.receive()["parameters"]
    assert connection.receive()["parameters"]["documents"][0]["signatures"]
    assert connection.receive() is None


def test_answers_after_the_end_of_input_and_a_wait(agent, connection, document, stopped_worker):
    connection.send_message({"method": f"{INTERFACE}.Sign",
                             "parameters": {"documents": [document(1)]}})
    connection.socket.shutdown(socket.SHUT_WR)
    assert agent.call("Status")
    assert not select.select([connection.socket], [], [], 0)[0]
    stopped_worker()
    assert connection.receive()["parameters"]["documents"][0]["signatures"]
    assert connection.receive() is None


def test_has_no_answer_to_half_a_call(connection):
    connection.send(b'{"method":"')
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.receive() is None


NO_CALLS = [
    b"", b"hello", b"[]", b'"text"', b"null", b"{}", b'{"method":1}',
    b'{"method":"x","method":"y"}', b'{"method":"x","parameters":[]}',
    b'{"method":"org.varlink.service.GetInfo","surprise":true}',
    b'{"method":"org.varlink.service.GetInfo","more":1}',
    b'{"method":"org.varlink.service.GetInfo"} {}', b'{"method":"\xff"}',
    b'{"method":"x","parameters":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
]


def test_refuses_what_is_no_call(agent):
    for frame in NO_CALLS:
        with agent.connect() as connection:
            name, parameters = frame_error(connection, frame + b"\0")
        assert (name, parameters["where"]) == ("Malformed", "frame"), frame
    assert agent.call("Status")


@pytest.mark.parametrize("flag", ["oneway", "upgrade"])
def test_signs_for_nobody_who_does_not_listen(flag, connection, document):
    sign = {"method": f"{INTERFACE}.Sign", "parameters": {"documents": [document(1)]}}
    connection.send_message({**sign, flag: True})
    reply = connection.receive()
    assert reply == {"error": f"{SERVICE}.InvalidParameter", "parameters": {"parameter": flag}}
    connection.send_message({**sign, flag: False})
    assert connection.receive()["parameters"]["record"] == 1


def test_ends_with_one_reply_for_who_wants_more(connection, document):
    connection.send_message({"method": f"{INTERFACE}.Sign", "more": True,
                             "parameters": {"documents": [document(1)]}})
    reply = connection.receive()
    while reply.get("continues"):
        reply = connection.receive()
    assert reply["parameters"]["documents"][0]["signatures"]


@pytest.mark.parametrize("role_in_work", ["targets/releases", "targets/qa"],
                         ids=["queued for the token", "queued for the role"])
def test_forgets_the_work_of_who_hangs_up(role_in_work, agent, document, stopped_worker, gun):
    """Neither a signature, nor a mark that would be in the way of other bytes, but a record."""
    with agent.connect() as busy, agent.connect() as gone:
        busy.send_message({"method": f"{INTERFACE}.Sign", "parameters": {
            "documents": [{**document(1), "role": role_in_work}]}})
        agent.takes(busy)
        gone.send_message({"method": f"{INTERFACE}.Sign",
                           "parameters": {"documents": [document(2)]}})
        agent.takes(gone)
        gone.close()
        agent.process.wait_until(lambda: agent.call("Audit")["records"])
        stopped_worker()
        assert busy.receive()["parameters"]["documents"][0]["signatures"]
    different = rig_document.targets(version=2, names={"v1": rig_document.target()})
    signed = agent.call("Sign", documents=[
        rig_document.request(gun, "targets/qa", different, *document(1)["keys"])])
    assert signed["documents"][0]["signatures"]
    agent.stop()
    assert [(record["documents"][0]["version"], record["outcome"])
            for record in agent.ledger.records()] == [
                (2, "cancelled"), (1, "released"), (2, "released")]
