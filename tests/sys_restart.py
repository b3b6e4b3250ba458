# SPDX-License-Identifier: Apache-2.0
"""The agent is killed, its worker is killed, its token goes away: what was promised still holds."""
import os
import signal

import pytest

import rig_users
from rig_document import key_id, key_object, request, target, targets
from rig_process import Process
from rig_readers import TEAMS
from rig_scratch import write
from rig_token import PIN
from rig_varlink import VarlinkError

ROLE = "targets/qa"


@pytest.fixture
def qa(token):
    return key_id(key_object(token.public_key("qa")))


def sign(agent, gun, key, document):
    return agent.call("Sign", documents=[request(gun, ROLE, document, key)])["documents"][0]


def refused(name, *args):
    with pytest.raises(VarlinkError) as caught:
        sign(*args)
    assert caught.value.name == name, caught.value
    return caught.value.parameters


def test_marks_survive_a_crash(agent, gun, qa):
    first = targets(version=5)
    digest = sign(agent, gun, qa, first)["digest"]
    agent.kill()
    agent.start()
    refused("Rollback", agent, gun, qa, targets(version=4))
    (mark,) = refused("Rollback", agent, gun, qa, targets(version=5, names={"v1": target()}))["marks"]
    assert mark["digest"] == digest
    assert sign(agent, gun, qa, first)["signatures"]
    assert sign(agent, gun, qa, targets(version=6))["signatures"]


def test_no_version_has_two_contents_however_the_agent_is_killed(agent, gun, qa):
    """A signature that was seen is known after the crash, whenever that comes."""
    seen = {}
    for version in range(1, 11):
        document = targets(version=version, names={"v1": target(length=version)})
        with agent.connect() as connection:
            connection.send_message({"method": "org.countersign.Agent.Sign", "parameters": {
                "documents": [request(gun, ROLE, document, qa)]}})
            # Half of the answers are waited for, so that the crash comes at different moments.
            reply = connection.receive() if version % 2 else None
            agent.kill()
            if reply:
                seen[version] = reply["parameters"]["documents"][0]["digest"]
        agent.start()
        if version in seen:
            (mark,) = refused("Rollback", agent, gun, qa, targets(version=version))["marks"]
            assert mark["digest"] == seen[version]


def test_clients_go_on_after_a_crash(client, agent, repository, upload, readers):
    upload(f"{repository}:v1", "one")
    client.run("sign", f"{repository}:v1")
    agent.kill()
    client.refused(5, "sign", f"{repository}:v1", "--renew")
    agent.start()
    image = upload(f"{repository}:v1", "two")
    client.run("sign", f"{repository}:v1")
    assert readers.roles_of(repository, "v1") == (set(TEAMS), image.hex)


def test_the_ledger_keeps_its_identity(agent):
    before = agent.call("Status")["ledger"]
    agent.stop()
    agent.start()
    assert agent.call("Status")["ledger"] == before


def test_two_agents_do_not_share_a_ledger(agent, programs, sanitizer):
    other = Process([programs.agent, "--policy", agent.policy_file, "--socket",
                     agent.socket.with_name("other.sock"), "--state", agent.state],
                    agent.directory / "other.log", sanitizer.environment(), rig_users.AGENT)
    assert other.popen.wait(30) == 1
    assert str(agent.state) in other.text()


def test_a_worker_that_dies_is_started_again(agent, gun, qa):
    assert sign(agent, gun, qa, targets(version=1))["signatures"]
    (worker,) = agent.workers()
    os.kill(worker, signal.SIGKILL)
    agent.process.wait_until(lambda: agent.workers() not in ([], [worker]))
    agent.process.wait_until(agent.has_keys)
    assert sign(agent, gun, qa, targets(version=2))["signatures"]


def test_a_token_that_is_away_is_said_to_be_and_works_again(agent, gun, qa, token):
    tokens = token.directory / "tokens"
    away = token.directory / "away"
    agent.stop()
    tokens.rename(away)
    agent.start()
    # What it needs was on the token: without it the agent does not even know the key.
    with pytest.raises(VarlinkError):
        sign(agent, gun, qa, targets())
    assert agent.call("Status")["tokens"][0]["state"] != "ready"
    away.rename(tokens)
    agent.process.wait_until(agent.has_keys)
    assert sign(agent, gun, qa, targets())["signatures"]


def test_a_refused_pin_is_not_tried_again_until_it_changes(agent, gun, qa, token):
    for text, works in (("wrong\n", False), (None, False), (PIN + "\n", True)):
        agent.stop()
        if text:
            write(token.pin_file, text, rig_users.AGENT.uid, 0o400)
        agent.start()
        (state,) = [one["state"] for one in agent.call("Status")["tokens"]]
        assert (state == "ready") == works, state
    assert sign(agent, gun, qa, targets())["signatures"]
