# SPDX-License-Identifier: Apache-2.0
"""The recipes for pipelines do what their page says, with their own policies and commands."""
import os
import stat

import pytest

import rig_users
from rig_people import People
from rig_port import free_port
from rig_recipe import RECIPES, Recipe
from rig_tunnel import Machine, Tunnel

SHOP, PAY = (rig_users.User(uid) for uid in (61031, 61032))


@pytest.fixture
def sockets(scratch):
    """In place of /run/countersign."""
    directory = scratch.directory("sockets")
    for name in ("shop", "pay", "build1", "build2"):
        (directory / name).mkdir(mode=0o755)
        os.chown(directory / name, rig_users.AGENT.uid, rig_users.AGENT.gid)
    return directory


@pytest.fixture
def new_recipe(registry, sockets):
    return lambda name: Recipe(name, registry, sockets)


@pytest.fixture
def start(new_agent, token, sanitizer, scratch):
    """Starts an agent with the policy of a recipe, on a machine with these accounts and groups."""
    def make(recipe, accounts, groups=None):
        agent = new_agent(recipe.policy(token, sanitizer))
        agent.people = People(scratch.directory("people"), accounts, groups or {})
        return agent.start()
    return make


@pytest.fixture
def shop(registry, gun):
    """A repository of the shop."""
    return f"{registry.host}/shop/{gun.split('/', 1)[1]}"


def found(client, gun, key="shop"):
    """A person makes the repository, with roles for the key."""
    client.run("init", gun)
    for role in (f"targets/{key}", "targets/releases"):
        client.run("delegation", "add", gun, role, f"agent:{key}")


def test_another_machine_signs_through_its_tunnel_as_one_user_at_one_door(
        new_recipe, start, new_client, scratch, shop, upload):
    """As sshd has it, and with the unit's own command. Who is in the group of the directory there may
    ask, and comes as the user of the tunnel here, whatever he is there."""
    rig_users.need_root_to_look()
    recipe = new_recipe("ssh")
    tunnel_user, agents = rig_users.user(61033), rig_users.AGENT
    agent = start(recipe, {"tunnel-build1": tunnel_user, "tunnel-build2": rig_users.user(61034)})
    found(new_client(agent), shop)
    upload(f"{shop}:v1")
    os.chown(recipe.sockets / "build1" / "agent.sock", tunnel_user.uid, agents.gid)

    there = {"countersign-tunnel": rig_users.user(61035)}
    machine = Machine(scratch.directory("machine"), there, {"ci-shop": 61036},
                      (RECIPES / "ssh" / "sshd_config").read_text())
    try:
        kind, path, mode, owner, group = recipe.directory.joinpath("tmpfiles.conf").read_text() \
            .splitlines()[-1].split()
        assert (kind, path, group) == ("d", "/run/countersign", "ci-shop")
        directory = machine.run / "countersign"
        directory.mkdir()
        os.chown(directory, there[owner].uid, 61036)
        directory.chmod(int(mode, 8))

        unit = (RECIPES / "ssh" / "countersign-tunnel@.service").read_text()
        tunnel = Tunnel(scratch.directory("tunnel"), machine, unit.replace(
            "/run/countersign/%i", f"{recipe.sockets}/%i"), tunnel_user)
        try:
            socket = tunnel.start()
            assert stat.filemode(socket.lstat().st_mode) == "srw-rw----"
            builder = new_client(agent, rig_users.user(61037, groups=[61036]))
            builder.environment["COUNTERSIGN_SOCKET"] = str(socket)
            assert "signed by shop" in builder.run("sign", f"{shop}:v1", "-r", "targets/shop")
            stranger = new_client(agent, rig_users.user(61038))
            stranger.environment["COUNTERSIGN_SOCKET"] = str(socket)
            stranger.refused(5, "sign", f"{shop}:v1", "-r", "targets/shop", "--renew")
            assert "forwarding failed" in tunnel.refused("-N", "-R", f"127.0.0.1:{free_port()}:{socket}")
            assert "open failed" in tunnel.refused(command=["true"])
        finally:
            tunnel.stop()
    finally:
        machine.stop()
    builder.refused(5, "sign", f"{shop}:v1", "-r", "targets/shop", "--renew")
    agent.stop()
    (record,) = [record for record in agent.ledger.records()
                 if record["kind"] == "request" and record["method"] == "Sign"
                 and record["documents"][0]["role"] == "targets/shop"]
    assert (record["peer"]["uid"], record["peer"]["door"]) == (tunnel_user.uid, "build1")
