# SPDX-License-Identifier: Apache-2.0
"""publish: nothing is lost and nobody is told a lie when servers, networks and others get in the way."""
import concurrent.futures
import hashlib

import pytest
import rig_users
from rig_own_server import OwnServer


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def add(client, gun, target, role="targets/qa"):
    """What addhash prints."""
    return client.run("addhash", gun, target, 7, "--sha256", digest(target), "-r", role)


def names(client, gun, role="targets/qa"):
    return {line.split()[0] for line in client.run("list", gun, "-r", role).splitlines()
            if role in line.split()}


@pytest.fixture
def own_server(scratch):
    server = OwnServer(scratch)
    yield server
    server.stop()


@pytest.fixture
def at_own_server(new_client, agent, own_server):
    return new_client(agent, server=own_server)


def found(client, gun):
    """A new repository with a role of its own."""
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa", "--all-paths")


@pytest.mark.parametrize("fault", ["lose request", "lose answer", "error after"])
def test_finds_out_what_became_of_a_post_without_an_answer(at_own_server, own_server, gun, fault):
    found(at_own_server, gun)
    own_server.faults = [fault]
    add(at_own_server, gun, "v1")
    assert own_server.repository(gun).version("targets/qa") == 1
    assert names(at_own_server, gun) == {"v1"}
    add(at_own_server, gun, "v2")
    assert own_server.repository(gun).version("targets/qa") == 2


@pytest.mark.parametrize("fault", ["lose request", "lose answer", "error after"])
def test_founds_a_repository_in_spite_of_the_network(at_own_server, own_server, gun, fault):
    own_server.faults = [fault]
    found(at_own_server, gun)
    assert own_server.repository(gun).version("root") == 1
    assert own_server.repository(gun).version("targets") == 2


def test_gives_up_where_no_answer_ever_comes(at_own_server, own_server, gun):
    found(at_own_server, gun)
    own_server.faults = ["lose request"] * 100
    at_own_server.refused(6, "addhash", gun, "v1", 7, "--sha256", digest("v1"), "-r", "targets/qa")
    assert own_server.repository(gun).version("targets/qa") == 0

    # The same user goes on later; the version that was released and never came is passed over.
    own_server.faults = []
    add(at_own_server, gun, "v2")
    assert names(at_own_server, gun) == {"v2"}


@pytest.mark.parametrize("role", ["targets", "targets/qa"])
def test_publishes_again_what_the_server_lists_wrongly(at_own_server, own_server, new_client, agent,
                                                       gun, role):
    found(at_own_server, gun)
    add(at_own_server, gun, "before", role)
    version = own_server.repository(gun).version(role)
    own_server.faults = ["list wrongly"]
    add(at_own_server, gun, "v1", role)
    assert own_server.repository(gun).version(role) == version + 2
    reader = new_client(agent, server=own_server)
    assert names(reader, gun, role) == {"before", "v1"}


def test_gives_up_on_a_server_that_always_lists_wrongly(at_own_server, own_server, gun):
    found(at_own_server, gun)
    own_server.faults = ["list wrongly"] * 100
    at_own_server.refused(7, "addhash", gun, "v1", 7, "--sha256", digest("v1"), "-r", "targets/qa")


@pytest.fixture
def through_proxy(new_client, agent, proxy, notary_server):
    """Starts clients whose publications the proxy holds."""
    client = new_client(agent)
    client.use_server(proxy.url)
    return lambda *args: client.start(*args, "--tlscacert", notary_server.tls.certificate)


def test_what_was_so_already_is_so_when_the_rest_is_published(client, through_proxy, proxy, gun):
    """What readers see changes as a whole, also where others get in between."""
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    client.run("delegation", "add", gun, "targets/releases", "agent:qa", "agent:developer")
    add(client, gun, "v1")
    removing = through_proxy("remove", gun, "v1", "-r", "targets/qa", "-r", "targets/releases")
    proxy.wait_held(1)
    add(client, gun, "v1", "targets/releases")
    proxy.let_all_go()
    done = client.finish(removing)
    assert done.returncode == 0 and "targets/releases: version 2" in done.stdout
    assert not names(client, gun, "targets/qa") and not names(client, gun, "targets/releases")


def test_a_key_that_is_replaced_meanwhile_is_no_reason_to_give_up(
        through_proxy, proxy, client, policy, token, agent, gun):
    """The server says that the signature is bad, and not that others were faster."""
    token.generate("targets2")
    policy["keys"]["targets2"] = policy["keys"]["targets"] | {"uri": token.key_uri("targets2")}
    policy["grants"]["releaser"]["keys"].append("targets2")
    agent.set_policy(policy)
    agent.hang_up()
    client.run("init", gun, "--targets-key", "agent:targets")
    adding = through_proxy("addhash", gun, "v1", 7, "--sha256", digest("v1"), "-r", "targets")
    proxy.wait_held(1)
    client.run("key", "rotate", gun, "targets", "--key", "agent:targets2", "--yes")
    proxy.let_all_go()
    done = client.finish(adding)
    assert done.returncode == 0, done.stderr
    assert "signed by targets2" in done.stdout and names(client, gun, "targets") == {"v1"}


def die(process):
    process.kill()
    process.communicate()


