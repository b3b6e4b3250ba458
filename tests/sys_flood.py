# SPDX-License-Identifier: Apache-2.0
"""A user floods the agent: told why not, while others are served and memory and ledger are bounded."""
import array
import collections
import contextlib
import itertools
import os
import signal
import socket
import time

import pytest

import rig_users
from rig_attack import (LARGE, STATUS, Attack, Caller, Crowd, Dripper, Mute, Talker, Visitor, call,
                        dial, many, name_of, padded, signs, texts, values)
from rig_case import signs as has_signed
from rig_document import targets
from rig_tree import bounds
from rig_varlink import VarlinkError

BOUNDS = bounds()
DEADLINE_S = 10  # for what takes some milliseconds, and some more with sanitizers
# Of a sanitizer: what was freed and is kept to be looked at.
QUARANTINE_BYTES = 256 * 1024 * 1024
# A frame, its texts as they are parsed and once more as they are kept; and its values.
MEMORY_MAX_BYTES = 4 * BOUNDS["FRAMES_MAX_BYTES_PER_UID"] + QUARANTINE_BYTES
N = BOUNDS["CONN_MAX_PER_UID"]
IS_SOAK = "SOAK_SECONDS" in os.environ


@pytest.fixture
def eve():
    """A user with a grant of her own, who wants more."""
    return rig_users.user(61066)


@pytest.fixture
def case(new_case, policy, eve):
    policy["grants"]["eve"] = {"users": [eve.uid], "keys": ["developer"]}
    rig_users.need_root_to_look()
    return new_case()


def n_descriptors(case):
    return len(os.listdir(f"/proc/{case.agent.process.pid}/fd"))


def peak_bytes(case):
    with open(f"/proc/{case.agent.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


_versions = itertools.count(1)


def is_served(case):
    """Another user is answered in time, and gets what it wants."""
    before = time.monotonic()
    assert case.agent.call("Status")["version"]
    has_signed(case.sign(targets(version=next(_versions)), gun=f"{case.gun}/others"), "qa")
    assert time.monotonic() - before < DEADLINE_S


@contextlib.contextmanager
def flooded(case, user, *deed, limit=None, seconds=120):
    """While a user does it, others are served; afterwards all of it is gone. What the user saw."""
    n_before, seen = n_descriptors(case), collections.Counter()
    with Attack(user, case.agent.socket, many, *deed, *([limit] if limit else [])) as attack:
        case.agent.process.wait_until(lambda: n_descriptors(case) > n_before)
        for _ in range(5):
            is_served(case)
        yield seen
        seen.update(attack.result(seconds) if limit else attack.stop())
    case.agent.process.wait_until(lambda: n_descriptors(case) <= n_before, seconds=90)
    is_served(case)
    assert peak_bytes(case) < MEMORY_MAX_BYTES


def records_of(case, user):
    """What the ledger has of a user: its records of refusals, and how many it counted beside."""
    case.agent.stop()
    case.agent.ledger.verify()
    records = case.agent.ledger.records()
    own = [record for record in records
           if record["kind"] == "request" and record["peer"]["uid"] == user.uid]
    counts = [record for record in records
              if record["kind"] == "refusals" and record["uid"] == user.uid]
    return own, sum(record["refused"] for record in counts), sum(
        record["unreadable"] for record in counts)


# Connections


def test_of_ten_thousand_connections_a_user_keeps_its_share(case, eve):
    with flooded(case, eve, Crowd, 10000, STATUS, limit=10000 - N) as seen:
        pass
    assert set(seen) == {"Busy CONN_MAX_PER_UID"} and seen.total() >= 10000 - N


def test_those_who_wait_to_be_accepted_are_so_soon(case, eve):
    """A queue that was full when the agent had something else to do."""
    os.kill(case.agent.process.pid, signal.SIGSTOP)
    with Attack(eve, case.agent.socket, many, Crowd, 5000, STATUS, 5000 - N) as attack:
        case.agent.process.wait_until(lambda: is_queue_full(case))
        os.kill(case.agent.process.pid, signal.SIGCONT)
        is_served(case)
        assert set(attack.result()) == {"Busy CONN_MAX_PER_UID"}


def is_queue_full(case):
    one = dial(str(case.agent.socket))
    if one:
        one.close()
    return one is None


def test_who_comes_and_goes_keeps_nobody_out(case, eve):
    with flooded(case, eve, Visitor, N, STATUS, limit=3000) as seen:
        pass
    assert seen["left"] >= 3000


def test_who_sends_a_byte_at_a_time_is_given_up(case, eve):
    long_call = padded(BOUNDS["FRAME_SMALL_MAX_BYTES"])
    with flooded(case, eve, Dripper, 100, long_call, limit=100) as seen:
        pass
    assert set(seen) == {"Busy FRAME_SMALL_TIMEOUT_S"}


def test_who_does_not_read_is_not_answered_for_ever(case, eve):
    with flooded(case, eve, Mute, N, call("ListKeys")) as seen:
        case.agent.process.wait_until(lambda: n_descriptors(case) > N)
    assert not seen


def test_who_does_not_wait_for_answers_waits_for_its_turn(case, eve):
    with flooded(case, eve, Caller, N, STATUS, limit=5000) as seen:
        pass
    assert set(seen) == {"answered"}


def test_half_closed_connections_are_answered_and_ended(case, eve):
    n_before = n_descriptors(case)
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(case.agent.connect(eve)) for _ in range(100)]
        for i, half in enumerate(halves):
            half.send(STATUS if i % 2 else STATUS[:-1])
            half.socket.shutdown(socket.SHUT_WR)
        is_served(case)
        for i, half in enumerate(halves):
            assert not i % 2 or half.receive()["parameters"]["version"]
            assert half.receive() is None
        case.agent.process.wait_until(lambda: n_descriptors(case) <= n_before)


