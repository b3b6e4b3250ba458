# SPDX-License-Identifier: Apache-2.0
"""explain: what the agent would decide about a signature, without making it."""
import base64
import json
import os
import pwd
import signal

import pytest
import rig_users
from rig_chain import Chain


@pytest.fixture
def tester(policy):
    """A user who may use one of the keys only."""
    user = rig_users.user(61002)
    policy["grants"]["testers"] = {"users": [user.uid], "keys": ["qa"]}
    return user


@pytest.fixture
def repository(tester, client, gun, upload):
    """A repository with two teams and an image that nobody has signed."""
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    client.run("delegation", "add", gun, "targets/devops", "agent:devops", "--paths", "v,w")
    upload(f"{gun}:v1")
    upload(f"{gun}:latest")
    return gun


def test_says_what_sign_would_be_allowed(repository, client):
    out = client.run("explain", "sign", f"{repository}:v1")
    assert "targets/qa, version 1: allowed by grant 'releaser'" in out
    assert "targets/devops, version 1: allowed by grant 'releaser'" in out
    # Nothing was signed: sign takes the same versions.
    assert "targets/qa: version 1, signed by qa" in client.run("sign", f"{repository}:v1")


def test_chooses_roles_as_sign_does(repository, client, agent, tester, new_client):
    def roles(user, *args):
        return [answer["role"] for answer in
                user.json("explain", "sign", "--json", f"{repository}:{args[0]}", *args[1:])]

    assert roles(client, "v1") == ["targets/qa", "targets/devops"]
    assert roles(client, "latest") == ["targets/qa"]
    assert roles(client, "latest", "-r", "targets/devops") == ["targets/devops"]
    assert roles(new_client(agent, tester), "v1") == ["targets/qa"]


def test_says_why_not(repository, agent, tester, new_client):
    other = new_client(agent, tester)
    done = other.try_run("explain", "sign", f"{repository}:v1", "-r", "targets/qa", "-r",
                         "targets/devops")
    assert done.returncode == 3
    assert "targets/qa, version 1: allowed by grant 'testers'" in done.stdout
    assert "targets/devops, version 1: refused (" in done.stdout
    assert "remedy: " in done.stdout
    assert "would not be signed in 1 of 2 roles" in done.stderr
    verdict = json.loads(other.try_run("explain", "sign", f"{repository}:v1", "--json", "--role",
                                       "targets/devops").stdout)[0]
    assert not verdict["allowed"]
    assert verdict["reason"] == "not-granted"
    assert [check for check in verdict["checks"] if not check["holds"]][0]["rule"] == "keys"


def test_shows_all_roles_to_who_may_sign_in_none(policy, repository, agent, client, new_client):
    del policy["grants"]["releaser"]
    policy["grants"]["testers"]["keys"] = ["developer"]
    agent.set_policy(policy)
    agent.call("Reload")
    other = new_client(agent, rig_users.user(61002))
    done = other.try_run("explain", "sign", f"{repository}:v1")
    assert done.returncode == 3
    assert "targets/qa, version 1: refused" in done.stdout
    assert "targets/devops, version 1: refused" in done.stdout


def test_answers_admins_about_others(repository, client, agent, tester, new_client):
    name = pwd.getpwuid(0).pw_name
    done = client.try_run("explain", "sign", f"{repository}:v1", "--as", name)
    assert done.returncode == 3
    assert done.stdout.count("refused (not-granted)") == 2
    assert "not-admin" in new_client(agent, tester).refused(
        3, "explain", "sign", f"{repository}:v1", "--as", name)
    assert "no user 'nobody-has-this-name'" in client.refused(
        1, "explain", "sign", f"{repository}:v1", "--as", "nobody-has-this-name")


def test_counts_what_sign_goes_past_as_allowed(repository, client, agent, notary_server):
    """A version was released to somebody who did not publish it."""
    key = next(key["key"] for key in client.json("key", "list", "--json") if key["name"] == "qa")
    document = {"_type": "Targets", "delegations": {"keys": {}, "roles": []},
                "expires": "2027-01-01T00:00:00Z", "targets": {}, "version": 1}
    message = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    agent.call("Sign", documents=[{
        "format": "notary", "repository": repository, "role": "targets/qa",
        "message": base64.b64encode(message).decode(), "keys": [key]}],
        bases=[Chain(notary_server, repository).parameter()])
    out = client.run("explain", "sign", f"{repository}:v1", "-r", "targets/qa")
    assert "allowed, past a version that was released to somebody and is not published" in out
    assert "targets/qa: version 2" in client.run("sign", f"{repository}:v1", "-r", "targets/qa")


