# SPDX-License-Identifier: Apache-2.0
"""An agent that nobody asks sleeps: no timer of it or of its workers runs."""
import pytest

import rig_users
from rig_process import running_timers


@pytest.fixture(autouse=True)
def looks_into_processes():
    rig_users.need_root_to_look()


def timers_of(agent):
    return [timer for pid in (agent.process.pid, *agent.workers()) for timer in running_timers(pid)]


def test_nothing_runs_at_rest(case):
    case.agent.process.wait_until(lambda: not timers_of(case.agent))
    case.sign()
    case.agent.call("Status")
    # The head of the ledger goes to the journal a second later.
    case.agent.process.wait_until(lambda: not timers_of(case.agent))


def test_an_agent_that_has_counted_refusals_wakes_up_to_write_that_down(case):
    with case.agent.connect() as connection:
        connection.send(b"no JSON\0")
        assert connection.receive()["error"].endswith("Malformed")
    case.agent.process.wait_until(lambda: any(50 < seconds for seconds in timers_of(case.agent)))
