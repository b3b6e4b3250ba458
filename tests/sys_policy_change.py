# SPDX-License-Identifier: Apache-2.0
"""An administrator changes a policy: who gains and who loses what is told before and after, and what
cannot be used changes nothing."""
import re
import subprocess

import pytest

import rig_users
from rig_case import signs
from rig_document import targets
from rig_scratch import write
from rig_varlink import VarlinkError

QA = "roles targets/qa, targets/releases of "
PLAIN = ", for at most 1095 days, without changes of delegations"


@pytest.fixture
def change(new_agent, policy):
    """An agent that is not started, and a way to compare its policy with a new one."""
    return Change(new_agent(policy))


class Change:
    def __init__(self, agent):
        self.agent = agent

    def compare(self, policy):
        """--check-policy --diff with a new policy, which stands in a directory of its own."""
        directory = self.agent.directory / "new"
        directory.mkdir(exist_ok=True)
        text = policy if isinstance(policy, str) else policy.text()
        return subprocess.run(
            [self.agent.programs.agent, "--check-policy", "--diff", self.agent.policy_file,
             write(directory / "policy.yaml", text)], cwd="/", timeout=60,
            env=self.agent.sanitizer.environment(), capture_output=True, text=True,
            **rig_users.AGENT.popen())

    def tells(self, policy):
        """What it says of the new policy, by its headings."""
        done = self.compare(policy)
        assert (done.returncode, done.stderr) == (0, ""), done
        blocks = re.split(r"^(?! )", done.stdout, flags=re.MULTILINE)[1:]
        sections = [block.splitlines() for block in blocks if block]
        return {heading: [line[2:] for line in lines] for heading, *lines in sections}


def narrow(policy, gun):
    """Let a CI system come through a door of its own, and nobody sign a root alone."""
    policy["sockets"] = {"ci": {"path": "/run/ci.sock", "mode": "0600"}}
    policy["roots"] = {gun: ["ab" * 32]}
    policy["keys"]["qa"]["scope"] = [{"repositories": [gun], "roles": ["targets/qa"]}]
    policy["grants"]["releaser"]["keys"] = ["targets"]
    policy["grants"]["ci"] = {"sockets": ["ci"], "keys": ["qa"], "quota": "200/1h",
                              "tags": ["nightly-*"], "unit": "nightly.service",
                              "max_validity": "90d"}
    policy["grants"]["ceremony"] = {"users": [61010], "keys": ["root"], "repositories": [gun],
                                    "approvals": {"count": 1, "users": [61011]}}


def test_a_policy_is_explained_with_all_that_narrows_it(change, policy, gun):
    narrow(policy, gun)
    change.agent.set_policy(policy)
    said = change.agent.check_policy().stdout
    assert (f"  everybody at door ci\n    key qa (grant ci): role targets/qa of {gun}\n"
            "      for at most 90 days, without changes of delegations, changing only tags"
            " nightly-*, only in unit nightly.service, at most 200 documents in 1 hour under grant"
            " ci\n") in said
    assert (f"      for at most 3650 days, only where the repository is {gun}, after 1 approval of"
            " uid 61011\n") in said
    warnings = said.split("\nwarnings\n")[1]
    assert "key developer: no grant has it" in warnings
    assert "key targets: valid in more than one repository or role" in warnings
    assert "alone signs roots" not in warnings


