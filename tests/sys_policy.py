# SPDX-License-Identifier: Apache-2.0
"""Who may sign what: every rule allows one thing and refuses another, and says why.

The users are real uids and gids, and the calls are made by hand: what the client would not even ask
for must be refused by the agent.
"""
import os

import pytest

import rig_users
from rig_case import QA_ROLE, Case, signs
from rig_document import (delegation, key_id, key_object, new_certificate, new_key, request,
                          root, target, targets)
from rig_varlink import VarlinkError

# Rule 1: who


def test_a_user_with_a_grant_may_sign_and_a_stranger_may_not(new_case, policy, tester, stranger):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"]}
    case = new_case()
    signs(case.sign(user=tester), "qa")
    case.denied("not-granted", user=stranger)


@pytest.mark.parametrize("group", [61010, 61500], ids=["primary", "supplementary"])
def test_a_group_with_a_grant_may_sign_and_another_may_not(new_case, policy, tester, group):
    policy["grants"]["group"] = {"groups": [group], "keys": ["qa"]}
    case = new_case()
    signs(case.sign(user=tester), "qa")
    case.denied("not-granted", user=rig_users.user(tester.uid, gid=61011, groups=[61501]))


def test_a_stranger_learns_nothing_more(case, stranger):
    parameters = case.denied("not-granted", user=stranger)
    assert not parameters["want"] and not parameters["have"] and "grant" not in parameters
    for method in ("ListKeys", "Status"):
        with pytest.raises(VarlinkError) as caught:
            case.agent.call(method, stranger)
        assert caught.value.parameters["reason"] == "not-granted"


def test_root_has_no_implicit_right(case):
    case.denied("not-granted", user=rig_users.user(0, gid=0))


def test_root_matches_no_group(new_case, policy):
    policy["grants"]["group"] = {"groups": [61500, 0], "keys": ["qa"]}
    case = new_case()
    case.denied("not-granted", user=rig_users.user(0, gid=0, groups=[61500]))


def test_root_may_sign_where_a_grant_names_it(new_case, policy):
    rig_users.user(0)
    policy["grants"]["uid0"] = {"users": [0], "keys": ["qa"]}
    signs(new_case().sign(user=rig_users.User(0)), "qa")


