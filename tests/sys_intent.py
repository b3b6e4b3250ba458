# SPDX-License-Identifier: Apache-2.0
"""What a client meant to change, what the agent says that changes, and servers that move between."""
import json

import pytest

from rig_agent_front import AgentFront

LIES = {
    "another digest": lambda changes: changes[0].update({"is": "sha256:00 1 bytes"}),
    "a delegation more": lambda changes: changes.append(
        {"kind": "delegation", "name": "targets/mallory", "is": "1"}),
    "nothing": lambda changes: changes.clear(),
}


@pytest.fixture
def front(agent):
    with AgentFront(agent) as front:
        yield front


def add(client, gun, tag, **environment):
    return client.start("addhash", gun, tag, 1, "--sha256", "0" * 64, **environment)


def targets(notary_server, gun):
    return json.loads(notary_server.get(f"/v2/{gun}/_trust/tuf/targets.json"))["signed"]


@pytest.mark.parametrize("lie", LIES)
def test_nothing_is_published_if_the_agent_sees_another_change(lie, repository, client, front,
                                                               notary_server):
    def spoil(reply):
        LIES[lie](reply["parameters"]["documents"][0]["difference"])

    before = targets(notary_server, repository)
    front.lies["Sign"] = spoil
    done = client.finish(add(client, repository, "v1", **front.environment))
    assert done.returncode == 4, done.stderr
    assert "so nothing was published; meant: tag 'v1': was" in done.stderr or \
        "so nothing was published; meant: nothing else; the agent: delegation 'targets/mal" in \
        done.stderr
    if lie == "another digest":
        assert "meant: tag 'v1': was not there, is sha256:" + "0" * 64 in done.stderr
        assert "the agent says: tag 'v1': was not there, is sha256:00 1 bytes" in done.stderr
    assert len(front.asked("Sign")) == 1
    assert targets(notary_server, repository) == before


def test_after_a_lie_the_honest_agent_is_believed(repository, client, front, notary_server):
    front.lies["Sign"] = lambda reply: reply["parameters"]["documents"][0]["difference"].clear()
    assert client.finish(add(client, repository, "v1", **front.environment)).returncode == 4
    front.lies.clear()
    done = client.finish(add(client, repository, "v1", **front.environment))
    assert done.returncode == 0, done.stderr
    assert list(targets(notary_server, repository)["targets"]) == ["v1"]


@pytest.mark.parametrize("role", ["targets", "targets/qa"])
def test_a_server_that_moves_between_fetch_and_signature_costs_a_round(
        role, repository, client, new_client, agent, front, notary_server):
    other = new_client(agent)
    other.run("list", repository)
    front.before["Sign"] = lambda parameters: other.run(
        "addhash", repository, "theirs", 1, "--sha256", "0" * 64, "-r", role)
    done = client.try_run("addhash", repository, "ours", 2, "--sha256", "1" * 64, "-r", role,
                          **front.environment)
    assert done.returncode == 0, done.stderr
    signed = json.loads(notary_server.get(f"/v2/{repository}/_trust/tuf/{role}.json"))["signed"]
    assert set(signed["targets"]) == {"theirs", "ours"}
    assert len(front.asked("Sign")) == 2


def test_an_agent_that_says_nothing_of_what_it_was_shown_is_not_believed(
        repository, client, front, notary_server):
    before = targets(notary_server, repository)
    front.lies["Sign"] = lambda reply: reply["parameters"]["documents"][0].pop("difference")
    done = client.finish(add(client, repository, "v1", **front.environment))
    assert done.returncode == 4, done.stderr
    assert "does not say what would change" in done.stderr
    assert targets(notary_server, repository) == before


def files_of(parameters):
    """The files that a request shows: whether each has its message, by role."""
    (chain,) = parameters["bases"]
    return {file["role"]: file.get("message") is not None for file in chain["files"]}


def test_a_large_file_is_sent_only_where_the_agent_has_not_seen_it(repository, client, front):
    paths = ",".join(f"{i:03}{'x' * 100}" for i in range(400))
    client.run("delegation", "add", repository, "targets/devops", "agent:devops", "--paths", paths)
    for tag, sent in (("first", [False, True]), ("second", [False])):
        front.calls.clear()
        client.run("addhash", repository, tag, 1, "--sha256", "0" * 64, "-r", "targets/qa",
                   **front.environment)
        shown = [files_of(parameters) for parameters in front.asked("Sign")]
        assert [files["targets"] for files in shown] == sent
        assert all(files[role] for files in shown for role in files if role != "targets")
