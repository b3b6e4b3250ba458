# SPDX-License-Identifier: Apache-2.0
"""The agent is killed at every system call between request and reply, and keeps its promises.

Each death is followed by a new agent on what the last one left: it is asked about what was released,
and is the next to die. contrib/check takes a sample of the points, the same one each time;
contrib/soak takes them all, again and again.
"""
import collections
import concurrent.futures
import os
import signal
import time

from rig_victim import CLASSES, Point
from rig_workload import WORKLOADS, Checkpoint, Crowd, Single

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
POINTS_MIN = 50  # of each class
THREADS = 2
KINDS = (Checkpoint, *WORKLOADS) if SOAK_SECONDS else WORKLOADS
# Of each workload, points up to the first sync, then to the last reply, and after it. The second are
# many only where many are replied to.
SAMPLE = 10, 60, 8


def points(workload):
    """The numbers of the calls at which it is to die: all of them, or a sample."""
    workload.begin()
    done, _ = workload.victim.run(workload.calls(), during=workload.during)
    if SOAK_SECONDS and not isinstance(workload, Checkpoint):  # which takes seconds to begin
        return range(1, len(done) + 20)
    commit = next((call.n for call in done if call.is_sync()), 0)
    reply = max(call.n for call in done if call.name in ("sendto", "sendmsg"))
    ends = 0, commit, reply, len(done)
    return sorted(n for begin, end, n_wanted in zip(ends, ends[1:], SAMPLE)
                  for n in workload.victim.random.sample(
                      range(begin + 1, end + 1), min(n_wanted, end - begin)))


def kill_everywhere(workload):
    """{class: points at which it was killed}"""
    victim = workload.victim
    victim.start()
    workload.prepare()
    toll = collections.defaultdict(set)
    for n in points(workload):
        workload.begin()
        calls = workload.calls()
        done, has_ended = victim.run(calls, ("kill", n, signal.SIGKILL), workload.during)
        if not has_ended:  # not every run makes as many calls
            continue
        point = Point(workload.name, done[-1].name, n)
        try:
            told = victim.come_back(calls)
        except Exception as error:
            raise AssertionError(f"after a death at {point}") from error
        if any(call.was_sent for call in calls):
            toll[told].add(point)
    return toll


def test_no_death_breaks_a_promise(new_workload, record_property):
    toll = collections.defaultdict(set)
    began, seed = time.monotonic(), 0
    while seed == 0 or time.monotonic() - began < SOAK_SECONDS:
        seed += 1
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            # The longest first.
            for part in pool.map(lambda kind: kill_everywhere(new_workload(kind, seed)),
                                 KINDS):
                for name, found in part.items():
                    toll[name] |= found
    said = ", ".join(f"{len(toll[name])} {name}" for name in CLASSES)
    record_property("summary", f"points at which the agent was killed: {said}")
    assert all(len(toll[name]) >= POINTS_MIN for name in CLASSES), said


def test_an_end_in_order_loses_nothing(new_workload):
    """SIGTERM comes in the middle of it; what was recorded may be answered or not."""
    workload = new_workload(Crowd)
    victim = workload.victim
    victim.start()
    done, _ = victim.run(workload.calls())
    for n in victim.random.sample(range(1, len(done)), 400 if SOAK_SECONDS else 12):
        calls = workload.calls()
        status = []
        victim.run(calls, ("kill", n, signal.SIGTERM),
                   finally_=lambda: status.append(victim.end_in_order()))
        assert status == [0], victim.agent.process
        victim.come_back(calls)


def test_a_worker_may_die_at_any_time(new_workload):
    """The agent has another one sign, or says that the token is away."""
    workload = new_workload(Single)
    victim = workload.victim
    victim.start()
    (worker,) = victim.agent.workers()
    done, _ = victim.run(workload.calls(), pid=worker)
    numbers = range(1, len(done) + 1)
    n_deaths = 0
    for n in numbers if SOAK_SECONDS else victim.random.sample(numbers, min(len(numbers), 15)):
        (worker,) = victim.agent.workers()
        calls = workload.calls()
        _, has_ended = victim.run(calls, ("kill", n, signal.SIGKILL), pid=worker)
        n_deaths += has_ended
        assert calls[0].error in (None, "TokenUnavailable"), calls[0].reply
        if has_ended:
            victim.agent.process.wait_until(lambda: victim.agent.workers() not in ([], [worker]))
        victim.wait_for_keys()
        victim.ask_again(calls[0])
    assert n_deaths > 10
    victim.kill()
    victim.come_back([])
