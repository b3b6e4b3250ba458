# SPDX-License-Identifier: Apache-2.0
"""The recipes for pipelines do what their page says, with their own policies and commands."""
import os
import stat
import subprocess
import tomllib

import pytest

import rig_users
from rig_caller import need_namespaces
from rig_image import Image
from rig_people import People
from rig_port import free_port
from rig_process import PATH
from rig_recipe import RECIPES, Recipe, release
from rig_scratch import give_tree
from rig_tunnel import Machine, Tunnel

# Root of a container, in which a directory is mounted as the engine of a runner does it.
CONTAINER = """
mount -t tmpfs tmpfs /run
mkdir "$1"
mount --bind "$0" "$1"
mount -o "remount,bind,$2" "$1"
shift 2
exec "$@"
"""


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


@pytest.fixture
def archive(scratch):
    """An image as the build of a recipe leaves it, in the directory in which its release begins."""
    directory = scratch.directory("job")
    image = Image(scratch.directory("image"), "released")
    subprocess.run(["tar", "-C", image.directory, "-cf", directory / "image.tar", "blobs",
                    "index.json", "oci-layout"], check=True)
    directory.joinpath("image.tar").chmod(0o644)
    return image, directory


def run_job(client, directory, words, **variables):
    """Words, by the user of a client, who has the variables of a job."""
    env = {**client.environment, "PATH": f"{client.programs.directory}:{PATH}", **variables}
    done = subprocess.run(list(map(str, words)), cwd=directory, env=env, capture_output=True,
                          text=True, timeout=120, **client.user.popen())
    client.sanitizer.check(done.stderr)
    return done


def is_signed(client, gun, tag, hex_digest):
    return f"{tag} {hex_digest}" in " ".join(client.run("list", gun).split())


@pytest.mark.parametrize("name, pipeline, variable", [
    ("gitlab-shell", "gitlab-ci.yml", "CI_COMMIT_TAG"),
    ("jenkins", "Jenkinsfile", "TAG_NAME"),
    ("github", "release.yml", "GITHUB_REF_NAME")])
def test_a_runner_of_a_team_releases_for_it_as_its_user(
        new_recipe, start, new_client, shop, archive, name, pipeline, variable):
    recipe = new_recipe(name)
    users = {"ci-shop": rig_users.user(61031), "ci-pay": rig_users.user(61032)}
    agent = start(recipe, users)
    found(new_client(agent), shop)
    image, directory = archive
    job = ["bash", "-euc", release(RECIPES / name / pipeline)]
    shop_job, pay_job = (new_client(agent, users[user]) for user in ("ci-shop", "ci-pay"))
    refused = run_job(pay_job, directory, job, IMAGE=shop, **{variable: "v1"})
    assert refused.returncode == 3, refused.stderr
    done = run_job(shop_job, directory, job, IMAGE=shop, **{variable: "v1"})
    assert done.returncode == 0, done.stderr
    assert is_signed(shop_job, shop, "v1", image.hex)


def test_a_container_releases_for_the_team_whose_door_its_runner_mounts(
        new_recipe, start, new_client, shop, archive):
    """It knows no more than what config.toml gives it, and finds the agent by itself."""
    rig_users.need_root_to_look()
    need_namespaces("--mount")
    recipe = new_recipe("gitlab-docker")
    agent = start(recipe, {})
    found(new_client(agent), shop)
    image, directory = archive
    root = new_client(agent, rig_users.own())
    del root.environment["COUNTERSIGN_SOCKET"]
    statuses = {}
    for runner in tomllib.loads(recipe.text("config.toml"))["runners"]:
        for volume in runner["docker"].get("volumes", []):
            place, _, options = volume.split(":")
            done = run_job(root, directory, [
                "unshare", "--mount", "sh", "-euc", CONTAINER, place, "/run/countersign", options,
                "bash", "-euc", release(RECIPES / "gitlab-docker" / "gitlab-ci.yml")],
                IMAGE=shop, CI_COMMIT_TAG="v1")
            statuses[runner["name"]] = done.returncode
    assert statuses == {"release-shop": 0, "release-pay": 3}
    assert is_signed(root, shop, "v1", image.hex)


def test_a_user_builds_with_buildah_and_releases(new_recipe, start, new_client, scratch, shop):
    builder = rig_users.user(61040, groups=[61041])
    agent = start(new_recipe("buildah"), {"builder": builder}, {"shop": 61041})
    found(new_client(agent), shop)
    context = scratch.directory("context")
    (context / "hello").write_text("Hello\n")
    (context / "Containerfile").write_text("FROM scratch\nCOPY hello /\n")
    client = new_client(agent, rig_users.own())
    client.write(".docker/config.json", "{}\n")
    give_tree(client.home, builder.uid)
    people = People(scratch.directory("people"), {"builder": builder}, {"shop": 61041})
    script = client.programs.take(RECIPES / "buildah" / "release")
    done = run_job(client, client.home, people.see(
        ["setpriv", f"--reuid={builder.uid}", f"--regid={builder.gid}", "--groups=61041", script,
         context, f"{shop}:v1"], rig_users.own()),
        TMPDIR=str(client.home), XDG_RUNTIME_DIR=str(client.home / "run"), STORAGE_DRIVER="vfs", BUILDAH_ISOLATION="chroot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nv1 " in client.run("list", shop, "-r", "targets/shop")


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
