# SPDX-License-Identifier: Apache-2.0
"""What one may only do if another agrees: a root is made and rotated by two people, while a third
tries to agree with himself."""
import base64
import json
import os
import subprocess
import urllib.request

import pytest

from rig_chain import Chain
from rig_document import after, key_id, key_object, request, targets
from rig_people import People
from rig_publisher import published
from rig_users import User, user
from rig_varlink import VarlinkError

SECURITY = 61600
INIT = ("init", "--root-key", "agent:root")


@pytest.fixture
def people(scratch):
    return People(scratch.directory("people"),
                  {"manager": User(61001), "carol": User(61021, groups=[SECURITY]),
                   "dave": User(61022, groups=[SECURITY]), "mallory": User(61023)},
                  {"security": SECURITY})


@pytest.fixture
def ceremony(policy, token):
    """The policy: managers sign roots, targets and targets/qa only if somebody of security agrees."""
    token.generate("root2")
    policy["keys"]["root2"] = {**policy["keys"]["root"], "uri": token.key_uri("root2")}
    who = {"users": [61001, 61022]}
    policy["grants"] = {
        "ceremony": {**who, "keys": ["root", "root2", "targets"], "delegate": True,
                     "approvals": {"count": 1, "groups": ["security"]}},
        "qa-team": {**who, "keys": ["qa"], "approvals": {"count": 2, "users": [61021, 61022]}}}
    policy["admins"] = {"users": [61023]}
    return policy


@pytest.fixture
def agent(new_agent, ceremony, people):  # pylint: disable=redefined-outer-name
    agent = new_agent(ceremony)
    agent.people = people
    return agent.start()


@pytest.fixture
def clients(agent, people, new_client):
    """Each with a home of his own."""
    return {name: new_client(agent, people[name]) for name in
            ("manager", "carol", "dave", "mallory")}


def restart(agent):
    agent.kill()
    agent.start()


def parked(client):
    """The one request that a user is told of."""
    (one,) = client.json("pending", "--json")["requests"]
    return one


def agree(client, one):
    return client.run("approve", one["id"], "--digest", one["digest"][:8])


def denied(agent, reason, method, who, **parameters):
    with pytest.raises(VarlinkError) as caught:
        agent.call(method, who, **parameters)
    assert (caught.value.name, caught.value.parameters["reason"]) == ("Denied", reason)
    return caught.value.parameters


def waits(agent, who, *documents, **more):
    """Ask for documents; the parameters of NeedsApproval."""
    with pytest.raises(VarlinkError) as caught:
        agent.call("Sign", who, documents=list(documents), **more)
    assert caught.value.name == "NeedsApproval", caught.value
    return caught.value.parameters


def vote(agent, who, one):
    return agent.call("Approve", who, id=one["id"], digest8=one["digest"][:8])["approvals"]


