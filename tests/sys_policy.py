# SPDX-License-Identifier: Apache-2.0
"""Who may sign what: every rule allows one thing and refuses another, and says why.

The users are real uids and gids, and the calls are made by hand: what the client would not even ask
for must be refused by the agent.
"""
import grp
import pwd
import re

import pytest

import rig_users
from rig_case import QA_ROLE, signs
from rig_document import (certificate_of, delegation, key_id, key_object, new_certificate,
                          new_key, request, root, target, targets)
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


def test_a_stranger_learns_nothing_more_than_where_admins_find_it(case, stranger):
    parameters = case.denied("not-granted", user=stranger)
    assert {name for name, value in parameters.items() if value} == {
        "reason", "rule", "remedy", "id"}
    for method in ("ListKeys", "Status", "Explain", "Reload", "IssueRootCertificate"):
        with pytest.raises(VarlinkError) as caught:
            case.agent.call(method, stranger)
        assert caught.value.parameters == {**parameters, "id": caught.value.parameters["id"]}
    case.agent.stop()
    record = case.agent.ledger.records()[int(parameters["id"]) - 1]
    assert (record["peer"]["uid"], record["reason"]) == (stranger.uid, "not-granted")


def test_the_client_tells_a_stranger_the_reason(agent, stranger, new_client, repository):
    said = new_client(agent, stranger).refused(3, "addhash", repository, "v1", 1, "--sha256",
                                               "ab" * 32, "-r", QA_ROLE)
    assert "not-granted" in said


def test_names_that_nobody_has_grant_nothing(new_case, policy, tester):
    policy["grants"]["nobody"] = {"users": ["no-such-user-here"], "groups": ["no-such-group-here"],
                                  "keys": ["qa"]}
    case = new_case()
    assert case.agent.check_policy().stdout.count("matches nobody") >= 2
    case.denied("not-granted", user=tester)


def test_names_of_the_system_grant_what_their_numbers_do(new_case, policy):
    policy["grants"]["daemons"] = {"users": ["daemon"], "groups": ["bin"], "keys": ["qa"]}
    case = new_case()
    signs(case.sign(user=rig_users.user(pwd.getpwnam("daemon").pw_uid, gid=61011)), "qa")
    member = rig_users.user(61011, groups=[grp.getgrnam("bin").gr_gid])
    signs(case.sign(targets(version=2), user=member), "qa")


def test_nobody_is_nobody(new_case, policy):
    """The kernel shows the same IDs for everybody whom it cannot map."""
    policy["grants"]["nobody"] = {"users": ["nobody"], "groups": ["nogroup"], "keys": ["qa"]}
    case = new_case()
    case.denied("not-granted", user=rig_users.user(65534, gid=65534, groups=[65534]))


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
    assert "another one" in case.denied("key-changed", targets(version=2))["have"]
    new = key_id(key_object(token.public_key("qa")))
    case.denied("no-such-key", targets(version=2), key=new)
    keys = {key["name"]: key for key in case.agent.call("ListKeys")["keys"]}
    assert keys["qa"]["state"] != "ready" and keys["developer"]["state"] == "ready"


def test_a_key_has_one_name(new_case, policy, tester):
    """The second one is of no use, so a grant on it gives nothing."""
    policy["keys"]["twin"] = {**policy["keys"]["qa"], "uri": f"pkcs11:id={quoted_id('qa')}"}
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["twin"]}
    case = new_case()
    keys = {key["name"]: key for key in case.agent.call("ListKeys")["keys"]}
    assert (keys["qa"]["state"], keys["twin"]["state"]) == ("ready", "unsuitable")
    case.denied("not-granted", user=tester)
    signs(case.sign(), "qa")


def quoted_id(name):
    """CKA_ID of a key of the usual token, as URIs have it."""
    return "".join(f"%{byte:02x}" for byte in name.encode())


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


