# SPDX-License-Identifier: Apache-2.0
"""An admin looks after the agent: what it does, who used how much, and what begins again."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error

import pytest

from rig_chain import Chain
from rig_document import after, request, targets
from rig_prometheus import Figures
from rig_publisher import published
from rig_varlink import VarlinkError


@pytest.fixture
def policy(policy, token, registry):
    """With a second root key, in place of the devops key."""
    everywhere = {"repositories": [f"{registry.host}/**"], "roles": ["root"]}
    del policy["keys"]["devops"]
    policy["keys"]["root-2"] = {
        "token": "hsm", "uri": token.key_uri("devops"), "scope": [everywhere]}
    policy["grants"]["releaser"]["keys"] = list(policy["keys"])
    return policy


# Repositories that begin again

def sign_next_root(agent, server, gun, days=300):
    """Have the agent sign the next root of a repository, as it is but for its version; the file."""
    document = server.document(gun, "root")["signed"]
    (keyid,) = document["roles"]["root"]["keyids"]
    document |= {"version": document["version"] + 1, "expires": after(days)}
    (key,) = [key for key in agent.call("ListKeys")["keys"] if key["name"] == "root"]
    (signed,) = agent.call("Sign", documents=[request(gun, "root", document, key["key"])],
                           bases=[Chain(server, gun).parameter()])["documents"]
    (signature,) = signed["signatures"]
    return published(document, (keyid, signature["sig"]))


@pytest.fixture
def old_root(client, agent, gun, notary_server, notary):
    """A repository with a root of version 2, which was deleted: that root."""
    client.run("init", gun, "--root-key", "agent:root")
    file = sign_next_root(agent, notary_server, gun)
    notary_server.publish(gun, root=file)
    notary.run("delete", gun, "--remote")
    with pytest.raises(urllib.error.HTTPError):
        notary_server.document(gun, "root")
    return file


def test_a_deleted_repository_begins_again_with_another_root_key(
        client, new_client, agent, gun, notary_server, new_notary, old_root):
    fresh = new_client(agent)
    assert "no new repository" in fresh.refused(7, "init", gun, "--root-key", "agent:root-2")

    said = client.try_run("retire", gun)
    assert said.returncode == 0 and "is retired" in said.stdout
    assert "root key 'root' is refused" in said.stderr
    assert "replay" in fresh.refused(3, "init", gun, "--root-key", "agent:root")
    fresh.run("init", gun, "--root-key", "agent:root-2")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1
    assert "No targets" in new_notary().run("list", gun)
    fresh.run("addhash", gun, "v1", "1", "--sha256", "ab" * 32)
    assert "v1" in new_notary().run("list", gun)

    # The old root is none of the new repository.
    with pytest.raises(urllib.error.HTTPError):
        notary_server.publish(gun, root=old_root)
    # Who knew the old one does not take the new one for it.
    assert "made anew" in client.refused(4, "list", gun)


def test_the_same_root_key_brings_its_old_roots_back(
        client, new_client, agent, gun, notary_server, old_root):
    """So it has to be asked for, and says so."""
    assert "can bring them back" in client.try_run("retire", gun, "--accept-replay").stderr
    fresh = new_client(agent)
    fresh.run("init", gun, "--root-key", "agent:root")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1

    notary_server.publish(gun, root=old_root)
    assert notary_server.document(gun, "root")["signed"]["version"] == 2


def test_targets_go_on_above_what_the_old_repository_had(
        client, new_client, agent, gun, notary_server, notary):
    client.run("init", gun, "--root-key", "agent:root")
    client.run("addhash", gun, "v1", "1", "--sha256", "ab" * 32)
    notary.run("delete", gun, "--remote")
    client.run("retire", gun)
    # Its root was never changed, so the key has no root that could come back.
    fresh = new_client(agent)
    fresh.run("init", gun, "--root-key", "agent:root")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1
    assert notary_server.document(gun, "targets")["signed"]["version"] == 3


def test_the_old_repository_is_not_taken_for_the_new_one(
        new_client, agent, gun, notary_server, notary, policy):
    """Not where the policy pins its root key either."""
    key = {key["name"]: key["key"] for key in agent.call("ListKeys")["keys"]}
    policy["roots"] = {f"{gun}": [key["root"]]}
    agent.set_policy(policy)
    client = new_client(agent)
    client.run("reload")
    client.run("init", gun, "--root-key", "agent:root")
    notary_server.publish(gun, root=sign_next_root(agent, notary_server, gun))
    old = Chain(notary_server, gun)
    assert agent.call("TrustedRoot", repository=gun)["roots"] == [key["root"]]
    notary.run("delete", gun, "--remote")
    client.run("retire", gun)

    assert agent.call("TrustedRoot", repository=gun)["roots"] == []
    document = {**old.signed("targets"), "version": 5}
    with pytest.raises(VarlinkError, match="that was retired"):
        agent.call("Sign", documents=[request(gun, "targets", document, key["targets"])],
                   bases=[old.parameter()])


def test_another_root_of_a_version_is_signed_once_where_an_admin_says_so(
        client, agent, gun, notary_server):
    client.run("init", gun, "--root-key", "agent:root")
    lost = sign_next_root(agent, notary_server, gun)
    with pytest.raises(VarlinkError, match="Rollback"):
        sign_next_root(agent, notary_server, gun, days=301)

    assert "is version 2" in client.refused(1, "supersede", gun, "root", "1")
    client.run("supersede", gun, "root", "2")
    file = sign_next_root(agent, notary_server, gun, days=301)
    notary_server.publish(gun, root=file)
    with pytest.raises(VarlinkError, match="Rollback"):
        agent.call("Sign", documents=[request(
            gun, "root", json.loads(lost)["signed"],
            *(key["key"] for key in agent.call("ListKeys")["keys"] if key["name"] == "root"))],
                   bases=[Chain(notary_server, gun).parameter()])
    client.run("addhash", gun, "v1", "1", "--sha256", "ab" * 32)
    client.run("addhash", gun, "v2", "1", "--sha256", "ab" * 32)
    assert "is published" in client.refused(1, "supersede", gun, "root", "2")


def test_only_admins_retire(agent, gun, stranger, tester, policy):
    for user in (tester, stranger):
        for method, more in (("Retire", {}), ("Supersede", {"role": "root", "version": 1})):
            with pytest.raises(VarlinkError, match="Denied"):
                agent.call(method, user, repository=gun, **more)


# Status and figures

def test_figures_are_what_prometheus_reads(client, case):
    case.sign()
    case.denied("validity-too-long", targets(days=20000))
    text = client.run("status", "--metrics")
    figures = Figures(text)

    def requests(verdict, reason=""):
        return figures.get(
            "countersign_requests_total", method="Sign", verdict=verdict, reason=reason)

    assert requests("released") == requests("refused", "validity-too-long") == 1
    for name in ("queue", "sign"):
        assert figures.get(f"countersign_{name}_seconds_count", token="hsm") == 1
    assert figures.get("countersign_sign_seconds_sum", token="hsm") > 0
    assert figures.get("countersign_token_ready", token="hsm") == 1
    assert figures.get("countersign_ledger_records") == 2
    assert figures.get("countersign_policy_last_reload_successful") == 1
    assert figures.get("countersign_build_info", version=case.agent.call("Status")["version"]) == 1
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_figures_are_for_admins(new_client, case, policy, tester):
    policy["grants"]["testers"] = {"users": [tester.uid], "keys": ["qa"]}
    case.agent.set_policy(policy)
    case.agent.call("Reload")
    mine = new_client(case.agent, tester)
    assert "not-admin" in mine.refused(3, "status", "--metrics")
    shown = mine.json("status", "--json")
    assert shown["tokens"] and "insight" not in shown


def test_a_worker_that_ends_is_counted_and_shown(client, case):
    (worker,) = case.agent.workers()
    os.kill(worker, signal.SIGKILL)
    case.agent.process.wait_until(
        lambda: case.agent.workers() not in ([], [worker]) and case.agent.has_keys())
    figures = Figures(client.run("status", "--metrics"))
    assert figures.get("countersign_token_respawns_total", token="hsm") == 1
    (token,) = client.json("status", "--json")["tokens"]
    assert "signal 9" in token["error"] or "Killed" in token["error"]
    assert token["error_at"].endswith("Z") and token["error"] in client.run("status")


def test_a_reload_tells_what_changed_and_what_is_wrong(client, agent, policy):
    assert "nothing" in client.run("reload")
    policy["grants"]["newcomers"] = {"groups": ["no-such-group"], "keys": ["qa"]}
    agent.set_policy(policy)
    assert "group no-such-group gains key qa" in client.run("reload")
    assert "no-such-group" in client.run("status")

    agent.set_policy("grants: {}\nnonsense: 1\n")
    assert "nonsense" in client.refused(1, "reload")
    said = client.run("status")
    assert "the old one stays" in said and "nonsense" in said
    assert Figures(client.run("status", "--metrics")).get(
        "countersign_policy_last_reload_successful") == 0

    agent.set_policy(policy)
    client.run("reload")
    assert "the old one stays" not in client.run("status")


# Quotas

@pytest.fixture
def rationed(new_case, policy, tester):
    """The tester may have three documents in an hour."""
    policy["grants"]["testers"] = {"users": [tester.uid], "keys": ["qa"], "quota": "3/1h"}
    return new_case()


def first_version(case, number):
    """A first version, in a repository of its own, so that none waits for another."""
    return case.request(gun=f"{case.gun}-{number}")


def test_a_quota_holds_over_restarts_and_says_when_there_is_room(
        rationed, new_client, tester):
    for number in range(2):
        rationed.sign(user=tester, gun=f"{rationed.gun}-{number}")
    rationed.agent.stop()
    rationed.agent.start()
    rationed.sign(user=tester, gun=f"{rationed.gun}-2")
    denied = rationed.denied("quota", user=tester, gun=f"{rationed.gun}-3")
    (when,) = re.findall(r"there is room again at (\S+Z)", denied["have"])
    (quota,) = rationed.agent.call("Status", tester)["quotas"]
    assert (quota["used"], quota["max"], quota["free_at"]) == (3, 3, when)
    assert "3 of 3" in new_client(rationed.agent, tester).run("status")


def test_of_many_at_once_no_more_than_the_quota_are_signed(rationed, tester):
    connections = [rationed.agent.connect(tester) for _ in range(8)]
    for number, connection in enumerate(connections):
        connection.send_message({"method": "org.countersign.Agent.Sign", "parameters": {
            "documents": [first_version(rationed, number)]}})
    replies = [connection.receive() for connection in connections]
    refused = [reply["parameters"]["reason"] for reply in replies if "error" in reply]
    assert refused == ["quota"] * 5
    assert rationed.agent.call("Status", tester)["quotas"][0]["used"] == 3


def test_what_a_killed_agent_released_counts_and_nothing_else(rationed, tester):
    """Whenever it dies: what is recorded as released is what is used, and never above the quota."""
    for number in range(4):
        connections = [rationed.agent.connect(tester) for _ in range(3)]
        for at, connection in enumerate(connections):
            connection.send_message({"method": "org.countersign.Agent.Sign", "parameters": {
                "documents": [first_version(rationed, 10 * number + at)]}})
        if number % 2:
            connections[0].receive()
        rationed.agent.kill()
        released = [record for record in rationed.agent.ledger.records()
                    if record["method"] == "Sign" and record["outcome"] == "released"]
        ((used,),) = rationed.agent.ledger.rows("SELECT coalesce(sum(n), 0) FROM quota")
        assert used == len(released) <= 3
        rationed.agent.start()
        rationed.agent.process.wait_until(rationed.agent.has_keys)
