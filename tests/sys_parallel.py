# SPDX-License-Identifier: Apache-2.0
"""Many publish at the same time, through one agent or through several, and nothing is lost."""
import pytest

import rig_users
from rig_policy import Policy
from rig_proxy import RelapsingProxy
from rig_readers import TEAMS
from rig_token import Token

N_SIGNERS = 20
ROLE = "targets/qa"


def sizes(images, *roles):
    """What readers see of signed images: {tag: image}."""
    return {(tag, role): (image.hex, image.size)
            for tag, image in images.items() for role in roles}


def succeed(running):
    """All clients of [(client, process)] end well."""
    ends = [client.finish(process, seconds=300) for client, process in running]
    assert all(end.returncode == 0 for end in ends), "\n".join(end.stderr for end in ends)


def test_twenty_sign_twenty_tags_of_one_repository(
        agent, new_client, repository, upload, readers):
    images = {f"v{i}": upload(f"{repository}:v{i}") for i in range(N_SIGNERS)}
    clients = [new_client(agent) for _ in images]
    succeed([(client, client.start("sign", f"{repository}:{tag}"))
             for client, tag in zip(clients, images)])
    assert readers.read(repository) == sizes(images, *TEAMS)


# The order of signing and posting is the test's choice


@pytest.fixture
def two(agent, new_client, proxy):
    """Two clients whose publications the proxy holds."""
    clients = new_client(agent), new_client(agent)
    for client in clients:
        client.use_server(proxy.url)
    return clients


@pytest.fixture
def images(repository, upload):
    return {tag: upload(f"{repository}:{tag}") for tag in ("a", "b")}


def start_both(clients, repository, proxy):
    """A signs, then B signs; both stand before the server."""
    running = []
    for n, (client, tag) in enumerate(zip(clients, "ab"), 1):
        running.append((client, client.start("sign", f"{repository}:{tag}")))
        proxy.wait_held(n)
    return running


@pytest.mark.parametrize("first", [0, 1], ids=["A posts first", "B posts first"])
def test_the_order_of_posting_does_not_matter(first, two, repository, images, proxy, readers):
    """Where A posts first the server takes both, and B must not undo A; where B does, it refuses A,
    who must try again."""
    running = start_both(two, repository, proxy)
    proxy.let_go(first)
    succeed([running[first]])
    proxy.let_all_go()
    succeed(running[:first] + running[first + 1:])
    assert readers.read(repository) == sizes(images, *TEAMS)


# An answer that never comes


@pytest.mark.parametrize("cuts", [["before"], ["after"], ["before", "after"], ["after"] * 3])
def test_a_publication_without_an_answer_ends_well(cuts, two, repository, images, proxy, readers):
    proxy.let_all_go()
    for client, tag in zip(two, images):
        proxy.cuts = list(cuts)
        client.run("sign", f"{repository}:{tag}")
    assert readers.read(repository) == sizes(images, *TEAMS)


def test_who_gets_no_answer_goes_on_while_others_publish(
        two, new_client, agent, repository, images, proxy, readers):
    """With PostgreSQL the server fails where it should say that somebody was faster."""
    proxy.cuts = ["before"] * 6  # libcurl sends each of three twice
    running = [(two[0], two[0].start("sign", f"{repository}:a"))]
    proxy.wait_held(1)
    new_client(agent).run("sign", f"{repository}:b", "-r", "targets/devops")
    proxy.let_all_go()
    succeed(running)
    assert not proxy.cuts
    assert readers.read(repository) == sizes({"a": images["a"]}, *TEAMS) | \
        sizes({"b": images["b"]}, "targets/devops")


def test_two_without_an_answer_do_not_undo_each_other(two, repository, images, proxy, readers):
    proxy.cuts = ["after", "after"]
    running = start_both(two, repository, proxy)
    proxy.let_all_go()
    succeed(running)
    assert readers.read(repository) == sizes(images, *TEAMS)


# A client dies between the agent's signature and its publication


def kill_publishing(client, image, proxy):
    """Its signatures are released, and its publication stands before the server."""
    process = client.start("sign", image)
    proxy.wait_held(1)
    process.kill()
    process.communicate()


@pytest.mark.parametrize("is_sent", [False, True], ids=["never arrives", "arrives late"])
def test_the_next_client_goes_on_where_one_died(is_sent, two, repository, images, proxy, readers):
    dying, other = two
    proxy.cuts = [None if is_sent else "before"]
    kill_publishing(dying, f"{repository}:a", proxy)
    running = [(other, other.start("sign", f"{repository}:b"))]
    proxy.wait_held(2)
    proxy.let_all_go()
    succeed(running)
    assert readers.read(repository).items() >= sizes({"b": images["b"]}, *TEAMS).items()
    dying.run("sign", f"{repository}:a")
    assert readers.read(repository) == sizes(images, *TEAMS)


# Two agents, which know nothing of each other


