# SPDX-License-Identifier: Apache-2.0
"""What a module can do that was taken over, in a worker that is a child of the agent."""
import ctypes
import errno
import os
import shutil
import socket

import pytest

import rig_users
from rig_case import Case, signs
from rig_document import targets
from rig_scratch import give, write
from rig_token import PIN

VERSION = ctypes.CDLL(None).syscall(444, None, 0, 1)  # landlock_create_ruleset(2)

pytestmark = pytest.mark.skipif(VERSION < 1, reason="this kernel has no Landlock")


class Curious:
    """An agent whose module tries what it is told to when it is loaded."""

    def __init__(self, module, policy, new_agent, directory, token):
        self.directory, self.token = directory, token
        self.deeds, self.report = directory / "deeds", directory / "report"
        os.chown(directory, rig_users.AGENT.uid, rig_users.AGENT.gid)
        entry = policy["tokens"]["hsm"]
        entry["module"] = str(module)
        entry["environment"].update(CURIOUS_FILE=str(self.deeds), CURIOUS_REPORT=str(self.report))
        self.agent = new_agent(policy)

    def tries(self, *deeds):
        """The number of the error of each deed, or 0; the agent must sign all the same."""
        write(self.deeds, "".join(f"{deed}\n" for deed in deeds))
        self.agent.start()
        assert self.agent.has_keys()
        lines = self.report.read_text(encoding="utf-8").splitlines()
        results = dict(reversed(line.split(" ", 1)) for line in lines)
        assert list(results) == list(deeds)
        return {deed: int(number) for deed, number in results.items()}

    def is_refused(self, *deeds):
        results = self.tries(*deeds)
        assert all(number in (errno.EACCES, errno.EPERM) for number in results.values()), results

    def is_allowed(self, *deeds):
        results = self.tries(*deeds)
        assert not any(results.values()), results


@pytest.fixture
def curious(build, scratch, policy, new_agent, token):
    module = scratch.directory("module") / "curiousp11.so"
    shutil.copyfile(build / "tests" / "libcuriousp11.so", module)
    module.chmod(0o755)
    return Curious(module, policy, new_agent, scratch.directory("curious"), token)


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def spare(new_token, policy):
    """Another token of the same agent."""
    spare = new_token()
    policy["tokens"]["spare"] = spare.entry()
    return spare


def test_a_module_does_not_get_to_what_is_the_agents(curious):
    agent = curious.agent
    ledger = agent.state / "ledger.db"
    for path in (agent.directory, agent.policy_file):
        give(path, rig_users.AGENT.uid)
    agent.start()
    agent.stop()
    curious.is_refused(
        f"read {ledger}", f"write {ledger}", f"read {agent.state}", f"make {agent.state}/x",
        f"remove {ledger}", f"rename {agent.state}", f"read /proc/self/root{ledger}",
        f"write {agent.policy_file}", f"rename {agent.policy_file}", f"remove {agent.policy_file}",
        f"make {agent.directory}/policy.d", f"make {agent.directory}/x")


def test_a_module_does_not_get_to_the_pins_of_others(curious, spare, new_agent, policy):
    curious.agent = new_agent(policy)
    curious.is_refused(f"read {spare.pin_file}", f"write {spare.pin_file}",
                       f"rename {spare.pin_file}", f"rename {spare.directory}")
    # The other token is served by a worker of its own.
    assert all(token["state"] == "ready" for token in curious.agent.call("Status")["tokens"])


def test_a_module_does_not_get_to_the_credentials_of_others(curious, scratch, policy, new_agent,
                                                            monkeypatch):
    directory = scratch.directory("credentials")
    for name in ("hsm-pin", "other"):
        write(directory / name, PIN + "\n", rig_users.AGENT.uid, 0o400)
    policy["tokens"]["hsm"]["pin"] = "credential:hsm-pin"
    curious.agent = new_agent(policy)
    curious.agent.sanitizer = WithVariables(curious.agent.sanitizer, CREDENTIALS_DIRECTORY=directory)
    curious.is_refused(f"read {directory}/other", f"read {directory}")


class WithVariables:
    """A sanitizer, and more in the environment."""

    def __init__(self, sanitizer, **variables):
        self._sanitizer, self._variables = sanitizer, variables

    def environment(self, **more):
        return self._sanitizer.environment(**self._variables, **more)

    def check(self, text=""):
        self._sanitizer.check(text)


def test_a_module_starts_nothing_and_makes_no_device(curious):
    curious.is_refused("run /bin/sh", "run /bin/true", f"device {curious.directory}/null")


@pytest.mark.skipif(VERSION < 6, reason="this kernel does not keep signals within a domain")
def test_a_module_sends_no_signals(curious):
    curious.is_refused("signal agent")


@pytest.mark.skipif(VERSION < 4, reason="this kernel does not keep modules off the network")
def test_a_module_has_no_network_unless_the_policy_says_so(curious, port, policy, new_agent):
    curious.is_refused(f"connect {port}", "listen 0")
    curious.agent.stop()
    policy["tokens"]["hsm"]["network"] = True
    curious.agent = new_agent(policy)
    curious.is_allowed(f"connect {port}")
    curious.agent.stop()
    curious.is_refused("listen 0")


def test_a_module_has_what_is_its_own(curious, token):
    write(curious.directory / "file", "text\n", rig_users.AGENT.uid)
    curious.is_allowed(f"read {token.configuration}", f"read {token.directory}/tokens",
                       f"make {token.directory}/tokens/new", f"rename {token.directory}/tokens/new",
                       f"remove {token.directory}/tokens/new.curious",
                       f"read {token.pin_file}", f"write {curious.directory}/file",
                       f"read {curious.agent.policy_file}", "read /etc/passwd", "write /dev/null")


def test_a_pin_file_that_was_replaced_is_read_by_a_new_worker(policy, new_agent, gun, token):
    """Its own PIN lies beside one that a worker is kept from."""
    other = write(token.directory / "other-pin", "999999\n", rig_users.AGENT.uid, 0o400)
    policy["tokens"]["absent"] = {**policy["tokens"]["hsm"], "uri": "pkcs11:token=absent",
                                  "pin": f"file:{other}"}
    write(token.pin_file, "9999\n", rig_users.AGENT.uid, 0o400)
    agent = new_agent(policy).start()
    assert agent.call("Status")["tokens"][0]["state"] == "locked"
    write(token.pin_file, PIN + "\n", rig_users.AGENT.uid, 0o400)
    agent.process.wait_until(agent.has_keys)
    signs(Case(agent, gun, token).sign(targets()), "qa")
