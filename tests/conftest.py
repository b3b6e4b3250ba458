# SPDX-License-Identifier: Apache-2.0
"""Fixtures: real servers once per run of pytest, and agents, users and repositories per test.

Each process of pytest-xdist has servers of its own, so tests share nothing across processes. Within
one they share servers but never a repository: see the fixture gun.
"""
import itertools
import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rig_users
from rig_agent import Agent
from rig_case import Case
from rig_client import Client
from rig_crowd_verbs import SPARES, allow
from rig_crowd_world import Makers, World
from rig_docker import Docker, Engine
from rig_document import key_id, key_object
from rig_image import Image
from rig_notary import Notary
from rig_notary_server import NotaryServer
from rig_piv import PivToken
from rig_policy import ROLES, Policy
from rig_programs import Programs
from rig_proxy import HoldingProxy
from rig_publisher import new_private_key, private_pem, public_pem
from rig_readers import TEAMS, Readers
from rig_registry import Registry
from rig_sanitizer import Sanitizer
from rig_scratch import Scratch
from rig_slow_token import SlowToken
from rig_token import Token
from rig_tpm import TpmToken
from rig_victim import Victim
from rig_workload import scopes

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser):
    parser.addoption("--build", type=Path, default=ROOT / "build",
                     help="build directory with the programs to be tested (default: build)")
    parser.addoption("--scenario", type=int, help="of diff_notary, only the one with that number")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One process makes what takes long to make, and not each of them; and begins with it."""
    for item in items:
        for fixture, group in (("made_tpm", "tpm"), ("database", "database"), ("gate", "gate")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_terminal_summary(terminalreporter):
    """What tests have to say beside that they passed: record_property("summary", text)."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "summary" and report.when == "call":
                    terminalreporter.write_line(value)


@pytest.fixture(scope="session")
def build(pytestconfig):
    return pytestconfig.getoption("build").resolve()


@pytest.fixture(scope="session")
def scratch():
    scratch = Scratch()
    yield scratch
    scratch.remove()


@pytest.fixture(scope="session")
def sanitizer(scratch):
    sanitizer = Sanitizer(scratch)
    yield sanitizer
    sanitizer.check()


@pytest.fixture(scope="session")
def programs(build, scratch):
    return Programs(build, scratch)


@pytest.fixture(scope="session")
def notary_server(scratch):
    server = NotaryServer(scratch)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def registry(scratch):
    server = Registry(scratch)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def made_token(scratch):
    """The token that all others are copied from."""
    return Token(scratch.directory("token"), rig_users.AGENT,
                 {name: "EC:secp256r1" for name in ROLES})


@pytest.fixture
def new_token(scratch, made_token):
    """Makes a token with the usual keys, for one agent."""
    return lambda: made_token.copy(scratch.directory("token"))


@pytest.fixture
def token(new_token):
    return new_token()


@pytest.fixture(scope="session")
def made_tpm(scratch):
    token = TpmToken(scratch.directory("tpm"), rig_users.AGENT, {"tpm": "ecc256"})
    yield token
    token.stop()


@pytest.fixture
def tpm(made_tpm):
    """A TPM with the key "tpm", which all tests of a process share; whatever one of them kills runs
    again for the next one."""
    yield made_tpm
    made_tpm.tpm.mend()


@pytest.fixture
def new_piv(scratch):
    """Makes a card in a reader of its own: new_piv(is_yubikey=..., serial=..., keys=...)."""
    tokens = []

    def make(**form):
        tokens.append(PivToken(scratch.directory("piv"), rig_users.AGENT, **form))
        return tokens[-1]

    yield make
    for token in tokens:
        token.stop()


@pytest.fixture
def policy(token, registry, sanitizer):
    """The usual policy, for the test's own token; a test may change it before it starts an agent."""
    return Policy(token, registry.host, sanitizer)


@pytest.fixture
def slow_token(build, scratch, policy):
    """A second token, whose signatures take as long as a test says."""
    return SlowToken(build / "tests" / "libfaultp11.so", scratch.directory("slow")).add_to(policy)


@pytest.fixture
def token_away(new_token, policy):
    """Keys qa and developer are on tokens of their own; that of developer is pulled out."""
    spare = new_token()
    policy["tokens"]["spare"] = {**spare.entry(), "environment": {
        **policy["tokens"]["hsm"]["environment"], "SOFTHSM2_CONF": str(spare.configuration)}}
    policy["keys"]["developer"]["token"] = "spare"
    return lambda: (spare.directory / "tokens").rename(spare.directory / "away")


@pytest.fixture
def new_agent(programs, sanitizer, scratch):
    """Makes an agent with a policy; it is stopped after the test."""
    agents = []

    def make(policy):
        agents.append(Agent(programs, sanitizer, scratch.directory("agent"), policy))
        return agents[-1]

    yield make
    for agent in agents:
        agent.stop()


@pytest.fixture
def agent(new_agent, policy):
    """A running agent with the usual policy."""
    return new_agent(policy).start()


@pytest.fixture
def tester():
    """A user whom a test grants something; not the releaser, whom the usual policy grants all."""
    return rig_users.user(61010, gid=61010, groups=[61500])


@pytest.fixture
def stranger():
    """A user whom no policy names."""
    return rig_users.user(61099)


@pytest.fixture
def case(agent, gun, token):
    """What the releaser asks the usual agent to sign."""
    return Case(agent, gun, token)


@pytest.fixture
def new_case(new_agent, policy, gun, token):
    """Starts an agent after the test has changed the policy."""
    return lambda: Case(new_agent(policy).start(), gun, token)


