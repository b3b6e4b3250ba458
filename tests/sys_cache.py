# SPDX-License-Identifier: Apache-2.0
"""The client's home and cache: missing, damaged, of somebody else, full. Each error says what, where and
what to do, nothing is lost, and the next good command works."""
import shutil
import subprocess

import pytest

import rig_users
from rig_agent import Agent
from rig_client import Client
from rig_policy import Policy
from rig_scratch import give_tree
from rig_sentences import has, rows

SHA256 = "ab" * 32


@pytest.fixture
def user(new_client):
    """Somebody without an agent."""
    return new_client()


@pytest.fixture(scope="module")
def published(scratch, registry, notary_server, programs, sanitizer, made_token):
    """A repository; its GUN."""
    policy = Policy(made_token.copy(scratch.directory("token")), registry.host, sanitizer)
    agent = Agent(programs, sanitizer, scratch.directory("agent"), policy).start()
    client = Client(programs, sanitizer, scratch.directory("home"), None, agent=agent,
                    notary_server=notary_server)
    gun = f"{registry.host}/errors/cache"
    client.run("init", gun)
    client.run("addhash", gun, "v1", "5", "--sha256", SHA256)
    yield gun
    agent.stop()


HOMES = [
    ("no home", "", "neither DOCKER_CONFIG nor HOME is set", "set one to a directory of yours"),
    ("a home that is not there", "/nonexistent/home", "cannot write '/nonexistent'", "DOCKER_CONFIG"),
    ("a relative home", "home", "HOME is 'home'", "want a path that begins with '/'"),
    ("a home that is a file", "/dev/null", "cannot write '/dev/null/.docker': Not a directory",
     "remove what is in its way"),
    ("a home that is not one's own", "/etc", "cannot write '/etc/.docker': Permission denied",
     "let its directory belong to uid"),
]


@pytest.mark.parametrize("home, cause, remedy", **rows(HOMES))
def test_with(user, notary_server, published, home, cause, remedy):
    if not rig_users.IS_ROOT and home.startswith("/"):
        pytest.skip("needs root, to become other users")
    line = ["list", published, "--tlscacert", notary_server.tls.certificate]
    has(user.refused(1, *line, HOME=home, DOCKER_CONFIG=""), cause, remedy)
    assert SHA256 in user.run(*line)


def in_its_place(make):
    """Damage root.json."""
    def spoil(metadata):
        root = metadata / "root.json"
        data = root.read_bytes()
        root.unlink()
        make(root, data)
    return spoil


def directory_for_targets(metadata):
    (metadata / "targets.json").unlink()
    (metadata / "targets.json").mkdir()


def file_for_directory(metadata):
    shutil.rmtree(metadata)
    metadata.write_text("")


def read_only(metadata):
    (metadata / "timestamp.json").unlink()
    metadata.chmod(0o500)


ASK = "ask its owner what happened, and only then remove"
CACHES = [
    ("root of garbage", 4, in_its_place(lambda root, data: root.write_text("garbage")),
     "cannot be used: root: byte 0", ASK),
    ("empty root", 4, in_its_place(lambda root, data: root.write_text("")),
     "cannot be used: root: byte 0: want a value, have the end", ASK),
    ("half a root", 4, in_its_place(lambda root, data: root.write_bytes(data[:500])),
     "cannot be used: root: byte 500", ASK),
    ("root that nobody signed", 4,
     in_its_place(lambda root, data: root.write_bytes(data.replace(b'"version":1', b'"version":2'))),
     "cannot be used: root: ", ASK),
    ("directory for a root", 4, in_its_place(lambda root, data: root.mkdir()),
     "root.json' is a directory, want a file", ASK),
    ("link to nothing for a root", 4, in_its_place(lambda root, data: root.symlink_to("/nowhere")),
     "root.json' is a link to nothing", ASK),
    ("directory for targets", 1, directory_for_targets, "targets.json': Is a directory",
     "remove what is in its way"),
    ("file for its directory", 1, file_for_directory, "Not a directory",
     "remove what is in its way"),
    ("mode that keeps us out", 1, read_only, "timestamp.json': Permission denied",
     "let its directory belong to uid"),
]