def test_a_comparison_tells_who_gains_and_who_loses(change, policy, gun):
    (everywhere,) = policy["keys"]["qa"]["scope"][0]["repositories"]
    same = change.tells(policy)
    assert same == {"nothing is different": []}
    policy["grants"]["releaser"]["keys"].remove("qa")
    policy["grants"]["releaser"]["delegate"] = False
    policy["grants"]["tester"] = {"users": [61010], "keys": ["qa"]}
    policy["admins"] = {"groups": [61500]}
    told = change.tells(policy)
    assert f"uid 61010: key qa for {QA}{everywhere}{PLAIN}" in told["gained"]
    assert "gid 61500: the rights of an admin" in told["gained"]
    releaser = f"uid {rig_users.RELEASER.uid}: "
    assert any(line.startswith(f"{releaser}key qa for ") for line in told["lost"])
    assert f"{releaser}the rights of an admin" in told["lost"]
    # What is narrowed is gained in its new form and lost in its old one.
    targets_of = f"{releaser}key targets for role targets of {everywhere}, for at most 1095 days, "
    assert targets_of + "without changes of delegations" in told["gained"]
    assert targets_of + "with changes of delegations" in told["lost"]
    assert "changed" not in told


def test_a_comparison_names_the_policy_that_is_wrong(change, policy):
    done = change.compare("grants:\n  x: {}\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"'.*/new/policy\.yaml': policy\.yaml:2:3: 'x' has neither 'users'", done.stderr)
    change.agent.set_policy("grants: {\n")
    done = change.compare(policy)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"'{change.agent.policy_file}': policy.yaml:" in done.stderr


def test_the_policy_may_stand_behind_an_equals_sign(change):
    done = subprocess.run([change.agent.programs.agent, f"--check-policy={change.agent.policy_file}"],
                          capture_output=True, text=True, **rig_users.AGENT.popen())
    assert done.returncode == 0 and done.stdout == change.agent.check_policy().stdout


@pytest.mark.parametrize("args", [("--check-policy=a", "b"), ("--diff", "a", "b"),
                                  ("--check-policy=a", "--diff", "b", "c"), ("--check-policy",),
                                  ("--check-policy", "--diff", "a"), ("--check-policy", "a", "b")])
def test_a_wrong_command_line_is_told_from_a_wrong_policy(change, args):
    done = subprocess.run([change.agent.programs.agent, *args], capture_output=True, text=True)
    assert done.returncode == 2 and "--help" in done.stderr


def test_a_reload_tells_and_logs_what_the_comparison_tells(case, policy, gun):
    (everywhere,) = policy["keys"]["qa"]["scope"][0]["repositories"]
    policy["grants"]["tester"] = {"users": [61010], "keys": ["qa"], "quota": "5/1d"}
    policy["roots"] = {gun: ["ab" * 32]}
    told = Change(case.agent).tells(policy)
    case.agent.set_policy(policy)
    changes = case.agent.call("Reload")["changes"]
    sentences = [line.replace(": ", " gains ", 1) for line in told["gained"]] + told["changed"]
    assert changes == [*sentences, f"policy is now {case.agent.call('Status')['policy'][:16]}"]
    assert sentences[0] == (f"uid 61010 gains key qa for {QA}{everywhere}{PLAIN}, at most 5 documents"
                            " in 1 day under grant tester")
    for sentence in changes:
        assert f"countersign-agent: reload: {sentence}\n" in case.agent.process.text()
    assert case.agent.call("Reload")["changes"] == []


def test_a_reload_that_fails_says_where_and_changes_nothing(case, policy):
    before = case.agent.call("Status")["policy"]
    text = policy.text()
    policy["grants"]["releaser"]["tags"] = ["v*"]
    for wrong, problem in ((policy.text(), "'tags' need a key"),
                           (text.replace('"admins"', '"admin"'), "the nearest known one is")):
        case.agent.set_policy(wrong)
        with pytest.raises(VarlinkError) as caught:
            case.agent.call("Reload")
        assert re.search(r"policy\.yaml:\d+:\d+: ", str(caught.value))
        assert problem in str(caught.value)
    assert case.agent.call("Status")["policy"] == before
    signs(case.sign(targets(version=1)), "qa")


def test_a_socket_where_the_main_one_is_changes_nothing(case, policy):
    policy["sockets"] = {"ci": {"path": str(case.agent.socket), "mode": "0600"}}
    case.agent.set_policy(policy)
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Reload")
    assert "where the main socket is" in str(caught.value)
    signs(case.sign(targets(version=1)), "qa")