def test_ends_like_sign_where_a_token_is_away(policy, new_token, new_agent, new_client, sanitizer,
                                              gun, upload):
    spare = new_token()
    spare.delete("qa")
    spare.generate("qa")
    policy["tokens"]["spare"] = spare.entry(**sanitizer.variables)
    policy["keys"]["qa"]["token"] = "spare"
    agent = new_agent(policy).start()
    client = new_client(agent)
    upload(f"{gun}:v1")
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    client.run("explain", "sign", f"{gun}:v1")

    (spare.directory / "tokens").rename(spare.directory / "elsewhere")
    for pid in agent.workers():
        os.kill(pid, signal.SIGKILL)
    client.refused(5, "sign", f"{gun}:v1")
    done = client.try_run("explain", "sign", f"{gun}:v1")
    assert done.returncode == 5
    assert "targets/qa, version 1: refused (token-unavailable)" in done.stdout


def test_needs_an_image(client, gun):
    assert "has no 'v1'" in client.refused(1, "explain", "sign", f"{gun}:v1")
    client.refused(2, "explain", "sign")
    client.refused(2, "explain")


def test_answers_before_there_is_a_repository(tester, client, agent, new_client, gun, upload):
    upload(f"{gun}:v1")
    done = client.try_run("explain", "sign", f"{gun}:v1")
    assert done.returncode == 0, done.stderr
    assert "'countersign init' makes it" in done.stderr
    assert "targets, version 1: allowed by grant 'releaser'" in done.stdout
    out = client.run("explain", "sign", f"{gun}:v1", "-r", "targets/qa,targets/devops")
    assert "targets/qa, version 1: allowed" in out
    assert "targets/devops, version 1: allowed" in out
    # What the tester may not use, he is not told of; who is an admin may ask for him.
    other = new_client(agent, tester)
    assert "targets/qa, version 1: allowed by grant 'testers'" in other.run(
        "explain", "sign", f"{gun}:v1", "-r", "targets/qa")
    assert "no key for targets of" in other.refused(3, "explain", "sign", f"{gun}:v1")
    name = pwd.getpwuid(0).pw_name
    assert "refused (not-granted)" in client.try_run(
        "explain", "sign", f"{gun}:v1", "--as", name).stdout
    assert "holds no targets" in client.refused(
        1, "explain", "sign", f"{gun}:v1", "-r", "snapshot")
    agent.stop()
    assert not agent.ledger.marks()
    assert not [record for record in agent.ledger.records() if record["outcome"] == "released"]


def test_says_that_others_must_agree(policy, tester, client, agent, new_client, gun, upload):
    policy["grants"]["testers"]["approvals"] = {"count": 1, "users": [61003]}
    agent.set_policy(policy)
    agent.call("Reload")
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    upload(f"{gun}:v1")
    done = new_client(agent, tester).try_run("explain", "sign", f"{gun}:v1")
    assert done.returncode == 3
    assert "targets/qa, version 1: needs approval, under grant 'testers'" in done.stdout
    assert "no   approvals: want " in done.stdout
    assert "countersign approve" in done.stdout
    assert new_client(agent, tester).json("pending", "--json")["requests"] == []


def test_says_which_tags_are_granted(policy, tester, client, agent, new_client, gun, upload):
    """For that the agent is shown what is published, as by sign."""
    policy["keys"]["qa"]["scope"] = [{"repositories": [gun], "roles": ["targets/qa"]}]
    policy["grants"]["testers"]["tags"] = ["nightly-*"]
    agent.set_policy(policy)
    agent.call("Reload")
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    for tag in ("v1", "nightly-1"):
        upload(f"{gun}:{tag}")
    other = new_client(agent, tester)
    done = other.try_run("explain", "sign", f"{gun}:v1")
    assert done.returncode == 3
    assert "targets/qa, version 1: refused (tag-not-granted)" in done.stdout
    assert "changes  tag 'v1': was not there, is sha256:" in done.stdout
    assert "grant 'testers'" in done.stdout.partition("no   ")[2].partition("closest")[0]
    assert "allowed by grant 'testers'" in other.run("explain", "sign", f"{gun}:nightly-1")
    other.run("sign", f"{gun}:nightly-1")
    other.refused(3, "sign", f"{gun}:v1")
