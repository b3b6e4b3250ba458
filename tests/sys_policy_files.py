# SPDX-License-Identifier: Apache-2.0
"""An administrator writes a policy: what is wrong with it is said with its place, and never used."""
import json
import os

import pytest

import rig_users
from rig_case import signs
from rig_document import new_certificate, targets
from rig_scratch import write
from rig_varlink import VarlinkError


@pytest.fixture
def judged(new_agent, policy):
    """An agent that is never started, and a way to judge its policy."""
    return Judged(new_agent(policy))


class Judged:
    def __init__(self, agent):
        self.agent = agent
        self.directory = agent.directory
        self.file = agent.policy_file

    def accepts(self, policy=None):
        """--check-policy finds nothing wrong; what it says."""
        if policy:
            self.agent.set_policy(policy)
        done = self.agent.check_policy()
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refuses(self, policy=None):
        """--check-policy finds something wrong; what it says."""
        if policy:
            self.agent.set_policy(policy)
        done = self.agent.check_policy()
        assert (done.returncode, done.stdout) == (1, ""), done
        return done.stderr

    def part(self, name, text, owner=None, mode=0o644):
        """A file of policy.d."""
        parts = self.directory / "policy.d"
        parts.mkdir(exist_ok=True)
        return write(parts / name, text, owner, mode)


def test_a_policy_is_explained(judged, policy):
    said = judged.accepts()
    for name in ("hsm", *policy["keys"], "releaser"):
        assert name in said


# Members that are unknown


UNKNOWN = {
    "at the top": lambda policy: policy.document.update(grant={}),
    "in a token": lambda policy: policy["tokens"]["hsm"].update(slot=0),
    "in a key": lambda policy: policy["keys"]["qa"].update(role=["targets/qa"]),
    "in a scope": lambda policy: policy["keys"]["qa"]["scope"][0].update(role="targets/qa"),
    "in a grant": lambda policy: policy["grants"]["releaser"].update(user=[1]),
    "in admins": lambda policy: policy["admins"].update(user=[1]),
}


@pytest.mark.parametrize("where", UNKNOWN)
def test_an_unknown_member_is_an_error(judged, policy, where):
    UNKNOWN[where](policy)
    said = judged.refuses(policy)
    assert "unknown key" in said and "policy.yaml:" in said


@pytest.mark.parametrize("member", ["roles", "repositories"])
def test_a_grant_cannot_narrow_the_scope_of_its_keys(judged, policy, member):
    policy["grants"]["releaser"][member] = ["targets/qa"]
    assert f"'{member}'" in judged.refuses(policy)


