# SPDX-License-Identifier: Apache-2.0
"""Examples for operators are taken by the programs that they are for."""
import shutil
import subprocess

from rig_tree import ROOT, text

POLICY = "contrib/examples/policy.yaml"


def test_the_example_of_a_policy_is_taken(build, tmp_path):
    policy = tmp_path / "policy.yaml"
    shutil.copyfile(ROOT / POLICY, policy)
    tmp_path.chmod(0o755)
    policy.chmod(0o644)
    done = subprocess.run([build / "agent" / "countersign-agent", "--check-policy", policy],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("root", "developer", "qa-team", "ceremony", "countersign-admin"):
        assert name in done.stdout and name in text(POLICY)
