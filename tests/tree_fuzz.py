# SPDX-License-Identifier: Apache-2.0
"""Every fuzz target has inputs to begin with, and a bug that it must find."""
import re
import subprocess

import pytest

from rig_tree import ROOT, files, text

TARGETS = sorted(path.stem[len("fuzz_"):] for path in files(".c")
                 if re.search(r"^LLVMFuzzerTestOneInput", text(path), re.MULTILINE))
PLANTED = [path for path in files(".patch") if path.is_relative_to("tests/planted")]
CORPUS = [path for path in files() if path.is_relative_to("tests/corpus")]
# In bytes. They are given to every build, by every check.
INPUT_MAX = 16 * 1024
CORPUS_MAX = 1536 * 1024


def test_every_target_is_built():
    listed = re.findall(r"^    '(\w+)': \[", text("tests/meson.build"), re.MULTILINE)
    assert listed == TARGETS


def test_every_target_has_a_planted_bug():
    assert [path.stem for path in PLANTED] == TARGETS


@pytest.mark.parametrize("patch", PLANTED, ids=lambda path: path.stem)
def test_every_planted_bug_still_fits(patch):
    done = subprocess.run(["git", "-c", "safe.directory=*", "apply", "--check", patch], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_planted_bugs_are_in_what_is_shipped():
    for patch in PLANTED:
        changed = set(re.findall(r"^\+\+\+ b/(.*)$", text(patch), re.MULTILINE))
        assert changed and all(re.match(r"(proto|agent|client)/", path) for path in changed), patch


def test_every_target_has_inputs():
    assert sorted({path.parts[2] for path in CORPUS}) == TARGETS


def test_inputs_are_small():
    sizes = {path: (ROOT / path).stat().st_size for path in CORPUS}
    large = {str(path): size for path, size in sizes.items() if size > INPUT_MAX}
    assert not large
    assert sum(sizes.values()) <= CORPUS_MAX
