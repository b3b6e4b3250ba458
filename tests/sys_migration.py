# SPDX-License-Identifier: Apache-2.0
"""A repository of notary's moves in: its keys are brought into a token, and their files destroyed."""
import pytest
import yaml

from rig_delegate import Delegate
from rig_scratch import give_tree

TEAMS = ("developer", "qa", "devops")
BEFORE = "11" * 32


@pytest.fixture
def theirs(notary, gun):
    """A repository that notary made and signed, with three delegations. All keys are in files."""
    notary.run("init", "-p", gun)
    notary.run("key", "rotate", gun, "snapshot", "-r")
    for team in TEAMS:
        made = Delegate(notary, team)
        notary.run("delegation", "add", "-p", gun, f"targets/{team}", "--all-paths", made.public)
        (notary.directory / f"{team}.key").unlink()
        notary.run("addhash", gun, "before", "100", "--sha256", BEFORE, "-r",
                   f"targets/{team}")
    notary.run("publish", gun)
    return gun


@pytest.fixture
def mover(new_client, notary, agent):
    """An administrator who has notary's keys where docker keeps them."""
    client = new_client(agent)
    trust = client.home / ".docker" / "trust"
    trust.mkdir(parents=True)
    (notary.directory / "trust" / "private").rename(trust / "private")
    give_tree(client.home, client.user.uid)
    client.write("passphrase", "passphrase", 0o400)
    return client


def test_a_repository_goes_on_without_its_key_files(
        theirs, notary, mover, agent, policy, readers, docker, upload):
    image = upload(f"{theirs}:after")
    files = sorted(mover.home.glob(".docker/trust/private/*.key"))
    assert len(files) == 5  # root, targets, and one for each team

    done = mover.try_run("key", "load", "--token", "hsm", "--passphrase", f"file:{mover.home}/passphrase")
    assert done.returncode == 0, done.stderr
    stanzas = yaml.safe_load(done.stdout)["keys"]
    assert len(stanzas) == 5
    for file in files:
        assert f"shred -u {file}" in done.stderr
        file.unlink()

    # The targets key's header lines say of which repository it is.
    (targets,) = [name for name, stanza in stanzas.items()
                  if stanza["scope"][0]["roles"] == ["targets"]]
    assert stanzas[targets]["scope"][0]["repositories"] == [theirs]
    (root,) = [name for name, stanza in stanzas.items()
               if stanza["scope"][0]["roles"] == ["root"]]
    for name in (root, targets):
        stanzas[name]["scope"][0]["repositories"] = [theirs, f"{theirs}/next"]
    teams = [name for name in stanzas if name not in (root, targets)]
    for name in teams:
        stanzas[name]["scope"] = [{"repositories": [theirs], "roles": ["targets/*"]}]
    policy["keys"] = stanzas
    policy["grants"]["releaser"]["keys"] = list(stanzas)
    agent.set_policy(policy)
    agent.hang_up()

    # What they signed is still there, and what we sign beside it is trusted by everybody.
    mover.run("sign", f"{theirs}:after")
    roles = [f"targets/{team}" for team in TEAMS]
    assert readers.roles_of(theirs, "before", *roles) == (set(roles), BEFORE)
    assert readers.roles_of(theirs, "after", *roles) == (set(roles), image.hex)

    # The imported targets key delegates, so docker sees it too.
    mover.run("delegation", "add", theirs, "targets/releases", f"agent:{teams[0]}")
    mover.run("sign", f"{theirs}:after", "-r", "targets/releases")
    (tag,) = docker.trust_inspect(theirs)[0]["SignedTags"]
    assert (tag["SignedTag"], tag["Digest"]) == ("after", image.hex)

    # The imported root key founds the next repository.
    mover.run("init", f"{theirs}/next", "--root-key", f"agent:{root}", "--targets-key",
              f"agent:{targets}")
    assert readers.read(f"{theirs}/next", "targets") == {}
