# SPDX-License-Identifier: Apache-2.0
"""The benches work and leave all of their figures, whatever these are."""
import json
import math
import subprocess

import rig_users
from rig_process import environment
from rig_tree import ROOT


def test_every_bench_leaves_its_figures(build, tmp_path):
    rig_users.need_root_to_look()
    report = tmp_path / "report.json"
    done = subprocess.run(
        [ROOT / "contrib" / "bench" / "run", "--quick", "--build", build, "--json", report],
        capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    benches = json.loads(report.read_text(encoding="utf-8"))["benches"]
    assert set(benches) == {path.stem for path in (ROOT / "contrib" / "bench").glob("*.py")
                            if "\ndef run(bench):" in path.read_text(encoding="utf-8")}
    for figures in benches.values():
        assert figures
        for figure in figures:
            assert figure["ours"], figure
            assert bool(figure["peer"]) == bool(figure["peer_name"]), figure
            for value in figure["ours"] + figure["peer"]:
                assert math.isfinite(value), figure
                assert value > 0 or (figure["may_be_zero"] and value == 0), figure
