# SPDX-License-Identifier: Apache-2.0
"""Repositories with one thing wrong: each is refused with its own reason, and its twin, which
differs in that alone, is taken. By the client, which reads them, and by the agent, which is to sign
on top of them."""
import itertools

import pytest

import hostile_certificates
import hostile_delegations
import hostile_expiry
import hostile_json
import hostile_keys
import hostile_root
import hostile_signatures
import hostile_snapshot
import hostile_targets
import hostile_thresholds
import hostile_transport
import hostile_versions
import rig_users
from rig_agent import Agent
from rig_client import Client
from rig_edits import change
from rig_forge import after, forged
from rig_hostile import NOT_ASKED, Reader, Signatory, occurs, row, sound, taken
from rig_policy import Policy
from rig_signer import new_keys
from rig_static_server import StaticServer
from rig_token import Token

TABLES = (hostile_certificates, hostile_delegations, hostile_expiry, hostile_json, hostile_keys,
          hostile_root, hostile_signatures, hostile_snapshot, hostile_targets, hostile_thresholds,
          hostile_transport, hostile_versions)
ROWS = [row for table in TABLES for row in table.ROWS]
TAKEN = [row for table in TABLES for row in getattr(table, "TAKEN", ())]
RELEASED = ("root", "qa")   # keys that the agent has


@pytest.fixture(scope="module")
def server(scratch):
    server = StaticServer(scratch)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(programs, sanitizer, scratch, server):
    return Client(programs, sanitizer, scratch.directory("home"), None, notary_server=server)


@pytest.fixture(scope="module")
def reader(client, server):
    return Reader(client, server)


@pytest.fixture(scope="module")
def signatory(programs, sanitizer, scratch, server):
    token = Token(scratch.directory("token"), rig_users.AGENT, {})
    for name in RELEASED:
        token.take_key(name, new_keys()[name].pem())
    policy = Policy(token, server.host, sanitizer)
    policy["keys"] = {name: policy["keys"][name] for name in RELEASED}
    policy["grants"]["releaser"]["keys"] = list(RELEASED)
    agent = Agent(programs, sanitizer, scratch.directory("agent"), policy).start()
    yield Signatory(agent, new_keys())
    agent.stop()


@pytest.fixture
def new_gun(server):
    return lambda: f"{server.host}/hostile/{next(_numbers)}"


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plain_twin(reader, signatory, server):
    """The repository with which nothing is wrong is the twin of most: once is enough."""
    (plain,) = taken(row("nothing is wrong", sound))
    reader.takes(f"{server.host}/hostile/plain", plain)
    signatory.answers(f"{server.host}/hostile/plain", plain)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_refuses(row, reader, signatory, new_gun, plain_twin):
    gun, twin = new_gun(), row.of_twin()
    reader.refuses(gun, row)
    signatory.answers(gun, row)
    if not twin.is_plain():
        reader.takes(gun, twin)
        signatory.answers(new_gun(), twin) # it may have taken the fault for what is published


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.says)
def test_takes_what_notary_takes(row, reader, signatory, new_gun):
    gun = new_gun()
    reader.takes(gun, row)
    signatory.answers(gun, row)


def test_there_are_enough():
    assert len({row.says for row in ROWS + TAKEN}) == len(ROWS + TAKEN)
    assert len(ROWS) >= 500
    assert sum(row.agent != NOT_ASKED for row in ROWS) >= 400


def test_each_kind_of_fault_has_a_reason_of_its_own():
    reasons = {row.reason for row in ROWS}
    assert len(reasons) >= 250
    for one, other in itertools.permutations(reasons, 2):
        assert not occurs(one, other), f"'{one}' is said of what is '{other}'"


@pytest.mark.parametrize("verb", ["list", "inspect"])
def test_nobody_reads_what_has_expired(verb, client, server, new_gun):
    """What was read once is not read for ever: it was, as who renews may read it."""
    gun = new_gun()
    server.publish(gun, forged(gun, sound).published())
    assert "v1" in client.run(verb, gun)
    server.publish(gun, forged(gun, change("targets", version=6, expires=after(-1))).published())
    assert "targets: expired at" in client.refused(4, verb, gun)
