# SPDX-License-Identifier: Apache-2.0
"""The same scenario, once with notary and once with our program: everybody reads the same afterwards."""
import collections

import pytest

from rig_differences import Table, reasons
from rig_pair import Pair, World
from rig_scenario import ABSENT, Scenario, Step

SCENARIOS = 150
CHUNK = 15


@pytest.fixture(scope="session")
def world(scratch, programs, sanitizer, registry, notary_server, made_token):
    world = World(made_token.copy(scratch.directory("token")), scratch=scratch, programs=programs,
                  sanitizer=sanitizer, registry=registry, notary_server=notary_server)
    yield world
    world.stop()


def perform(world, scenario, changed=None, without=None):
    """What differs, with the scenario; nothing if nothing does. changed: what we do instead of its
    steps. without: a difference of the table that is not allowed."""
    pair = Pair(world, Table(without).allows, scenario.number)
    try:
        found = pair.differences(scenario.steps, changed)
    except AssertionError as error:  # a step that should have gone well
        found = [str(error)]
    pair.clear()
    return "\n".join([str(scenario), *found]) if found else ""


@pytest.mark.parametrize("first", range(0, SCENARIOS, CHUNK))
def test_scenarios_end_the_same(world, pytestconfig, first):
    chosen = pytestconfig.getoption("scenario")
    numbers = range(first, first + CHUNK) if chosen is None else [chosen]
    found = [perform(world, Scenario(number)) for number in numbers]
    assert not any(found), "\n".join(found)


PLANTED = [
    ("addhash", {"sha256": "f" * 64}),
    ("addhash", {"size": 7}),
    ("addhash", {"roles": ["targets"]}),
    ("addhash", {"sha512": "e" * 128}),
    ("add", {"custom": False}),
    ("remove", {"name": "v4"}),
    ("delegate", {"keys": ["dot"]}),
    ("delegate", {"paths": ["v1"]}),
    ("take_keys", {"keys": ["ben"]}),
    ("take_paths", {"paths": ["a/"]}),
    ("purge", {"key": "dot"}),
    ("undelegate", {"role": "targets/releases"}),
    ("rotate", {"role": "targets"}),
]
STORY = Scenario(0, [
    Step("init"), Step("delegate", role="targets/qa", keys=["ann"], paths=[""]),
    Step("addhash", name="v1", roles=["targets/qa"], size=5, sha256="1" * 64, sha512=None),
    Step("add", name="v2", roles=["targets"], content="text", custom=True),
    Step("add", name="v3", roles=["targets"], content="text", custom=False),
    Step("remove", name="v3", roles=["targets"]),
    Step("rotate", role="root"),
    *(Step("delegate", role=role, keys=["ann", "ben", "cid"], paths=["v", "a/"])
      for role in ("targets/dev", "targets/releases", "targets/ops")),
    Step("take_keys", role="targets/dev", keys=["ann"], signed=[]),
    Step("take_paths", role="targets/dev", paths=["v"]),
    Step("purge", key="cid", signed=[]),
    Step("undelegate", role="targets/ops"),
])
BEGIN = [
    Step("init"), Step("delegate", role="targets/qa", keys=["ann"], paths=[""]),
    Step("addhash", name="v1", roles=["targets/qa"], size=5, sha256="1" * 64, sha512=None),
    Step("publish")]
# A difference of the table, and what shows that it is one.
NEEDED = {
    "the snapshot key of a new repository": [Step("init")],
    "a question that nobody answers": [Step("init"), Step("rotate", role="root")],
    "errors on standard output": [Step("init"), Step("look")],
    "who signed a role leaves it": [
        *BEGIN, Step("delegate", role="targets/qa", keys=["ben"], paths=[]),
        Step("take_keys", role="targets/qa", keys=["ann"], signed=["targets/qa"])],
    "a role that is not there is taken away": [
        *BEGIN, Step("undelegate", True, role="targets/absent", but=ABSENT)],
    "a key that a role does not have is taken away": [
        *BEGIN, Step("take_keys", True, role="targets/qa", keys=["dot"], signed=[],
                     but="a key that a role does not have is taken away")],
    "the last key of a role is taken away": [
        *BEGIN, Step("take_keys", True, role="targets/qa", keys=["ann"], signed=[],
                     but="the last key of a role is taken away")],
    "a key that no role has is purged": [
        *BEGIN, Step("purge", True, key="dot", signed=[],
                     but="a key that no role has is purged")],
    "an empty path among others": [
        *BEGIN, Step("delegate", True, role="targets/dev", keys=["ann"], paths=["v", ""],
                     but="an empty path among others")],
    "a role that has expired": [
        *BEGIN, Step("expire", role="targets/qa", keys=["ann"]),
        Step("addhash", True, name="v2", roles=["targets/qa"], size=5, sha256="2" * 64,
             expired="targets/qa")],
    "roles below one that has expired are listed": [
        *BEGIN, Step("delegate", role="targets/qa/deep", keys=["ann"], paths=["v"]),
        Step("expire", role="targets/qa", keys=["ann"])],
    "all paths below a role that has some": [
        Step("init"), Step("delegate", role="targets/qa", keys=["ann"], paths=["v"]),
        Step("delegate", True, role="targets/qa/deep", keys=["ann"], paths=[""], above=["v"])],
    "a role that was taken away comes back": [
        *BEGIN, Step("undelegate", role="targets/qa"), Step("publish"),
        Step("delegate", role="targets/qa", keys=["ann"], paths=[""], former=["v1"])],
}


def test_the_scenarios_have_all_verbs():
    counts = collections.Counter(step.verb for number in range(SCENARIOS)
                                 for step in Scenario(number).steps)
    assert min(counts[verb] for verb in {step.verb for step in STORY.steps} | {
        "sign", "expire", "witness", "recreate", "look", "publish"}) >= 10, counts


@pytest.mark.parametrize("verb,planted", PLANTED)
def test_one_step_that_differs_is_found(world, verb, planted):
    """Or the suite would find nothing at all."""
    assert not perform(world, STORY)
    changed = [step.changed(**planted) if step.verb == verb else step for step in STORY.steps]
    assert perform(world, STORY, changed)


@pytest.mark.parametrize("name", reasons())
def test_each_difference_of_the_table_is_needed(world, name):
    scenario = Scenario(0, NEEDED[name])
    assert not perform(world, scenario)
    assert perform(world, scenario, without=name)


def test_each_difference_has_its_reason():
    assert all(reasons().values()) and set(reasons()) == set(NEEDED)
