# SPDX-License-Identifier: Apache-2.0
"""tree: the files of the source tree, as git sees them."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
INCLUDE = re.compile(r'^#\s*include\s+(<[^>]+>|"[^"]+")', re.MULTILINE)


def files(*suffixes):
    """Paths from ROOT of all files that git tracks or would track; with suffixes, only theirs."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths
            if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes)]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def bounds():
    """{name: number} of proto/bounds.h."""
    return {name: eval(value) for name, value in re.findall(  # pylint: disable=eval-used
        r"^#define (\w+) +(\([\d *]+\)|\d+) ", text("proto/bounds.h"), re.MULTILINE)}


def includes(path):
    """What a C file includes, in its order: '<sys/x.h>' or '"proto/x.h"'."""
    return INCLUDE.findall(text(path))


def is_vector(path):
    """Files that others made, and stand as they are."""
    return path.is_relative_to("tests/vectors") or path.is_relative_to("tests/corpus")