@pytest.fixture
def half(new_case, token_away):
    """An agent that has seen both tokens, and has one of them left."""
    case = new_case()
    assert case.agent.has_keys()
    case.agent.stop()
    token_away()
    case.agent.start()
    return case


def test_a_token_that_is_away_fails_the_request(half):
    document = half.request(role="targets/releases")
    document["keys"].append(half.ids["developer"])
    with pytest.raises(VarlinkError) as caught:
        half.agent.call("Sign", documents=[document])
    assert caught.value.name == "TokenUnavailable"
    assert caught.value.parameters["token"] == "spare" and caught.value.parameters["remedy"]
    signs(half.sign(), "qa")


def test_a_token_that_is_away_may_be_left_out(half):
    document = half.request(role="targets/releases")
    document["keys"].append(half.ids["developer"])
    (signed,) = half.agent.call("Sign", documents=[document], partial=True)["documents"]
    signs(signed, "qa")
    assert signed["left_out"] == {half.ids["developer"]: "token-unavailable"}
    # But not if nobody else signs.
    assert half.fails("TokenUnavailable", role="targets/developer", key="developer",
                      partial=True)["token"] == "spare"


def test_the_client_leaves_out_a_token_if_it_is_told_to(
        new_case, token_away, new_client, gun, readers):
    case = new_case()
    client = new_client(case.agent)
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/releases", "agent:qa", "agent:developer")
    token_away()
    case.agent.stop()
    case.agent.start()
    add = ("addhash", gun, "v1", 1, "--sha256", "ab" * 32, "-r", "targets/releases")
    assert "spare" in client.refused(5, *add)
    client.run(*add, "--skip-unavailable")
    assert readers.read(gun, "targets/releases")


# Rule 6: our own keys in documents


def test_an_own_key_may_be_listed_only_in_its_scope(case):
    forms = key_object(case.pem["qa"]), key_object(certificate_of(case.pem["qa"]))
    for version, qa in enumerate(forms, 1):
        inside, outside = (targets(version=version, keys=[qa], delegations=[delegation(role, qa)])
                           for role in (QA_ROLE, "targets/developer"))
        case.denied("own-key-outside-scope", outside, role="targets", key="targets")
        signs(case.sign(inside, role="targets", key="targets"), "targets")


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


def test_all_marks_that_are_in_the_way_are_told(case):
    roles = (QA_ROLE, "targets/releases")
    case.agent.call("Sign", documents=[case.request(targets(version=3), role) for role in roles])
    new = "targets/developer", "developer"
    with pytest.raises(VarlinkError) as caught:
        case.agent.call("Sign", documents=[
            *(case.request(targets(version=2), role) for role in roles), case.request(None, *new)])
    assert {(mark["role"], mark["version"]) for mark in caught.value.parameters["marks"]} == {
        (role, 3) for role in roles}
    signs(case.sign(None, *new), "developer")


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


# Rule 16: what a refusal says


def refusals(case):
    """Documents that are refused, by the reason."""
    return {
        "key-outside-scope": case.request(role="targets/developer"),
        "no-such-key": case.request(key=key_id(key_object(new_key()))),
        "validity-too-long": case.request(targets(days=1200)),
        "expired": case.request(targets(days=-1)),
        "role-never-signed": case.request(role="timestamp"),
        "not-normal": case.request(gun="alpine"),
        "type-mismatch": case.request(role="root", key="root"),
        "version-jump": case.request(targets(version=5000)),
    }


def test_a_refusal_says_all_there_is_and_explain_the_same(case):
    for reason, document in refusals(case).items():
        with pytest.raises(VarlinkError) as caught:
            case.agent.call("Sign", documents=[document])
        said = caught.value.parameters
        assert said["reason"] == reason
        assert all(said[name] for name in ("rule", "want", "have", "remedy")), said
        assert said.get("grant") in (None, "releaser")

        (verdict,) = case.agent.call("Explain", documents=[document])["verdicts"]
        failed = verdict["checks"][-1]
        assert not verdict["allowed"] and not failed["holds"]
        assert all(check["holds"] for check in verdict["checks"][:-1])
        assert (failed["rule"], failed["want"], verdict["reason"], verdict["remedy"]) == tuple(
            said[name] for name in ("rule", "want", "reason", "remedy"))
        # A second may have passed.
        assert re.sub(r"\d+", "N", failed["have"]) == re.sub(r"\d+", "N", said["have"])


