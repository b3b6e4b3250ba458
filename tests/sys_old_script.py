# SPDX-License-Identifier: Apache-2.0
"""Scripts that teams wrote for notary, run with our program instead."""
import pytest

NOTHING = "nothing is ever staged for"


@pytest.mark.parametrize("line", [
    "publish {gun}", "status {gun}", "reset {gun} --all", "reset {gun} -n 0 -n 1",
    "reset --number 0,1 {gun}"])
def test_verbs_for_what_is_staged_say_that_nothing_is(client, repository, line):
    done = client.try_run(*line.format(gun=repository).split())
    assert (done.returncode, NOTHING in done.stderr, done.stderr.count("\n")) == (0, True, 1)
    assert done.stdout == \
        (f"No unpublished changes for {repository}\n" if line.startswith("status") else "")


def test_what_is_staged_needs_no_agent(new_client, gun):
    """And no repository: scripts clean up before they make it."""
    client = new_client()
    assert NOTHING in client.refused(0, "reset", gun, "--all")
    assert NOTHING in client.refused(0, "status", gun)


@pytest.mark.parametrize("line,says", [
    ("publish {gun}", "has no repository '{gun}'; 'countersign init' makes it"),
    ("publish {gun}:v1", "names one image, want the repository"),
    ("status {gun}:v1", "names one image, want the repository"),
    ("status {gun} --json", "--json and --metrics are for the agent's status"),
    ("reset {gun}@sha256:" + 64 * "0", "names one image, want the repository"),
    ("reset --all /", "'/': ")])
def test_a_wrong_repository_is_an_error_all_the_same(client, gun, line, says):
    assert says.format(gun=gun) in client.refused(1, *line.format(gun=gun).split())


def test_options_are_spelled_as_notary_spells_them(client, repository):
    done = client.try_run("-D", "--trustDir", client.home / "trust", "--configFile", "absent.json",
                          "list", repository, "--roles", "targets/qa,targets/devops")
    assert done.returncode == 0
    assert "--config is not read" in done.stderr and "GET https://" in done.stderr
    assert (client.home / "trust" / "tuf" / repository / "metadata" / "root.json").exists()
    assert "No targets" in done.stdout
