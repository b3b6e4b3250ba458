# SPDX-License-Identifier: Apache-2.0
"""The matrix: generated policies and requests, judged by the agent's own code and by an oracle.

The oracle is the policy's manual once more, in Python. 100,000 cases in each run, always the same
ones; with SOAK_SECONDS, others for that long. A failure names its seed: MATRIX_SEED=N runs that one
world.
"""
import collections
import os
import random
import time

import pytest

from rig_judge import RC_OK, Judge, codes
from rig_matrix import World
from rig_matrix_chains import is_shown
from rig_matrix_documents import garbled
from rig_matrix_story import difference, shrunk, told
from rig_matrix_variants import LESS, MORE, SAME, overreaches
from rig_oracle import published
from rig_oracle_document import is_weaker

PARTS, WORLDS, CASES = 4, 64, 400 # 102,400 cases
FEW = 5 # worlds, where there are more questions about each case
LEAST = 3 # cases of each reason in each part, so that no rule sleeps

REASONS = {
    "approvals", "base", "base-missing", "delegation-right", "duplicate-key", "expired", "hashes",
    "key-changed", "key-id-mismatch", "key-outside-scope", "listed-elsewhere", "no-such-key",
    "not-granted", "not-normal", "own-key-outside-scope", "quota", "repository-not-granted",
    "role-name", "role-never-signed", "rollback", "root-certificate", "root-version", "stale",
    "tag-not-granted", "threshold", "token-unavailable", "type-mismatch", "unit",
    "validity-too-long", "version-jump", "weaker"}

# Found before the document is read to its end.
UNREAD = {"role-name", "role-never-signed", "type-mismatch"}


@pytest.fixture
def judge(build, scratch):
    judge = Judge(build / "tests" / "judge", scratch.directory("judge"))
    yield judge
    judge.close()


@pytest.fixture(scope="session")
def rc_names(pytestconfig):
    return codes(pytestconfig.rootpath / "proto" / "rc.h")


def seeds(part, n=WORLDS):
    """Of n worlds of one part."""
    if "MATRIX_SEED" in os.environ:
        return [int(os.environ["MATRIX_SEED"])]
    if "SOAK_SECONDS" in os.environ:
        until = time.monotonic() + int(os.environ["SOAK_SECONDS"]) / PARTS
        return iter(lambda: random.randrange(10 ** 12) if time.monotonic() < until else None, None)
    return range(part, n * PARTS, PARTS)