def test_a_refusal_names_the_closest_grant_of_the_caller_and_no_other(new_case, policy, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"], "max_validity": "10d"}
    case = new_case()
    parameters = case.denied("validity-too-long", user=tester)
    assert parameters["grant"] == "tester" and "10 days" in parameters["want"]
    parameters = case.denied("not-granted", role="targets/developer", key="developer", user=tester)
    assert "releaser" not in str(parameters)


def test_keys_are_shown_to_everybody_who_is_granted_one_and_scopes_are_not(
        new_case, policy, tester):
    policy["grants"]["tester"] = {"users": [tester.uid], "keys": ["qa"], "max_validity": "10d"}
    keys = {key["name"]: key for key in new_case().agent.call("ListKeys", tester)["keys"]}
    assert set(keys) == set(policy["keys"])
    assert {name for name, key in keys.items() if key["usable"]} == {"qa"}
    assert {name for name, key in keys.items() if key["roles"] or key["repositories"]} == {"qa"}
    assert keys["qa"]["max_validity_s"] == 10 * 86400


def test_every_request_is_recorded_with_who_what_and_why(case):
    case.sign()
    case.denied("key-outside-scope", role="targets/developer")
    case.agent.stop()
    released, refused = case.agent.ledger.records()
    for record in (released, refused):
        assert record["method"] == "Sign" and record["grants"] == ["releaser"]
        assert (record["peer"]["uid"], record["peer"]["gid"]) == (
            rig_users.RELEASER.uid, rig_users.RELEASER.gid)
        assert record["documents"][0]["repository"] == case.gun
    assert released["keys"] == [case.ids["qa"]]
    assert (released["outcome"], released["verdict"], released["reason"]) == (
        "released", "allowed", None)
    assert (refused["outcome"], refused["verdict"], refused["reason"]) == (
        "refused", "denied", "key-outside-scope")


# Questions that sign nothing


def test_explain_says_what_sign_would_allow(case):
    (verdict,) = case.agent.call("Explain", documents=[case.request()])["verdicts"]
    assert verdict["allowed"] and verdict["grant"] == "releaser" and "reason" not in verdict


def test_explain_for_others_is_for_admins(new_case, policy):
    """Others are those whom the system knows, as their groups count."""
    daemon = pwd.getpwnam("daemon")
    policy["grants"]["daemon"] = {"users": ["daemon"], "keys": ["qa"]}
    case = new_case()
    documents = [case.request(), case.request(role="targets/developer", key="developer")]
    with case.agent.connect() as admin:
        for user in ("daemon", str(daemon.pw_uid)):
            verdicts = admin.call("Explain", documents=documents, user=user)["verdicts"]
            assert [verdict.get("reason") for verdict in verdicts] == [None, "not-granted"]
    user = rig_users.user(daemon.pw_uid, gid=daemon.pw_gid)
    with case.agent.connect(user) as other, pytest.raises(VarlinkError) as caught:
        other.call("Explain", documents=documents, user="root")
    assert caught.value.parameters["reason"] == "not-admin"


def test_a_dry_run_leaves_neither_mark_nor_record(case):
    signed = case.sign(targets(version=7), dry_run=True)
    assert not signed["signatures"]
    case.denied("key-outside-scope", role="targets/developer", dry_run=True)
    signs(case.sign(targets(version=6)), "qa")
    case.agent.stop()
    assert [record["documents"][0]["version"] for record in case.agent.ledger.records()] == [6]
