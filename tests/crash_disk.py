# SPDX-License-Identifier: Apache-2.0
"""The disk of the ledger fails, is full, or loses power, and the agent keeps its promises."""
import errno
import os
import signal
import time

import pytest

from rig_workload import Based, Batch, Certificate, Crowd, First, Root, Single

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
# How much of what was not synced reached the disk all the same.
SHARES = (0, 0.1, 0.5, 0.9, 1)


def failures(done, error):
    """Calls on the ledger that were made to fail."""
    return [call for call in done if call.file and call.result == -error]


def each_failure(workload, kind, error, count=1):
    """Let each call of a kind fail in turn; after each of them, the calls that were made."""
    victim = workload.victim
    for n in range(1, 1000):
        calls = workload.calls()
        done, has_ended = victim.run(calls, ("fail", kind, n, count, error), workload.during)
        assert not has_ended, "the agent did not survive it"
        if not failures(done, error):
            return
        yield calls


def check_answers(workload, calls):
    """Nothing but an error of the ledger was answered in place of a reply."""
    for call in calls:
        assert call.error in (None, "StorageFailed"), call.reply
        if call.error:
            assert call.reply["remedy"]
        workload.victim.ask_again(call)


# Power


@pytest.mark.parametrize("kind", [Single, First, Batch, Crowd, Root, Based, Certificate])
def test_what_was_released_survives_a_loss_of_power(kind, new_workload):
    workload = new_workload(kind)
    victim, random = workload.victim, workload.victim.random
    victim.start_on_disk()
    workload.prepare()
    workload.begin()
    done, _ = victim.run(workload.calls())
    n_deaths, began = 0, time.monotonic()
    for n in random.sample(range(1, len(done)), len(done) - 1):
        if n_deaths >= len(SHARES) and time.monotonic() - began >= SOAK_SECONDS / 4:
            break
        workload.begin()
        calls = workload.calls()
        _, has_ended = victim.run(calls, ("kill", n, signal.SIGKILL))
        if has_ended:
            victim.lose_power(SHARES[n_deaths % len(SHARES)])
            victim.come_back(calls, has_lost_power=True)
            n_deaths += 1
    assert n_deaths >= len(SHARES)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_ledger_is_made_whole_or_not_at_all(is_new, new_workload):
    """The power goes while an agent makes its ledger, or opens the one it finds."""
    workload = new_workload(Single)
    victim = workload.victim
    numbers = [call.n for call in victim.start_and_die(0) if call.file]
    for n in victim.random.sample(range(numbers[0], numbers[-1] + 10), 200 if SOAK_SECONDS else 12):
        if is_new:
            victim.erase()
        victim.start_and_die(n)
        victim.lose_power(victim.random.choice(SHARES))
        victim.start_on_disk()
        calls = workload.calls()
        victim.ask(*calls)
        assert calls[0].error is None, calls[0].reply
        victim.kill()
        victim.lose_power(0)
        victim.come_back(calls, has_lost_power=True)
        victim.kill()


# A disk that fails


@pytest.mark.parametrize("kind", [Single, Root, Based])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_write_that_fails_releases_nothing(kind, error, new_workload):
    workload = new_workload(kind)
    workload.victim.start()
    workload.prepare()
    n = 0
    for calls in each_failure(workload, "write", error, 1 if error == errno.EIO else 0):
        n += 1
        assert all(call.error == "StorageFailed" for call in calls)
        check_answers(workload, calls)
    assert n > 5
    workload.victim.kill()
    workload.victim.come_back([])


@pytest.mark.parametrize("plan", ["fail", "short"])
def test_a_write_that_is_interrupted_goes_on(plan, new_workload):
    workload = new_workload(Single)
    victim = workload.victim
    victim.start()
    for n in range(1, 8):
        calls = workload.calls()
        how = ("fail", "write", n, 1, errno.EINTR) if plan == "fail" else ("short", "write", n)
        done, _ = victim.run(calls, how)
        assert calls[0].error is None, calls[0].reply
        assert plan == "short" or failures(done, errno.EINTR)
    victim.kill()
    victim.come_back(calls)


@pytest.mark.parametrize("kind", [Single, First, Root, Based])
@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("count", [1, 0])
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_sync_that_fails_promises_nothing(kind, share, count, goes_on, new_workload):
    """What it should have written is not on the disk, and no later sync writes it: what is released
    afterwards must not depend on it, be it by the same agent or by the next one."""
    workload = new_workload(kind)
    victim = workload.victim
    victim.start_on_disk()
    workload.prepare()
    n = 0
    for calls in each_failure(workload, "sync", errno.EIO, count):
        n += 1
        assert all(call.error == "StorageFailed" for call in calls)
        if goes_on:
            check_answers(workload, calls)
        else:
            victim.kill()
            victim.come_back(calls)
        victim.kill()
        victim.lose_power(share)
        victim.come_back(calls, has_lost_power=True)
    assert n > 0