@pytest.fixture
def new_client(programs, sanitizer, scratch, notary_server):
    """Makes a user of the client with a fresh home: client(agent, user)."""
    def make(agent=None, user=None, server=notary_server):
        home = scratch.directory("home")
        return Client(programs, sanitizer, home, user, agent=agent, notary_server=server)
    return make


@pytest.fixture
def client(new_client, agent):
    """The releaser, who may use every key."""
    return new_client(agent)


@pytest.fixture
def person(new_client, agent, policy):
    """Makes a user who has these keys of the agent, and may delegate: person(uid, key...)."""
    def make(uid, *keys):
        user = rig_users.user(uid)
        policy["grants"][f"u{uid}"] = {"users": [user.uid], "keys": list(keys), "delegate": True}
        agent.set_policy(policy)
        agent.call("Reload")
        return new_client(agent, user)
    return make


@pytest.fixture
def gun(registry, request):
    """A repository that no other test uses."""
    name = request.node.name.split("[")[0].replace("test_", "")[:60].strip("_")
    return f"{registry.host}/{name}/{next(_numbers)}"


_numbers = itertools.count(1)


@pytest.fixture
def repository(client, gun):
    """A repository that the releaser made, with a role for each of three teams."""
    client.run("init", gun)
    for role, keys in TEAMS.items():
        client.run("delegation", "add", gun, role, *(f"agent:{key}" for key in keys))
    return gun


@pytest.fixture
def readers(new_notary, new_client):
    return Readers(new_notary, new_client)


@pytest.fixture
def upload(registry, scratch):
    """Makes an image and uploads it: upload('HOST/NAME:TAG', text) returns the image."""
    def make(reference, text=None, architectures=("amd64",)):
        image = Image(scratch.directory("image"), text or reference, architectures)
        registry.push(image, reference)
        return image
    return make


@pytest.fixture
def new_notary(scratch, notary_server):
    """Makes a user of notary who knows nothing yet."""
    return lambda: Notary(scratch.directory("notary"), notary_server)


@pytest.fixture
def notary(new_notary):
    return new_notary()


@pytest.fixture
def docker(scratch, notary_server):
    """A user of the docker CLI who knows nothing yet, without an engine."""
    return Docker(scratch.directory("docker"), notary_server)


@pytest.fixture(scope="session")
def engine(scratch):
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to run dockerd")
    engine = Engine(scratch.directory("engine"))
    yield engine
    engine.stop()


@pytest.fixture
def proxy(notary_server):
    proxy = HoldingProxy(notary_server, notary_server.tls)
    yield proxy
    proxy.stop()


@pytest.fixture
def crowd_users():
    """Members of a crowd who are not the releaser. Without root, all are."""
    if not rig_users.IS_ROOT:
        return {}
    return {name: rig_users.user(uid) for name, uid in (
        ("qa", 61021), ("developer", 61022), ("devops", 61023), ("tagger", 61024))}


@pytest.fixture(scope="session")
def crowd_token(made_token, scratch):
    token = made_token.copy(scratch.directory("token"))
    for name in SPARES:
        token.generate(name)
    return token


@pytest.fixture
def crowd_agents(crowd_users, crowd_token, new_agent, scratch, registry, sanitizer):
    tokens = [crowd_token.copy(scratch.directory("token")) for _ in range(2)]
    return [new_agent(allow(Policy(token, registry.host, sanitizer), crowd_users, registry.host,
                            token)).start() for token in tokens]


@pytest.fixture
def let_loose(crowd_agents, crowd_users, crowd_token, gun, new_client, new_notary, scratch,
              notary_server):
    """Makes a repository, and lets a crowd change it: let_loose(seed, deeds of each)."""
    world = World(notary_server, crowd_agents, crowd_users, crowd_token, Makers(
        new_client, new_notary, lambda: Docker(scratch.directory("docker"), notary_server)))
    return lambda seed, n, is_free=False: world.let_loose(f"{gun}/{seed}", seed, n, is_free)


@pytest.fixture(autouse=True)
def no_sanitizer_reports(sanitizer):
    """A report of any process during a test is that test's failure."""
    yield
    sanitizer.check()


@pytest.fixture(scope="session")
def tracer(build):
    return build / "tests" / "tracer"


@pytest.fixture(scope="session")
def copied_key():
    return new_private_key()


@pytest.fixture(scope="session")
def victims_token(scratch, made_token, copied_key):
    token = made_token.copy(scratch.directory("token"))
    token.take_key("copied", private_pem(copied_key))
    return token


@pytest.fixture
def new_workload(new_agent, victims_token, scratch, sanitizer, tracer, copied_key):
    """Makes a workload with a victim of its own, which is not running yet."""
    pems = {name: victims_token.public_key(name)
            for name in ("root", "targets", "qa", "developer")}
    pems["copied"] = public_pem(copied_key)
    host = "registry.example.com"

    def make(kind, seed=1):
        policy = Policy(victims_token.copy(scratch.directory("token")), host, sanitizer)
        policy["keys"] = {name: {"token": "hsm", "uri": f"pkcs11:object={name}", "scope": scope}
                          for name, scope in scopes(host).items()}
        who = {"users": [os.geteuid()]}
        policy["grants"] = {"all": {**who, "keys": list(policy["keys"]), "delegate": True}}
        policy["admins"] = who
        victim = Victim(new_agent(policy), {key_id(key_object(pem)): pem for pem in pems.values()},
                        tracer, random.Random(f"{seed} {kind.__name__}"))
        return kind(victim, f"{host}/shop/{kind.__name__.lower()}", pems, copied_key)

    return make