def test_passes_over_a_version_whose_publisher_died(client, through_proxy, proxy, gun):
    found(client, gun)
    dying = through_proxy("addhash", gun, "lost", 7, "--sha256", digest("lost"), "-r", "targets/qa")
    proxy.wait_held(1)
    die(dying)
    add(client, gun, "v1")
    proxy.let_all_go()
    add(client, gun, "v2")
    assert names(client, gun) == {"v1", "v2"}


def test_founds_a_repository_whose_founder_died(client, new_client, agent, through_proxy, proxy,
                                                notary_server, gun):
    dying = through_proxy("init", gun)
    proxy.wait_held(1)
    die(dying)
    found(client, gun)
    add(client, gun, "v1")
    assert notary_server.document(gun, "root")["signed"]["version"] == 1
    assert names(new_client(agent), gun) == {"v1"}


def test_notary_and_we_publish_at_the_same_time(client, token, notary, gun):
    notary.run("init", gun, "-p")
    notary.run("key", "rotate", gun, "snapshot", "-r")
    key = client.write("qa.pem", token.public_key("qa"))
    notary.run("delegation", "add", gun, "-p", "targets/qa", key, "--all-paths")

    def ours(i):
        add(client, gun, f"ours{i}")
        return f"ours{i}"

    def theirs(i):
        notary.run("addhash", gun, f"theirs{i}", "7", "--sha256", digest("x"))
        return f"theirs{i}" if notary.try_run("publish", gun).returncode == 0 else None

    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        mine = [pool.submit(ours, i) for i in range(8)]
        done = pool.submit(lambda: [theirs(i) for i in range(8)])
    assert names(client, gun) == {task.result() for task in mine}
    assert names(client, gun, "targets") >= {name for name in done.result() if name}


def test_a_reader_that_another_process_of_its_user_outruns_reads_again(
        new_client, agent, repository, proxy):
    publisher, reader = new_client(agent), new_client(agent)
    reader.run("list", repository)
    add(publisher, repository, "v1")

    # The reader knows of v1 and waits for the file; another one of its user gets v2 meanwhile.
    direct = dict(reader.environment)
    reader.use_server(proxy.url)
    proxy.holds = lambda method, path: "/targets/qa." in path
    slow = reader.start("list", repository, "-r", "targets/qa")
    proxy.wait_held(1)
    add(publisher, repository, "v2")
    reader.run("list", repository, **direct)
    proxy.let_all_go()

    done = reader.finish(slow)
    assert done.returncode == 0, done.stderr
    assert "v2" in done.stdout


def test_a_reader_follows_roots_that_come_while_it_reads(new_client, agent, repository, proxy):
    owner, reader = new_client(agent), new_client(agent)
    add(owner, repository, "v1")
    reader.run("list", repository)
    reader.use_server(proxy.url)
    proxy.holds = lambda method, path: path.endswith("timestamp.json")
    owner.run("key", "rotate", repository, "timestamp", "--server-managed")
    reading = reader.start("list", repository)
    proxy.wait_held(1)
    proxy.let_go(0)
    proxy.wait_held(2)  # it has found the second root, and no third one
    owner.run("key", "rotate", repository, "timestamp", "--server-managed")
    proxy.let_all_go()
    done = reader.finish(reading)
    assert done.returncode == 0 and "v1" in done.stdout, done.stderr


def test_says_who_can_publish_where_the_owner_keeps_the_snapshot_key(client, token, notary, gun):
    notary.run("init", gun, "-p")
    key = client.write("qa.pem", token.public_key("qa"))
    notary.run("delegation", "add", gun, "-p", "targets/qa", key, "--all-paths")
    said = client.refused(1, "addhash", gun, "v1", 7, "--sha256", digest("v1"), "-r", "targets/qa")
    assert f"countersign key rotate {gun} snapshot --server-managed" in said
    notary.run("key", "rotate", gun, "snapshot", "-r")
    add(client, gun, "v1")
    assert names(client, gun) == {"v1"}


def test_trusts_no_other_repository_of_the_same_name(client, new_notary, gun):
    first, second = new_notary(), new_notary()
    first.run("init", gun, "-p")
    client.run("list", gun)
    first.run("delete", gun, "--remote")
    assert "vanished" in client.refused(4, "list", gun)
    second.run("init", gun, "-p")
    assert "made anew" in client.refused(4, "list", gun)


def test_takes_no_damaged_root_for_none(client, gun):
    found(client, gun)
    root = client.home / ".docker" / "trust" / "tuf" / gun / "metadata" / "root.json"
    for damage in ("", "{}", root.read_text().replace('"sig":"', '"sig":"AAAA')):
        root.write_text(damage)
        assert "only then remove" in client.refused(4, "list", gun)


def test_shares_its_cache_with_notary(client, notary, gun):
    found(client, gun)
    add(client, gun, "v1")
    notary.directory.joinpath("trust").symlink_to(client.home / ".docker" / "trust")
    assert names(notary, gun) == {"v1"}


def test_shows_the_agent_that_delegations_are_left_as_they_are(new_client, new_agent, policy, gun):
    user = rig_users.user(61002)
    policy["grants"]["tagger"] = {"users": [user.uid], "keys": ["targets"]}
    agent = new_agent(policy).start()
    tagger = new_client(agent, user)
    found(new_client(agent), gun)
    add(tagger, gun, "v1", "targets")
    assert "delegation-right" in tagger.refused(
        3, "delegation", "add", gun, "targets/releases", "agent:qa", "--all-paths")
    add(tagger, gun, "v2", "targets")
    assert names(tagger, gun, "targets") == {"v1", "v2"}
