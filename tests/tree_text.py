# SPDX-License-Identifier: Apache-2.0
"""What every file of the tree keeps to, whatever it says."""
import re
import subprocess

from rig_tree import ROOT, files, is_vector, text

LINES_MAX = 500
OURS = [path for path in files() if not is_vector(path)]
CODE = [path for path in OURS
        if path.suffix in (".c", ".h", ".py") or text(path).startswith("#!")]
# Prose, and files whose form has no room for a comment.
WITHOUT_LICENSE = {".md", ".json", ".varlink", ".clang-format", ".editorconfig", ".gitignore",
                   "LICENSE", "meson.build", "pytest.ini"}
# Split, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
NAP = re.compile(r"\b(u|nano)?sle" r"ep\s*\(|time\.sle" r"ep|^\s*sle" r"ep\s+[0-9.]", re.MULTILINE)


def test_every_file_names_its_license():
    faults = []
    for path in OURS:
        if not WITHOUT_LICENSE.intersection((path.name, path.suffix)):
            head = "".join(text(path).splitlines(keepends=True)[:2])
            if "SPDX-License-Identifier: Apache-2.0" not in head:
                faults.append(path)
    assert not faults


def test_files_are_short():
    """A second noun is hiding in a file that is longer."""
    faults = {str(path): lines for path in CODE if (lines := text(path).count("\n")) > LINES_MAX}
    assert not faults


def test_has_no_promises_instead_of_code():
    for path in OURS:
        found = UNFINISHED.search(text(path))
        assert not found, f"{path}: {found.group()}; open an issue instead"


def test_no_test_waits_by_the_clock():
    for path in CODE:
        if path.parts[0] == "tests":
            found = NAP.search(text(path))
            assert not found, f"{path}: {found.group()}; wait on readiness instead"


def test_has_clean_line_ends():
    for path in OURS:
        if path.name == "LICENSE":
            continue
        content = text(path)
        assert not content or content.endswith("\n"), f"{path} ends without a newline"
        assert not re.search(r"[ \t\r]+$", content, re.MULTILINE), f"{path}: space at a line's end"


def test_code_is_formatted():
    sources = files(".c", ".h")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *map(str, sources)], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-8000:]


def test_shell_scripts_have_no_known_traps():
    scripts = [path for path in CODE if text(path).startswith(("#!/bin/bash\n", "#!/bin/sh\n"))]
    assert scripts
    done = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_python_files_use_what_they_import():
    done = subprocess.run(["/usr/bin/python3", "-m", "pyflakes", *files(".py")], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_scripts_use_the_interpreters_of_debian():
    faults = [path for path in CODE if text(path).startswith("#!") and text(path).splitlines()[0]
              not in ("#!/bin/bash", "#!/bin/sh", "#!/usr/bin/python3")]
    assert not faults


def test_packages_are_listed_once():
    listed = [line for line in text("contrib/packages").splitlines()
              if line and not line.startswith("#")]
    assert sorted(set(listed)) == sorted(listed)