def test_only_admins_reload(new_case, policy, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"]}
    case = new_case()
    case.agent.call("Reload")
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Reload", tester)
    assert caught.value.parameters["reason"] == "not-admin"


# Rule 3: the scope of a key


def test_a_key_signs_in_its_scope_and_not_outside(case):
    signs(case.sign(), "qa")
    case.denied("key-outside-scope", role="targets/developer")
    case.denied("key-outside-scope", gun="127.0.0.1:1/elsewhere")


@pytest.mark.parametrize("member", ["roles", "repositories"])
def test_a_grant_cannot_narrow_the_scope_of_its_keys(new_agent, policy, member):
    policy["grants"]["releaser"][member] = ["targets/qa"]
    judged = new_agent(policy).check_policy()
    assert judged.returncode == 1
    assert member in judged.stderr


def test_a_grant_on_a_root_key_may_name_repositories(new_case, policy, gun):
    policy["grants"]["releaser"]["keys"].remove("root")
    policy["grants"]["founder"] = {"users": [rig_users.RELEASER.uid], "keys": ["root"],
                                   "repositories": [gun]}
    case = new_case()
    issued = case.agent.call("IssueRootCertificate", repository=gun, key=case.ids["root"])
    assert "BEGIN CERTIFICATE" in issued["certificate"]
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("IssueRootCertificate", repository=gun + "/other", key=case.ids["root"])
    assert caught.value.parameters["reason"] == "repository-not-granted"


def test_a_root_is_bound_to_its_repository_by_its_certificate(case):
    own, targets_key = case.root_keys()
    for other in (key_object(new_certificate(case.gun, case.gun)),
                  key_object(new_certificate(case.gun + "/x")), key_object(case.pem["root"])):
        case.denied("root-certificate", root(other, targets_key), role="root", key="root")
    signs(case.sign(root(own, targets_key), role="root", key="root"), "root")


# Rule 4: names and forms


def test_a_timestamp_is_never_signed(case):
    case.denied("role-never-signed", role="timestamp")


@pytest.mark.parametrize("name", ["alpine", "docker.io/alpine", "index.docker.io/library/alpine",
                                  "127.0.0.1:5000/a:tag"])
def test_a_repository_is_claimed_in_its_normal_form(new_case, policy, name):
    for key in policy["keys"].values():
        key["scope"][0]["repositories"] = ["**"]
    case = new_case()
    signs(case.sign(gun="docker.io/library/alpine"), "qa")
    case.denied("not-normal", gun=name)


@pytest.mark.parametrize("role", ["targets/QA", "targets/", "targets//qa", "mirrors"])
def test_a_role_has_a_name_of_notary(case, role):
    case.denied("role-name", role=role)


def test_a_document_is_of_the_type_of_its_role(case):
    case.denied("type-mismatch", targets(), role="root", key="root")


def test_a_key_that_was_replaced_under_its_label_is_refused(case, token, policy):
    signs(case.sign(), "qa")
    case.agent.stop()
    token.delete("qa")
    token.generate("qa")
    case.agent.start()
    case.ids["qa"] = key_id(key_object(token.public_key("qa")))
    with pytest.raises(VarlinkError) as caught:
        case.sign(targets(version=2))
    assert caught.value.parameters["reason"] in ("key-changed", "no-such-key")
    keys = {key["name"]: key for key in case.agent.call("ListKeys")["keys"]}
    assert keys["qa"]["state"] != "ready" and keys["developer"]["state"] == "ready"


# Rule 5: which keys sign


def test_signs_with_every_key_that_is_granted_and_names_the_others(new_case, policy, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"]}
    case = new_case()
    foreign = key_id(key_object(new_key()))
    wanted = [case.ids["qa"], case.ids["developer"], foreign]
    (signed,) = case.agent.call("Sign", tester, documents=[
        request(case.gun, "targets/releases", targets(), *wanted)])["documents"]
    signs(signed, "qa")
    assert signed["left_out"] == {case.ids["developer"]: "not-granted", foreign: "no-such-key"}


def test_signs_with_all_keys_of_the_releaser(case):
    (signed,) = case.agent.call("Sign", documents=[request(
        case.gun, "targets/releases", targets(), case.ids["qa"],
        case.ids["developer"])])["documents"]
    signs(signed, "qa", "developer")


def test_a_document_that_names_no_key_of_the_agent_is_refused(case):
    case.denied("no-such-key", key=key_id(key_object(new_key())))


def test_a_document_that_names_no_key_at_all_is_malformed(case):
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Sign", documents=[request(case.gun, QA_ROLE, targets())])
    assert caught.value.name == "Malformed"


def test_all_documents_are_signed_or_none(case):
    good = case.request()
    bad = case.request(role="targets/developer")
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Sign", documents=[good, bad])
    assert caught.value.parameters["document"] == 1
    # Nothing was released, so other bytes may still have this version.
    signs(case.sign(targets(names={"v1": target()})), "qa")


# Rule 6: our own keys in documents


def test_an_own_key_may_be_listed_only_in_its_scope(case):
    qa = key_object(case.pem["qa"])
    for role, allowed in ((QA_ROLE, True), ("targets/developer", False)):
        document = targets(version=1 if allowed else 2, keys=[qa],
                           delegations=[delegation(role, qa)])
        if allowed:
            signs(case.sign(document, role="targets", key="targets"), "targets")
        else:
            case.denied("own-key-outside-scope", document, role="targets", key="targets")


def test_a_foreign_key_may_be_listed_anywhere(case):
    key = key_object(new_key())
    document = targets(keys=[key], delegations=[delegation("targets/developer", key)])
    signs(case.sign(document, role="targets", key="targets"), "targets")


# Rule 7: delegating is a right of its own


def test_delegating_wants_a_right(new_case, policy):
    policy["grants"]["releaser"]["delegate"] = False
    case = new_case()
    key = key_object(new_key())
    document = targets(keys=[key], delegations=[delegation("targets/other", key)])
    case.denied("delegation-right", document, role="targets", key="targets")
    signs(case.sign(role="targets", key="targets"), "targets")


def test_delegating_below_a_delegation_wants_it_too(new_case, policy):
    policy["grants"]["releaser"]["delegate"] = False
    case = new_case()
    key = key_object(new_key())
    case.denied("delegation-right", targets(keys=[key],
                                            delegations=[delegation("targets/qa/x", key)]))


# Rule 8: marks


def test_a_version_is_released_with_one_content(case):
    first = targets(version=5)
    digest = case.sign(first)["digest"]
    signs(case.sign(first), "qa")
    for version in (4, 5):
        (mark,) = case.rolled_back(targets(version=version, names={"v1": target()}))
        assert (mark["role"], mark["version"], mark["digest"]) == (QA_ROLE, 5, digest)
    signs(case.sign(targets(version=6)), "qa")


def test_marks_are_kept_per_repository_and_role(case):
    signs(case.sign(targets(version=5)), "qa")
    signs(case.sign(targets(version=2), role="targets/releases"), "qa")
    signs(case.sign(targets(version=2), gun=case.gun + "/other"), "qa")


def test_a_second_key_may_sign_the_same_bytes(case):
    document = targets(version=3)
    signs(case.sign(document, role="targets/releases", key="qa"), "qa")
    signs(case.sign(document, role="targets/releases", key="developer"), "developer")


def test_versions_go_up_in_steps(case):
    case.denied("version-jump", targets(version=1001))
    signs(case.sign(targets(version=1000)), "qa")
    case.denied("version-jump", targets(version=2001))
    signs(case.sign(targets(version=2000)), "qa")


def test_a_root_goes_up_by_one_and_is_told_again(case):
    keys = case.root_keys()
    case.denied("root-version", root(*keys, version=2), role="root", key="root")
    signs(case.sign(root(*keys), role="root", key="root"), "root")
    (mark,) = case.rolled_back(root(*keys), role="root", key="root")
    assert mark["document"] and mark["signatures"]
    case.denied("root-version", root(*keys, version=3), role="root", key="root")
    signs(case.sign(root(*keys, version=2), role="root", key="root"), "root")


# Rule 11: how long


def test_a_grant_bounds_the_validity(new_case, policy):
    policy["grants"]["releaser"]["max_validity"] = "90d"
    case = new_case()
    case.denied("validity-too-long", targets(days=92))
    signs(case.sign(targets(days=90)), "qa")


@pytest.mark.parametrize("role, key, days", [
    (QA_ROLE, "qa", 3 * 365), ("targets", "targets", 3 * 365)])
def test_without_a_bound_it_is_that_of_notary(case, role, key, days):
    case.denied("validity-too-long", targets(days=days + 2), role=role, key=key)
    signs(case.sign(targets(days=days), role=role, key=key), key)


# Rule 12: what no grant allows


def refused_documents():
    key, other = key_object(new_key()), key_object(new_key())
    role = "targets/other"
    return {
        "expired": targets(days=-1),
        "duplicate-key": targets(keys=[key], delegations=[
            delegation(role, ids=[key_id(key), key_id(key)], threshold=2)]),
        "key-id-mismatch": {**targets(), "delegations": {
            "keys": {key_id(other): key}, "roles": [delegation(role, other)]}},
        "threshold": targets(keys=[key], delegations=[delegation(role, key, threshold=2)]),
        "hashes": targets(names={"v1": {**target(), "hashes": {"md5": "AAAA"}}}),
        "custom": targets(names={"v1": {**target(), "custom": {"a": "<"}}}),
        "role-name": targets(keys=[key], delegations=[delegation("targets/OTHER", key)]),
    }


@pytest.mark.parametrize("reason", refused_documents())
def test_refuses_whatever_the_grant_says(case, reason):
    case.denied(reason, refused_documents()[reason], role="targets", key="targets")
    signs(case.sign(role="targets", key="targets"), "targets")


def test_two_keys_may_share_a_role_with_threshold_two(case):
    keys = [key_object(new_key()) for _ in range(2)]
    document = targets(keys=keys, delegations=[delegation("targets/other", *keys, threshold=2)])
    signs(case.sign(document, role="targets", key="targets"), "targets")


# Rule 14 and 15: the policy itself


def test_a_key_of_a_later_version_is_an_error(new_agent, policy):
    policy["grants"]["releaser"]["quota"] = "200/1h"
    judged = new_agent(policy).check_policy()
    assert judged.returncode == 1
    assert "quota" in judged.stderr


@pytest.mark.parametrize("mode", [0o664, 0o646], ids=["group", "others"])
def test_a_policy_that_others_may_write_is_refused(new_agent, policy, mode):
    agent = new_agent(policy)
    agent.policy_file.chmod(mode)
    assert agent.check_policy().returncode == 1
    agent.policy_file.chmod(0o644)
    assert agent.check_policy().returncode == 0


def test_a_policy_of_another_user_is_refused(new_agent, policy, stranger):
    agent = new_agent(policy)
    os.chown(agent.policy_file, stranger.uid, stranger.gid)
    assert agent.check_policy().returncode == 1


def test_an_agent_with_an_invalid_policy_refuses_everything(new_agent, policy, gun, token):
    good = policy.text()
    agent = new_agent("grants: {\n")
    case = Case(agent.start(), gun, token)
    case.denied("policy-invalid")
    agent.set_policy(good)
    agent.hang_up()
    signs(case.sign(), "qa")


def test_a_reload_takes_a_right_away_at_once(case, policy):
    signs(case.sign(), "qa")
    policy["grants"]["releaser"]["keys"].remove("qa")
    case.agent.set_policy(policy)
    changes = case.agent.call("Reload")["changes"]
    assert changes
    case.denied("not-granted", targets(version=2))


def test_a_reload_of_a_bad_policy_keeps_the_old_one(case):
    case.agent.set_policy("grants: {\n")
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Reload")
    assert "policy.yaml" in str(caught.value)
    signs(case.sign(), "qa")


# Questions that sign nothing


def test_explain_says_what_sign_would(case, stranger):
    (verdict,) = case.agent.call("Explain", documents=[case.request()])["verdicts"]
    assert verdict["allowed"] and verdict["grant"] == "releaser"
    (verdict,) = case.agent.call(
        "Explain", documents=[case.request(role="targets/developer")])["verdicts"]
    assert not verdict["allowed"] and verdict["reason"] == "key-outside-scope"
    assert not verdict["checks"][-1]["holds"]


def test_a_dry_run_leaves_no_mark(case):
    signed = case.sign(targets(version=7), dry_run=True)
    assert not signed["signatures"]
    signs(case.sign(targets(version=7, names={"v1": target()})), "qa")