@pytest.fixture
def other_agent(scratch, registry, sanitizer, new_agent):
    """With a ledger, a token and a key of its own."""
    token = Token(scratch.directory("token"), rig_users.AGENT, {"other": "EC:secp256r1"})
    policy = Policy(token, registry.host, sanitizer)
    policy["keys"] = {"other": {**policy["keys"]["qa"], "uri": "pkcs11:object=other"}}
    policy["grants"] = {"releaser": {"users": [rig_users.RELEASER.uid], "keys": ["other"]}}
    agent = new_agent(policy).start()
    agent.key = token.public_key("other")
    return agent


@pytest.fixture
def shared(client, gun, other_agent):
    """A repository with one role for both agents."""
    client.run("init", gun)
    client.run("delegation", "add", gun, ROLE, "agent:qa", client.write("o.pem", other_agent.key))
    return gun


def test_two_agents_publish_at_once(shared, agent, other_agent, new_client, upload, readers):
    """Only the server tells them apart, by refusing the second of two equal versions."""
    images = {f"v{i}": upload(f"{shared}:v{i}") for i in range(8)}
    clients = [new_client((agent, other_agent)[i % 2]) for i in range(len(images))]
    succeed([(client, client.start("sign", f"{shared}:{tag}"))
             for client, tag in zip(clients, images)])
    assert readers.read(shared, ROLE) == sizes(images, ROLE)


def test_a_version_that_another_agent_slips_in_is_not_lost(
        shared, agent, other_agent, new_client, proxy, upload, readers):
    """The other agent has released version 1 to a client that died, so it goes on with version 2;
    meanwhile our agent releases its own version 1, which is published before."""
    images = {tag: upload(f"{shared}:{tag}") for tag in ("ours", "theirs")}
    dying, theirs, ours = new_client(other_agent), new_client(other_agent), new_client(agent)
    for client in (dying, theirs):
        client.use_server(proxy.url)
    proxy.cuts = ["before"]
    kill_publishing(dying, f"{shared}:theirs", proxy)
    running = [(theirs, theirs.start("sign", f"{shared}:theirs"))]
    proxy.wait_held(2)
    ours.run("sign", f"{shared}:ours")
    proxy.let_all_go()
    succeed(running)
    assert readers.read(shared, ROLE) == sizes(images, ROLE)


# One client, many repositories


def test_one_command_signs_in_many_repositories(client, repository, upload, readers):
    """They are worked on at the same time; what is told has the order of the command line."""
    first, unmade, last = f"{repository}/z", f"{repository}/unmade", f"{repository}/a"
    client.run("init", first)
    client.run("init", last)
    names = [f"{name}:v{i}" for i in range(4) for name in (first, unmade, last)]
    images = {name: upload(name) for name in names}

    absent = client.refused(1, "sign", *names, f"{last}:absent")
    assert "absent" in absent and readers.read(first, "targets") == {}

    done = client.try_run("sign", *names)
    assert done.returncode == 1 and done.stderr.count("'countersign init' makes it") == 1
    assert done.stdout.splitlines() == [
        line for name in (first, last) for line in (
            "targets: version 2, signed by targets",
            *(f"{name}:v{i}@{images[f'{name}:v{i}'].digest}" for i in range(4)))]
    assert readers.read(last, "targets") == sizes(
        {f"v{i}": images[f"{last}:v{i}"] for i in range(4)}, "targets")


# A server that lists an older file than it has

@pytest.fixture
def relapse(agent, new_client, repository, notary_server):
    """A proxy that lists what was there before somebody added tag b to targets, and that somebody."""
    other = new_client(agent)
    proxy = RelapsingProxy(notary_server, notary_server.tls, lambda: other.run(
        "addhash", repository, "b", "1", "--sha256", "00" * 32, "-r", "targets"))
    yield proxy, other
    proxy.stop()


def add_a(client, repository):
    client.run("addhash", repository, "a", "1", "--sha256", "11" * 32, "-r", ROLE)


def assert_both(reader, repository):
    for role, tag in ((ROLE, "a"), ("targets", "b")):
        assert [row["name"] for row in reader.json("list", repository, "-r", role, "--json")
                if row["role"] == role] == [tag]


def test_who_publishes_beside_another_sees_that_his_is_listed(
        relapse, agent, new_client, repository):
    proxy, _ = relapse
    client = new_client(agent)
    client.use_server(proxy.url)
    add_a(client, repository)
    assert proxy.posted == [[ROLE], []]
    assert_both(new_client(agent), repository)


def test_who_comes_later_has_it_listed(relapse, new_client, agent, repository):
    proxy, other = relapse
    proxy.publish_nothing(repository)
    other.use_server(proxy.url)
    assert "was seen" in other.refused(4, "list", repository)
    add_a(other, repository)
    assert proxy.posted == [[], [], [ROLE]]
    assert_both(new_client(agent), repository)