EMPTY = {
    "users": lambda policy: policy["grants"]["releaser"].update(users=[]),
    "groups": lambda policy: policy["grants"]["releaser"].update(groups=[]),
    "keys": lambda policy: policy["grants"]["releaser"].update(keys=[]),
    "scope": lambda policy: policy["keys"]["qa"].update(scope=[]),
    "repositories": lambda policy: policy["keys"]["qa"]["scope"][0].update(repositories=[]),
    "roles": lambda policy: policy["keys"]["qa"]["scope"][0].update(roles=[]),
    "admins": lambda policy: policy["admins"].update(users=[]),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_list_narrows_nothing_and_is_an_error(judged, policy, name):
    EMPTY[name](policy)
    assert "policy.yaml:" in judged.refuses(policy)


WRONG = {
    "a key that is not there": lambda policy: policy["grants"]["releaser"]["keys"].append("no"),
    "a token that is not there": lambda policy: policy["keys"]["qa"].update(token="no"),
    "a relative module": lambda policy: policy["tokens"]["hsm"].update(module="softhsm2.so"),
    "a PIN in the policy": lambda policy: policy["tokens"]["hsm"].update(pin="1234"),
    "the same key twice": lambda policy: policy["keys"].update(again=policy["keys"]["qa"]),
    "timestamp": lambda policy: policy["keys"]["qa"]["scope"][0].update(roles=["timestamp"]),
    "roles of two ranks": lambda policy: policy["keys"]["qa"]["scope"][0].update(
        roles=["targets", "targets/qa"]),
    "a pattern for targets": lambda policy: policy["keys"]["targets"]["scope"][0].update(
        roles=["target*"]),
    "every role": lambda policy: policy["keys"]["qa"]["scope"][0].update(roles=["**"]),
    "the overflow uid": lambda policy: policy["grants"]["releaser"].update(users=[65534]),
    "a negative uid": lambda policy: policy["grants"]["releaser"].update(users=[-1]),
    "a validity without a unit": lambda policy: policy["grants"]["releaser"].update(
        max_validity="90"),
    "delegating with a yes": lambda policy: policy["grants"]["releaser"].update(delegate="yes"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_meant_is_an_error(judged, policy, what):
    WRONG[what](policy)
    assert "policy.yaml:" in judged.refuses(policy)


@pytest.mark.parametrize("text", [
    "grants: &all {}\n", "grants: *all\n", "grants: !!map {}\n", "%YAML 1.1\n---\ngrants: {}\n",
    "grants: {}\ngrants: {}\n", "grants: {}\n---\ngrants: {}\n", "grants: {\n", "grants: []\n",
    "- grants\n", "", "grants:\n\tx: 1\n", "grants: {a: |\n  b\n}\n",
])
def test_only_plain_yaml_is_taken(judged, text):
    write(judged.file, text)
    assert "policy.yaml:" in judged.refuses()


# policy.d


def test_parts_add_keys_and_grants(judged, policy):
    keys, grants = dict(policy["keys"]), dict(policy["grants"])
    policy["keys"], policy["grants"] = {}, {}
    judged.agent.set_policy(policy)
    judged.part("10-keys.yaml", json.dumps({"keys": keys}))
    judged.part("20-grants.yaml", json.dumps({"grants": grants}))
    for leftover in (".hidden.yaml", "20-grants.yaml~", "10-keys.yaml.dpkg-old"):
        judged.part(leftover, "this is no policy: {\n")
    assert "releaser" in judged.accepts()


@pytest.mark.parametrize("name", ["tokens", "admins"])
def test_parts_add_nothing_else(judged, policy, name):
    value = policy.document.pop(name)
    judged.agent.set_policy(policy)
    judged.part("more.yaml", json.dumps({name: value}))
    assert "policy.d/more.yaml:" in judged.refuses()


def test_a_name_stands_in_one_file_only(judged, policy):
    judged.part("more.yaml", json.dumps({"grants": policy["grants"]}))
    said = judged.refuses()
    assert "policy.d/more.yaml:" in said and "is already there, at policy.yaml:" in said


@pytest.mark.parametrize("name", ["UPPER.yaml", "-x.yaml", "_x.yaml", "a b.yaml", "more.yml", "x"])
def test_parts_have_proper_names(judged, name):
    judged.part(name, "grants: {}\n")
    assert f"policy.d/{name}" in judged.refuses()


# Who may write it


def test_files_of_the_agent_itself_are_taken(judged):
    os.chown(judged.file, rig_users.AGENT.uid, rig_users.AGENT.gid)
    judged.accepts()


def paths_of(judged, policy, token):
    """Everything that is read, by what it is."""
    certificate = write(judged.directory / "qa.pem", new_certificate("qa"))
    policy["keys"]["qa"]["certificate"] = str(certificate)
    judged.agent.set_policy(policy)
    return {
        "policy": judged.file, "its directory": judged.directory,
        "part": judged.part("more.yaml", "grants: {}\n"),
        "directory of parts": judged.directory / "policy.d",
        "certificate": certificate, "PIN": token.pin_file,
        "directory of the PIN": token.pin_file.parent,
    }


PATHS = ("policy", "its directory", "part", "directory of parts", "certificate", "PIN",
         "directory of the PIN")


@pytest.mark.parametrize("what", PATHS)
def test_nobody_else_may_own_or_write(judged, policy, token, stranger, what):
    path = paths_of(judged, policy, token)[what]
    judged.accepts()
    before = path.stat()
    for bits in (0o020, 0o002):
        path.chmod(before.st_mode | bits)
        assert path.name in judged.refuses()
        path.chmod(before.st_mode)
    os.chown(path, stranger.uid, stranger.gid)
    assert path.name in judged.refuses()
    os.chown(path, before.st_uid, before.st_gid)
    judged.accepts()


@pytest.mark.parametrize("what", ["policy", "part", "certificate", "PIN"])
def test_a_file_is_a_file_of_its_own(judged, policy, token, what):
    path = paths_of(judged, policy, token)[what]
    aside = path.with_name(".aside")
    path.rename(aside)
    path.symlink_to(aside)
    assert path.name in judged.refuses()
    path.unlink()
    os.mkfifo(path, 0o600)
    os.chown(path, rig_users.AGENT.uid, rig_users.AGENT.gid)
    assert path.name in judged.refuses()
    path.unlink()
    path.mkdir()
    os.chown(path, rig_users.AGENT.uid, rig_users.AGENT.gid)
    assert path.name in judged.refuses()


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640, 0o444])
def test_a_pin_is_for_the_agent_alone(judged, token, mode):
    token.pin_file.chmod(mode)
    assert "it holds a secret" in judged.refuses()


def test_what_is_missing_is_named(judged, policy):
    policy["keys"]["qa"]["certificate"] = "no-such.pem"
    assert "no-such.pem does not exist" in judged.refuses(policy)
    judged.file.unlink()
    assert "policy.yaml does not exist" in judged.refuses()


def test_a_certificate_of_another_key_is_found_out(new_case, policy):
    certificate = new_certificate("qa")
    case = new_case()
    case.agent.stop()
    policy["keys"]["qa"]["certificate"] = str(write(case.agent.directory / "qa.pem", certificate))
    case.agent.set_policy(policy)
    case.agent.start()
    keys = {key["name"]: key["state"] for key in case.agent.call("ListKeys")["keys"]}
    assert keys["qa"] != "ready" and keys["developer"] == "ready"


# Reload


def test_a_reload_needs_no_new_pin(case, policy):
    """Workers whose token is the same stay."""
    signs(case.sign(targets(version=1)), "qa")
    workers = case.agent.workers()
    policy["grants"]["more"] = {"users": [61010], "keys": ["qa"]}
    case.agent.set_policy(policy)
    case.agent.call("Reload")
    assert case.agent.workers() == workers
    signs(case.sign(targets(version=2)), "qa")


def test_a_reload_replaces_the_workers_of_a_changed_token(case, policy):
    signs(case.sign(targets(version=1)), "qa")
    (worker,) = case.agent.workers()
    policy["tokens"]["hsm"]["environment"]["CHANGED"] = "1"
    case.agent.set_policy(policy)
    case.agent.call("Reload")
    case.agent.process.wait_until(case.agent.has_keys)
    signs(case.sign(targets(version=2)), "qa")
    case.agent.process.wait_until(lambda: worker not in case.agent.workers())


def test_a_reload_tells_what_changed(case, policy):
    policy["keys"].pop("devops")
    policy["grants"]["releaser"]["keys"].remove("devops")
    case.agent.set_policy(policy)
    changes = "\n".join(case.agent.call("Reload")["changes"])
    assert "key devops is gone" in changes and "loses key devops for " in changes
    assert case.agent.call("Status")["policy"][:16] in changes


def test_a_reload_takes_a_right_away_at_once(case, policy):
    signs(case.sign(), "qa")
    policy["grants"]["releaser"]["keys"].remove("qa")
    case.agent.set_policy(policy)
    assert case.agent.call("Reload")["changes"]
    case.denied("not-granted", targets(version=2))


def test_a_reload_of_a_bad_policy_keeps_the_old_one(case):
    case.agent.set_policy("grants: {\n")
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Reload")
    assert "policy.yaml:" in str(caught.value)
    signs(case.sign(), "qa")


def test_a_bad_policy_at_a_signal_keeps_the_old_one_and_is_logged(case):
    case.agent.set_policy("grants: {\n")
    case.agent.hang_up()
    assert f"the old policy stays until '{case.agent.policy_file}' is mended: policy.yaml:" in \
        case.agent.process.text()
    signs(case.sign(), "qa")


def test_a_connection_that_is_open_has_the_new_policy(case, policy):
    """A user who lost a right cannot go on in a connection of before."""
    with case.agent.connect() as connection:
        assert connection.call("Sign", documents=[case.request()])["documents"]
        policy["grants"]["releaser"]["users"] = [61010]
        case.agent.set_policy(policy)
        connection.call("Reload")
        with pytest.raises(VarlinkError) as caught:
            connection.call("Sign", documents=[case.request(targets(version=2))])
        assert caught.value.parameters["reason"] == "not-granted"


def test_a_policy_that_is_bad_from_the_start_is_answered_and_mended(new_agent, policy):
    agent = new_agent("grants: {\n").start()
    for method in ("Sign", "Explain", "ListKeys", "Status", "Reload", "IssueRootCertificate"):
        with pytest.raises(VarlinkError) as caught:
            agent.call(method)
        assert (caught.value.name, caught.value.parameters["reason"]) == (
            "Denied", "policy-invalid"), method
    assert agent.call("org.varlink.service.GetInfo")
    agent.set_policy(policy)
    agent.hang_up()
    assert agent.call("Status")["tokens"]
