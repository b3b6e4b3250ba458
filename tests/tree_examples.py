# SPDX-License-Identifier: Apache-2.0
"""Examples for operators are taken by the programs that they are for."""
import json
import re
import shutil
import subprocess

import pytest
import yaml

from rig_tree import ROOT, text

POLICY = "contrib/examples/policy.yaml"


@pytest.mark.parametrize("kind", ["piv", "pkcs11"])
def test_the_policy_of_the_page_of_a_kind_is_taken(kind, build, tmp_path):
    page = text(f"agent/countersign-{kind}.7").split(".Ss Policy\n")[1]
    entries = re.match(r"\.Bd -literal -offset indent\n(.*?)^\.Ed$", page,
                       re.DOTALL | re.MULTILINE).group(1)
    tmp_path.chmod(0o755)
    policy = tmp_path / "policy.yaml"
    policy.write_text(entries + "grants: {everybody: {users: [0], keys: [qa]}}\n", encoding="utf-8")
    policy.chmod(0o644)
    done = subprocess.run([build / "agent" / "countersign-agent", "--check-policy", policy],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "targets/qa" in done.stdout, done.stderr


def test_the_examples_of_the_page_of_policies_are_taken_together(build, tmp_path):
    """Each shows entries that the first one has not, or has otherwise."""
    page = text("agent/countersign-policy.5").split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    examples = [yaml.safe_load(example) for example in re.findall(
        r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page, re.DOTALL | re.MULTILINE)]
    assert len(examples) >= 4
    policy = {}
    for example in examples:
        for section, entries in example.items():
            policy.setdefault(section, {}).update(entries)
    tmp_path.chmod(0o755)
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(policy), encoding="utf-8")
    file.chmod(0o644)
    done = subprocess.run([build / "agent" / "countersign-agent", "--check-policy", file],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in policy["grants"]:
        assert f"(grant {name})" in done.stdout


def test_the_example_of_a_policy_shows_the_whole_language():
    members = set(re.findall(r'\{"([a-z_]+)"(?:, \w+)?\}|^    \{"([a-z_]+)", policy_limits_read',
                             "".join(text(f"agent/policy_{name}.c") for name in (
                                 "grant", "limits", "load", "people", "read", "sockets")),
                             re.MULTILINE))
    names = {first or second for first, second in members} - {"roles", "network"}
    assert {"quota", "approvals", "sockets", "count", "path", "at", "worker"} <= names
    assert not {name for name in names if not re.search(rf"\b{name}: ", text(POLICY))
                and not re.search(rf"^{name}:$", text(POLICY), re.MULTILINE)}


def test_the_example_of_a_policy_is_taken(build, tmp_path):
    policy = tmp_path / "policy.yaml"
    shutil.copyfile(ROOT / POLICY, policy)
    tmp_path.chmod(0o755)
    policy.chmod(0o644)
    done = subprocess.run([build / "agent" / "countersign-agent", "--check-policy", policy],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("root", "developer", "qa-team", "ceremony", "countersign-admin",
                 "everybody at door ci", "200 documents in 1 hour", "changing only tags nightly-*",
                 "only in unit nightly.service", "after 1 approval of group security",
                 "registry.example.com/legacy/**: 0b6101"):
        assert name in done.stdout