def as_user(user, connection, frame):
    """The reply to a frame that another user's process sends over a connection it was passed."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def deed(*_):
        _, (fd,), _, _ = socket.recv_fds(its, 1, 1)
        with socket.socket(fileno=fd) as passed:
            passed.sendall(frame)
        return None

    with Attack(user, "", deed) as attack:
        socket.send_fds(mine, [b"x"], [connection.socket.fileno()])
        attack.result()
    mine.close()
    its.close()
    return connection.receive()


def test_a_passed_connection_has_the_authority_of_who_connected(case, eve, stranger):
    frame = call("Sign", documents=[case.request()])
    with case.agent.connect() as granted, case.agent.connect(stranger) as strange, \
            case.agent.connect(eve) as other:
        assert name_of(as_user(eve, strange, frame)) == "Denied not-granted"
        assert name_of(as_user(rig_users.RELEASER, other, frame)) == "Denied not-granted"
        has_signed(as_user(stranger, granted, frame)["parameters"]["documents"][0], "qa")
    case.agent.stop()
    assert [record["peer"]["uid"] for record in case.agent.ledger.records()] == [
        stranger.uid, eve.uid, rig_users.RELEASER.uid]


SCM_MAX_FD = 253  # of Linux, in one message


SENT = {
    "Status": (STATUS, "answered"),
    "no call": (b"hello\0", "Malformed frame"),
    "Reload": (call("Reload"), "Denied not-admin"),
    "Sign": (call("Sign", documents=[]), "Malformed parameters"),
    "half a call": (STATUS[:-1], None),
    "a long call": (padded(100000), "answered"),
    "too many values": (values(300000), "TooLarge FRAME_VALUES_MAX"),
}


@pytest.mark.parametrize("what", SENT)
def test_descriptors_that_are_sent_along_are_dropped(case, eve, what):
    n_before, (frame, want) = n_descriptors(case), SENT[what]
    along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * SCM_MAX_FD))]
    with case.agent.connect(eve) as connection:
        for at in range(0, len(frame), len(frame) // 3 + 1):
            part = frame[at:at + len(frame) // 3 + 1]
            while part:
                part = part[connection.socket.sendmsg([part], along):]
        if want:
            assert name_of(connection.receive()) == want
        else:
            is_served(case)
        case.agent.process.wait_until(lambda: n_descriptors(case) <= n_before + 1)
    case.agent.process.wait_until(lambda: n_descriptors(case) <= n_before)


# Frames

# Made when they are wanted: a process that has them all takes its time for each fork.
FRAMES = {
    "spaces": (padded, "answered"),
    "text": (texts, "Malformed parameters"),
    "values": (values, "TooLarge FRAME_VALUES_MAX"),
}


@pytest.mark.parametrize("kind", [*FRAMES, "documents"])
def test_frames_of_64_mib_keep_nobody_waiting(case, eve, kind):
    """All 200 of them where there is time: contrib/soak flood."""
    if kind == "documents":
        frame, want = signs(case.gun, "targets/developer", case.ids["developer"],
                            [LARGE * 3 // 16 - 1024] * 4), "Malformed documents"
    else:
        make, want = FRAMES[kind]
        frame = make(LARGE)
    with flooded(case, eve, Talker, 1, frame, limit=50 if IS_SOAK else 1, seconds=1200) as seen:
        pass
    assert set(seen) == {want}


def test_of_large_frames_one_is_read_at_a_time(case, eve):
    """Those that cannot be read in time are told why."""
    with flooded(case, eve, Talker, 8, padded(LARGE), limit=7) as seen:
        pass
    assert set(seen) <= {"answered", "Busy FRAME_SMALL_TIMEOUT_S", "Busy FRAMES_MAX_BYTES_PER_UID"}


def test_small_frames_over_many_connections_keep_nobody_waiting(case, eve):
    """Without turns, nobody else was served any more."""
    with flooded(case, eve, Talker, 60, values(BOUNDS["FRAME_SMALL_MAX_BYTES"]), limit=5) as seen:
        pass
    assert set(seen) == {"Malformed parameters"}


# Refusals


def is_bounded(n_records, bound):
    """Whether it is no more than one minute may have, or two where one began meanwhile."""
    return 0 < n_records <= 2 * BOUNDS[bound]


def test_refusals_do_not_fill_the_ledger(case, eve):
    frame = call("Sign", documents=[case.request()])
    with flooded(case, eve, Talker, N, frame, limit=10000 if IS_SOAK else 1500) as seen:
        pass
    assert set(seen) == {"Denied not-granted"}
    records, n_refused, _ = records_of(case, eve)
    assert {record["reason"] for record in records} == {"not-granted"}
    assert is_bounded(len(records), "REFUSALS_MAX_PER_MIN")
    # What came in last is refused, even if nobody was there any more to hear of it.
    assert seen.total() <= len(records) + n_refused <= seen.total() + N


def test_refusals_of_many_strangers_do_not_fill_the_ledger(case, stranger):
    """One user can have tens of thousands of subordinate uids."""
    n_each = BOUNDS["REFUSALS_MAX_PER_MIN"]
    n_uids = 2 * BOUNDS["STRANGERS_MAX_PER_MIN"] // n_each + 4
    seen = collections.Counter()
    with contextlib.ExitStack() as stack:
        attacks = [stack.enter_context(Attack(
            rig_users.user(uid), case.agent.socket, many, Talker, 4, STATUS, n_each))
            for uid in range(stranger.uid, stranger.uid + n_uids)]
        is_served(case)
        for attack in attacks:
            seen.update(attack.result())
    is_served(case)
    assert set(seen) == {"Denied not-granted"}
    case.agent.stop()
    records = [record for record in case.agent.ledger.records() if record["kind"] == "request"
               and record["reason"] == "not-granted"]
    assert is_bounded(len(records), "STRANGERS_MAX_PER_MIN")


def test_frames_that_are_not_readable_are_counted_only(case, eve):
    with flooded(case, eve, Talker, 50, b"hello\0", limit=1000) as seen:
        pass
    assert set(seen) == {"Malformed frame"}
    records, n_refused, n_unreadable = records_of(case, eve)
    assert not records and n_refused == 0
    assert seen.total() <= n_unreadable <= seen.total() + 50


def test_who_calls_one_way_is_refused_and_leaves_no_record(case, eve):
    frame = call("Sign", documents=[case.request()])[:-2] + b',"oneway":true}\0'
    with flooded(case, eve, Talker, 50, frame, limit=2000) as seen:
        pass
    assert set(seen) == {"InvalidParameter"}
    assert records_of(case, eve) == ([], 0, 0)


def test_the_agent_says_so_where_a_stranger_takes_all_its_connections(case, stranger):
    held = [case.agent.connect(stranger) for _ in range(BOUNDS["CONN_MAX_PER_STRANGER"])]
    with case.agent.connect(stranger) as one_more:
        assert name_of(one_more.receive()) == "Busy CONN_MAX_PER_STRANGER"
    with pytest.raises(VarlinkError) as caught:
        held[0].call("Status")
    assert caught.value.parameters["reason"] == "not-granted"
    is_served(case)
    for connection in held:
        connection.close()