def post(server, gun, role, raw):
    """Publish one file, as notary does."""
    edge = "approvals-edge"
    body = (f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{role}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n").encode() + raw + \
        f"\r\n--{edge}--\r\n".encode()
    call = urllib.request.Request(
        f"{server.url}/v2/{gun}/_trust/tuf/", body,
        {"Content-Type": f"multipart/form-data; boundary={edge}"})
    with urllib.request.urlopen(call, context=server._trust, timeout=30) as answer:
        assert answer.status == 200


def make_repository(clients, gun):
    """By two people, at their own pace."""
    clients["manager"].refused(3, *INIT, gun)
    agree(clients["carol"], parked(clients["carol"]))
    clients["manager"].run(*INIT, gun)


def next_root(root, old, new):
    """Version 2 of a root: another root key. old, new: key objects."""
    ids = key_id(old), key_id(new)
    keys = {name: key for name, key in root["keys"].items() if name != ids[0]} | {ids[1]: new}
    roles = {**root["roles"], "root": {"keyids": [ids[1]], "threshold": 1}}
    return {**root, "version": 2, "keys": keys, "roles": roles, "expires": after(300)}


def test_two_people_make_a_repository(agent, clients, gun, readers):
    said = clients["manager"].refused(3, *INIT, gun)
    one = parked(clients["manager"])
    assert one["id"] in said and one["digest"][:8] in said and "group security" in said
    assert [document["role"] for document in one["documents"]] == ["root", "targets"]
    shown = clients["carol"].run("pending", one["id"])
    assert f"root of {gun}, version 1" in shown and one["digest"][:8] in shown
    assert f"root of {gun.split('/')[0]}/**" in shown

    # A third one tries to agree with himself, with nobody, and with a vote that he does not have.
    for name in ("manager", "mallory"):
        clients[name].refused(3, "approve", one["id"], "--digest", one["digest"][:8])
    clients["carol"].refused(3, "approve", one["id"], "--digest", "0" * 8)
    clients["carol"].refused(3, *INIT, gun)
    assert "carol" not in clients["manager"].refused(3, *INIT, gun)

    restart(agent)
    assert "1 of 1" in agree(clients["carol"], one)
    restart(agent)
    clients["manager"].run(*INIT, gun)
    assert readers.read(gun, "targets") == {}
    assert not clients["carol"].json("pending", "--json")["requests"]

    agent.stop()
    acts = [(record["method"], record["outcome"], record["reason"], record["peer"]["uid"])
            for record in agent.ledger.records()]
    assert ("Sign", "parked", "approvals", 61001) in acts
    assert ("Approve", "refused", "own-request", 61001) in acts
    assert ("Approve", "refused", "not-approver", 61023) in acts
    assert ("Approve", "refused", "approval-mismatch", 61021) in acts
    assert ("Approve", "done", None, 61021) in acts
    assert agent.ledger.verify() == len(acts)


def test_two_people_rotate_a_root(agent, clients, people, gun, token, notary_server, notary):
    make_repository(clients, gun)
    notary.run("list", gun)  # it trusts the first root from now on
    chain = Chain(notary_server, gun)
    manager, ids = people["manager"], {}
    for name in ("root", "root2"):
        ids[name] = key_id(key_object(token.public_key(name)))
    old, new = (key_object(agent.call("IssueRootCertificate", manager, repository=gun,
                                      key=ids[name])["certificate"]) for name in ("root", "root2"))
    root = next_root(chain.signed("root"), old, new)
    document = request(gun, "root", root, ids["root2"], ids["root"])
    asked = {"documents": [document], "bases": [chain.parameter()]}
    one = waits(agent, manager, document, bases=[chain.parameter()])

    denied(agent, "own-request", "Approve", manager, id=one["id"], digest8=one["digest"][:8])
    assert one["approvals"][0]["approvers"] == ["group security"]
    shown = clients["carol"].run("pending", one["id"])
    assert f"root of {gun}, version 2" in shown and ids["root2"] in shown
    restart(agent)
    vote(agent, people["carol"], one)
    restart(agent)
    signed = agent.call("Sign", manager, **asked)["documents"][0]
    assert {signature["name"] for signature in signed["signatures"]} == {"root", "root2"}

    listed = {ids["root"]: key_id(old), ids["root2"]: key_id(new)}
    raw = published(root, *((listed[signature["key"]], signature["sig"])
                            for signature in signed["signatures"]))
    post(notary_server, gun, "root", raw)
    notary.run("list", gun)
    assert notary_server.document(gun, "root")["signed"]["version"] == 2
    assert json.loads(raw)["signed"] == notary_server.document(gun, "root")["signed"]


def sign_qa(ids, gun, version=1, **more):
    return request(gun, "targets/qa", targets(version, names={}, **more), ids["qa"])


@pytest.fixture
def ids(token):
    return {name: key_id(key_object(token.public_key(name))) for name in ("qa", "targets")}


def test_two_votes_are_of_two_others(agent, people, gun, ids):
    document = sign_qa(ids, gun)
    one = waits(agent, people["manager"], document)
    assert vote(agent, people["carol"], one)[0]["have"] == 1
    assert vote(agent, people["carol"], one)[0]["have"] == 1
    restart(agent)
    assert waits(agent, people["manager"], document)["approvals"][0]["have"] == 1
    assert vote(agent, people["dave"], one)[0]["have"] == 2
    agent.call("Sign", people["manager"], documents=[document])
    # Dave is an approver, too, but not of what he asks for himself.
    own = waits(agent, people["dave"], document)
    denied(agent, "own-request", "Approve", people["dave"], id=own["id"],
           digest8=own["digest"][:8])


def test_votes_are_for_these_bytes(agent, people, gun, ids):
    document = request(gun, "targets", targets(1, days=30), ids["targets"])
    one = waits(agent, people["manager"], document)
    vote(agent, people["carol"], one)
    message = bytearray(base64.b64decode(document["message"]))
    at = message.index(b'"version":1')
    message[at + len(b'"version":')] = ord("2")
    other = {**document, "message": base64.b64encode(bytes(message)).decode()}
    assert waits(agent, people["manager"], other)["id"] != one["id"]
    # The same bytes, claimed to be of somewhere else.
    claimed = {**document, "repository": f"{gun}/other"}
    assert waits(agent, people["manager"], claimed)["id"] != one["id"]
    agent.call("Sign", people["manager"], documents=[document])


def test_who_left_the_group_does_not_count(agent, people, gun, ids):
    document = request(gun, "targets", targets(1), ids["targets"])
    one = waits(agent, people["manager"], document)
    assert vote(agent, people["carol"], one)[0]["have"] == 1
    before = people["carol"]
    people.leave("carol", "security")
    again = waits(agent, people["manager"], document)
    assert (again["id"], again["approvals"][0]["have"]) == (one["id"], 0)
    # With the groups of a session that began before she left, too.
    denied(agent, "not-approver", "Approve", before, id=one["id"], digest8=one["digest"][:8])
    vote(agent, people["dave"], one)
    agent.call("Sign", people["manager"], documents=[document])


def test_a_grant_that_is_taken_away_is_gone(agent, people, gun, ids, ceremony):
    document = request(gun, "targets", targets(1), ids["targets"])
    one = waits(agent, people["manager"], document)
    vote(agent, people["carol"], one)
    ceremony["grants"]["ceremony"]["keys"] = ["root"]
    agent.set_policy(ceremony)
    agent.hang_up()
    denied(agent, "not-granted", "Sign", people["manager"], documents=[document])


def test_root_and_other_doors_have_no_vote(agent, people, gun, ids, ceremony):
    door = agent.directory / "run" / "door.sock"
    ceremony["sockets"] = {"door": {"path": str(door), "mode": "0666"}}
    ceremony["admins"] = {"users": [0, 61023]}
    ceremony["grants"]["by-door"] = {"sockets": ["door"], "keys": ["developer"]}
    agent.set_policy(ceremony)
    restart(agent)
    document = request(gun, "targets", targets(1), ids["targets"])
    one = waits(agent, people["manager"], document)
    for root in (user(0), user(0, groups=[SECURITY])):
        denied(agent, "not-approver", "Approve", root, id=one["id"], digest8=one["digest"][:8])
    agent.socket, main = door, agent.socket
    denied(agent, "not-approver", "Approve", people["carol"], id=one["id"],
           digest8=one["digest"][:8])
    agent.socket = main
    assert waits(agent, people["manager"], document)["approvals"][0]["have"] == 0


def test_expires_and_is_void(agent, people, gun, ids):
    document = request(gun, "targets", targets(2), ids["targets"])
    one = waits(agent, people["manager"], document)
    vote(agent, people["carol"], one)
    agent.kill()
    agent.ledger.execute("UPDATE parked SET expires_at = expires_at - 3600")
    agent.start()
    later = waits(agent, people["manager"], document)
    assert later["id"] != one["id"] and later["approvals"][0]["have"] == 0

    # Others release the same version.
    vote(agent, people["carol"], later)
    agent.kill()
    agent.ledger.execute(f"INSERT INTO mark VALUES ('{gun}', 'targets', 2, zeroblob(32), "
                         "zeroblob(32))")
    agent.start()
    with pytest.raises(VarlinkError) as caught:
        agent.call("Sign", people["manager"], documents=[document])
    assert caught.value.name == "Rollback"
    assert not agent.call("Pending", people["carol"])["requests"]


def test_a_no_is_told_with_its_reason(agent, clients, people, gun, ids):
    document = request(gun, "targets", targets(1), ids["targets"])
    one = waits(agent, people["manager"], document)
    vote(agent, people["dave"], one)
    clients["carol"].run("deny", one["id"], "--reason", "not before the audit")
    told = denied(agent, "approval-denied", "Sign", people["manager"], documents=[document])
    assert told["have"] == "denied by uid 61021: not before the audit"


def start_at_terminal(client, *args):
    """A program of the user, and the terminal at which it runs."""
    ours, theirs = os.openpty()
    os.chown(os.ttyname(theirs), client.user.uid, -1)
    process = subprocess.Popen(
        [client.programs.client, *args], cwd=client.home, env=client.environment, stdin=theirs,
        stdout=subprocess.DEVNULL, stderr=theirs, **client.user.popen())
    os.close(theirs)
    return process, os.fdopen(ours, "rb", buffering=0)


def test_who_waits_at_a_terminal_is_served(agent, clients, people, gun):
    for option in ("--no-wait", "--quiet"):
        process, screen = start_at_terminal(clients["manager"], *INIT, gun, option)
        with screen:
            assert process.wait(60) == 3
    process, screen = start_at_terminal(clients["manager"], *INIT, gun)
    with screen:
        said = b""
        while b"waiting for approval" not in said or b"\n" not in said.rsplit(b"waiting", 1)[1]:
            said += screen.read(1)
        assert b"group security" in said
        agree(clients["carol"], parked(clients["carol"]))
        assert process.wait(60) == 0
    assert not agent.call("Pending", people["carol"])["requests"]
