# SPDX-License-Identifier: Apache-2.0
"""Examples of the manual pages do what the pages say."""
import json
import re
import subprocess

import pytest

import rig_document
import rig_users
from rig_policy import ROLES
from rig_scratch import write
from rig_tree import text

SOCKET = "/run/countersign/agent.sock"


@pytest.fixture
def examples():
    """The literal blocks of the protocol page, as a reader copies them."""
    blocks = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$",
                        text("proto/countersign-protocol.7").split(".Sh EXAMPLES")[1],
                        re.DOTALL | re.MULTILINE)
    return [block.replace(r"\e", "\\") for block in blocks]


@pytest.fixture
def run(agent, scratch):
    """Run a command as the releaser, in a directory of its own."""
    def run(*command, targets_qa=b""):
        directory = scratch.directory("manual")
        write(directory / "targets-qa.json", targets_qa.decode())
        return subprocess.run(
            [part.replace(SOCKET, str(agent.socket)) for part in command], cwd=directory,
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
            check=True, **rig_users.RELEASER.popen()).stdout
    return run


def test_a_shell_asks_for_keys(examples, run):
    answer = json.loads(run("/bin/bash", "-c", examples[0]))
    assert len(answer["parameters"]["keys"]) == len(ROLES)


def test_two_questions_have_two_answers(examples, run):
    """What is printed differs from the page in its values only."""
    answers = run("/usr/bin/python3", "-c", examples[1])
    assert members_of(answers) == members_of(examples[2])


def test_a_client_of_the_page_signs(examples, run, gun):
    program = examples[-1].replace("r.example.com/shop/web", gun)
    answer = run("/usr/bin/python3", "-c", program, targets_qa=rig_document.canonical(rig_document.targets()))
    assert "'method': 'ecdsa'" in answer


def members_of(answer):
    return re.findall(r'"(\w+)":', answer)
