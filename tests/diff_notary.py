# SPDX-License-Identifier: Apache-2.0
"""The same scenario, once with notary and once with our program: everybody reads the same afterwards."""
import pytest

from rig_differences import Table, reasons
from rig_pair import Pair, World
from rig_scenario import Scenario, Step

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
    ("delegate", {"keys": ["cid"]}),
    ("delegate", {"paths": ["v"]}),
    ("delegate", {"role": "targets/dev"}),
]
STORY = Scenario(0, [
    Step("init"), Step("delegate", role="targets/qa", keys=["ann"], paths=[""]),
    Step("addhash", name="v1", roles=["targets/qa"], size=5, sha256="1" * 64, sha512=None),
    Step("add", name="v2", roles=["targets"], content="text", custom=True),
    Step("add", name="v3", roles=["targets"], content="text", custom=False),
    Step("remove", name="v3", roles=["targets"]),
])
# A difference of the table, and what shows that it is one.
NEEDED = {
    "errors on standard output": [Step("init"), Step("look")],
}


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