def check(judge, names, world, decisions):
    for i, (case, decision) in enumerate(zip(world.cases, decisions)):
        overreach = decision.rc == RC_OK and overreaches(world, case, decision)
        assert not overreach, f"MATRIX_SEED={world.seed}, case {i}: {overreach}"
        if not difference(names, world.oracle.judge(case), decision):
            continue

        def differs(policy, case):
            (decision,) = judge.ask(world.oracle.keys, policy, [case])
            return difference(names, world.oracle_of(policy).judge(case), decision)

        policy, case = shrunk(world.policy, case, differs)
        pytest.fail(f"MATRIX_SEED={world.seed}, case {i}: {differs(policy, case)}\n"
                    f"{told(world, policy, case)}", pytrace=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_allows_what_the_policy_allows_and_nothing_else(part, judge, rc_names, record_property):
    reasons, began = collections.Counter(), time.monotonic()
    for seed in seeds(part):
        world = World(seed, CASES)
        decisions = judge.ask(world.oracle.keys, world.policy, world.cases)
        check(judge, rc_names, world, decisions)
        reasons.update(decision.verdicts[decision.refused].reason for decision in decisions)
    n, seconds = sum(reasons.values()), time.monotonic() - began
    record_property("summary", f"matrix: {n} cases, {n / seconds:.0f} in a second, "
                               f"{100 * reasons[None] / n:.0f} % of them allowed")
    if n >= WORLDS * CASES:
        assert {reason for reason in REASONS if reasons[reason] < LEAST} == set()
        assert n / 4 < reasons[None] < n * 3 / 4


def test_finds_out_what_is_published(judge, rc_names, record_property):
    """Real files, verified by the agent's own code, take the place of what it is told else."""
    began, n_shown, n, reasons = time.monotonic(), 0, 0, collections.Counter()
    for seed in seeds(0, FEW):
        world = World(seed, CASES, has_chains=True)
        decisions = judge.ask(world.oracle.keys, world.policy, world.cases)
        check(judge, rc_names, world, decisions)
        n += len(world.cases)
        n_shown += sum(is_shown(matter) is True for case in world.cases for matter in case.matters)
        reasons.update(decision.verdicts[decision.refused].reason for decision in decisions)
    record_property("summary", f"matrix: {n_shown} of {n} cases with chains, "
                               f"{n / (time.monotonic() - began):.0f} in a second")
    if n >= FEW * CASES:
        assert n_shown > n / 4 and not {"base", "stale", "tag-not-granted"} - reasons.keys()


def worlds_and_variants(judge, part, variants):
    """(place, case, decision, what is decided in a variant) of each."""
    for seed in seeds(part, FEW):
        world = World(seed, CASES)
        before = judge.ask(world.oracle.keys, world.policy, world.cases)
        for variant in variants:
            for policy, cases in variant(world):
                after = judge.ask(world.oracle.keys, policy, cases)
                for i, three in enumerate(zip(world.cases, before, after)):
                    yield f"MATRIX_SEED={seed}, case {i}, {variant.__name__}: {three[1:]}", *three


def weakens(case):
    return any(published(matter) and is_weaker(matter.document, published(matter))
               for matter in case.matters)


def allows_more(before, after):
    """Whether a key signs that would not have signed before. A key that waits, for its token or for
    votes, keeps others from signing alone: that is over once it is not granted at all."""
    waits = (None, "token-unavailable", "approvals")
    return after.rc == RC_OK and any(
        old.reason not in waits or any(
            now is None and was is not None for (_, was), (_, now) in zip(old.choices, new.choices))
        for old, new in zip(before.verdicts, after.verdicts))


def test_whoever_has_less_is_allowed_no_more(judge):
    for place, case, before, after in worlds_and_variants(judge, 0, LESS):
        # Lower thresholds need approval, which is a narrowing; and lower means than published.
        if allows_more(before, after):
            assert weakens(case) and ("narrowed" in place or "base_from_before" in place), place


def said(decision):
    """Which of several tokens that are away is told first depends on who asks how."""
    return decision.refused, [
        (verdict.reason, verdict.rc if verdict.reason != "token-unavailable" else None)
        for verdict in decision.verdicts]


def signed(decision):
    return [sorted(verdict.choices, key=repr) for verdict in decision.verdicts]


def test_the_order_of_things_does_not_matter(judge):
    for place, _, before, after in worlds_and_variants(judge, 1, SAME):
        assert said(before) == said(after), place
        assert before.rc != RC_OK or signed(before) == signed(after), place


def test_more_votes_and_a_second_time_deny_nothing(judge):
    for place, _, before, after in worlds_and_variants(judge, 2, MORE):
        assert before.rc != RC_OK or after.rc == RC_OK, place


def test_understands_no_bytes_but_those_of_documents(judge):
    for seed in seeds(3, FEW):
        world = World(seed, 20)
        places, rng = [], random.Random(seed)
        for matter in (matter for case in world.cases for matter in case.matters):
            bad = garbled(matter.document.message, rng)
            if bad != matter.document.message and not matter.document.flaws(
                    matter.repository, matter.role) & UNREAD:
                places.append((matter.repository, matter.role, bad))
        for (_, role, message), why in zip(places, judge.misunderstood(world.policy, places)):
            assert why, f"MATRIX_SEED={seed}: {role} is understood: {message}"