def cache_of(user, gun):
    return user.home / ".docker" / "trust" / "tuf" / gun


@pytest.mark.parametrize("status, spoil, cause, remedy", **rows(CACHES))
def test_a_cache_with_a(user, published, status, spoil, cause, remedy):
    if not rig_users.IS_ROOT and spoil is read_only:
        pytest.skip("needs root, to become other users")
    user.run("list", published)
    cache = cache_of(user, published)
    spoil(cache / "metadata")
    give_tree(cache, user.user.uid)
    for _ in range(2):  # the error heals nothing, and breaks nothing
        has(user.refused(status, "list", published), published, str(cache), cause, remedy)
    shutil.rmtree(cache)
    assert SHA256 in user.run("list", published)


def test_what_is_not_a_root_is_fetched_again(user, published):
    user.run("list", published)
    metadata = cache_of(user, published) / "metadata"
    good = {path: path.read_bytes() for path in metadata.iterdir()}
    for role in ("timestamp", "snapshot", "targets"):
        user.write((metadata / f"{role}.json").relative_to(user.home), "garbage")
    assert SHA256 in user.run("list", published)
    assert {path: path.read_bytes() for path in metadata.iterdir()} == good


def test_a_cache_that_sudo_left_to_root(user, new_client, published):
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to become other users")
    sudo = new_client(user=rig_users.own())
    sudo.run("list", published, HOME=str(user.home), DOCKER_CONFIG="",
             DOCKER_CONTENT_TRUST_SERVER=user.environment["DOCKER_CONTENT_TRUST_SERVER"])
    has(user.refused(4, "list", published), published, "Permission denied",
        f"cannot read '{cache_of(user, published)}/metadata/root.json' as uid {user.user.uid}",
        "belong to who runs countersign: sudo may have left it to root")
    give_tree(user.home, user.user.uid)
    assert SHA256 in user.run("list", published)


@pytest.fixture
def small(new_client, agent):
    """Somebody whose cache has a file system of its own, of 256 KiB, and the agent's good will."""
    mounted = []

    def make(**more):
        if not rig_users.IS_ROOT:
            pytest.skip("needs root, to become other users")
        client = new_client(agent, **more)
        trust = client.home / ".docker" / "trust"
        trust.mkdir()
        options = f"size=256k,mode=0700,uid={client.user.uid},gid={client.user.gid}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", trust],
                              capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("needs the right to mount")
        mounted.append(trust)
        return client

    yield make
    for trust in mounted:
        subprocess.run(["umount", trust], check=True)


def fill(client):
    """Take what is left; the file."""
    filler = client.home / ".docker" / "trust" / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return filler


FULL = "No space left on device: make room there, then try again"


def test_a_full_disk_for_the_cache(small, gun, notary_server):
    client = small()
    client.run("init", gun)
    cache = cache_of(client, gun)
    shutil.rmtree(cache)
    filler = fill(client)
    publish = ["addhash", gun, "v1", "5", "--sha256", SHA256]
    for line in (["list", gun], publish):
        has(client.refused(1, *line), f"cannot write '{client.home}/.docker/trust/", FULL)
    assert not [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size > 0]
    assert notary_server.document(gun, "targets")["signed"]["version"] == 1

    filler.unlink()
    assert "targets: version 2" in client.run(*publish)


def test_a_disk_that_fills_up_after_the_server_took_it(small, gun, proxy, new_client, notary_server):
    client = small()
    client.run("init", gun)
    client.use_server(proxy.url)
    run = client.start("addhash", gun, "v1", "5", "--sha256", SHA256)
    proxy.wait_held(1)
    filler = fill(client)
    proxy.let_all_go()
    done = client.finish(run)
    assert done.returncode == 1, done.stderr
    has(done.stderr, gun, "the server has taken it, but that cannot be checked", FULL)
    filler.unlink()
    assert SHA256 in new_client().run("list", gun)
    assert SHA256 in client.run("list", gun)
