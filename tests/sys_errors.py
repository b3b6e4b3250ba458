# SPDX-License-Identifier: Apache-2.0
"""What a person meets around the agent and its tokens: each error says what, where and what to do,
nothing is lost, and the next good command works."""
import os
import shutil
import signal
import socket
import sqlite3

import pytest

import rig_users
from rig_agent import Agent
from rig_bad_agent import BadAgent, Endless, says
from rig_own_server import OwnServer
from rig_process import LIBRARIES
from rig_scratch import give
from rig_sentences import has, rows
from rig_token import PIN
from rig_varlink import VarlinkError

SHA256 = "ab" * 32


# No agent, or something else in its place


@pytest.fixture
def place(scratch):
    """The path of a socket in a directory where everybody may make one."""
    return scratch.directory("socket", mode=0o777) / "agent.sock"


@pytest.fixture
def user(new_client):
    """Somebody without an agent."""
    return new_client()


def bound(path, kind=socket.SOCK_STREAM):
    end = socket.socket(socket.AF_UNIX, kind)
    end.bind(str(path))
    path.chmod(0o666)
    return end


def write_file(path):
    path.write_text("")
    path.chmod(0o666)


def make_directory(path):
    path.mkdir()
    path.chmod(0o777)


NO_AGENT = "no agent listens on '{}'", "start it with 'systemctl start countersign-agent.socket'"
PLACES = [
    ("nothing", lambda path: None, *NO_AGENT),
    ("a directory", make_directory, *NO_AGENT),
    ("a file", write_file, *NO_AGENT),
    ("a socket that nobody reads", lambda path: bound(path).close(), *NO_AGENT),
    ("a socket of another kind", lambda path: bound(path, socket.SOCK_DGRAM).close(), *NO_AGENT),
]


@pytest.mark.parametrize("make, cause, remedy", **rows(PLACES))
def test_in_place_of_an_agent_there_is(user, place, make, cause, remedy):
    make(place)
    has(user.refused(5, "status", "--socket", place), cause.format(place), remedy,
        "--socket or COUNTERSIGN_SOCKET")


def test_a_socket_that_one_may_not_open(user, place):
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to become other users")
    with BadAgent(place, says(b"")):
        place.chmod(0o600)
        has(user.refused(5, "status", "--socket", place), f"'{place}': Permission denied",
            f"let an administrator open it to uid {user.user.uid}")


def test_a_path_that_no_socket_can_have(user):
    has(user.refused(5, "status", "--socket", "/tmp/" + "x" * 200),
        "longer than 107 bytes: name it by a shorter path")


def of_service(error, **parameters):
    (name, value), = parameters.items()
    return says(b'{"error":"org.varlink.service.%s","parameters":{"%s":"%s"}}\0' %
                (error.encode(), name.encode(), value.encode()))


STATUS = "org.countersign.Agent.Status"
CLOSED = "closed the connection without an answer", "its log may say why"
NONE = "is no agent", "name the agent's socket with --socket or COUNTERSIGN_SOCKET"
OLDER = "client and agent may differ in version: update the older one"
PEERS = [
    ("hangs up", 5, says(b""), *CLOSED),
    ("hangs up within its reply", 5, says(b'{"parameters":{"version":'), *CLOSED),
    ("speaks HTTP", 5, says(b"HTTP/1.1 400 Bad Request\r\n\r\n\0"), *NONE),
    ("says nothing", 5, says(b"\0"), *NONE),
    ("replies with a list", 5, says(b"[]\0"), *NONE),
    ("replies twice", 5, says(b'{"parameters":{}}\0{"parameters":{}}\0'), *NONE),
    ("replies in parts", 5, says(b'{"parameters":{},"continues":true}\0'), *NONE),
    ("replies without UTF-8", 5, says(b'{"parameters":{"version":"\xff"}}\0'), *NONE),
    ("replies without what is asked for", 1, says(b'{"parameters":{}}\0'),
     "answer of the agent: status.version", OLDER),
    ("does not have the method yet", 1, of_service("MethodNotFound", method=STATUS),
     f"has no method '{STATUS}'", OLDER),
    ("does not implement the method yet", 1, of_service("MethodNotImplemented", method=STATUS),
     f"does not implement '{STATUS}'", OLDER),
    ("does not have the parameter yet", 1, of_service("InvalidParameter", parameter="partial"),
     "does not take the parameter 'partial'", OLDER),
    ("has another interface", 1, of_service("InterfaceNotFound", interface="org.countersign.Agent"),
     "what answers is no agent", NONE[1]),
    ("has errors that nobody knows", 1, says(b'{"error":"com.example.Odd","parameters":{}}\0'),
     "the error 'com.example.Odd'", OLDER),
    ("fails", 1, says(b'{"error":"org.countersign.Agent.Internal","parameters":{}}\0'),
     "the agent failed", "its log says at what"),
]


@pytest.mark.parametrize("status, reply, cause, remedy", **rows(PEERS))
def test_what_answers(user, place, status, reply, cause, remedy):
    with BadAgent(place, reply):
        said = user.refused(status, "status", "--socket", place)
    has(said, cause, remedy)
    if status == 5:
        has(said, str(place))


def test_a_reply_without_an_end_is_cut_off(user, place):
    reply = Endless()
    with BadAgent(place, reply):
        has(user.refused(5, "status", "--socket", place), str(place), "more than 67108864 bytes",
            *NONE)
    assert reply.sent_bytes < (64 + 16) << 20  # what is under way


# An agent that does not start


def of_another_program(agent):
    with sqlite3.connect(agent.state / "ledger.db") as other:
        other.execute("PRAGMA application_id = 1")
        other.execute("CREATE TABLE t(x)")
    other.close()
    give(agent.state / "ledger.db", rig_users.AGENT.uid)


def newer(agent):
    agent.start().stop()
    agent.ledger.execute("PRAGMA user_version = 99")


def garbage(agent):
    (agent.state / "ledger.db").write_bytes(b"garbage" * 1000)
    give(agent.state / "ledger.db", rig_users.AGENT.uid)


STARTS = [
    ("state directory in nothing", None, {"state": "absent/state"}, "cannot make state directory",
     "make it for uid"),
    ("state directory that is a file", None, {"state": "policy.yaml"}, "no directory",
     "name the directory itself"),
    ("state directory that others may write to", lambda agent: agent.state.chmod(0o777), {},
     "has mode 0777", "then chmod 700"),
    ("socket in nothing", None, {"socket": "absent/agent.sock"}, "cannot make the socket",
     "let its directory belong to uid"),
    ("socket that is a file", None, {"socket": "policy.yaml"}, "exists and is no socket",
     "remove it, or name another with --socket"),
    ("socket with a long path", None, {"socket": "x" * 200}, "is longer than 107 bytes",
     "name a shorter one with --socket"),
    ("ledger of garbage", garbage, {}, "ledger.db' is damaged (file is not a database)",
     "restore it from a backup, or move it away to begin without the marks"),
    ("ledger of another program", of_another_program, {}, "is the database of another program",
     "move it away, or name another directory with --state"),
    ("ledger of a newer agent", newer, {}, "newer countersign-agent (schema 99",
     "install that version again"),
]


@pytest.mark.parametrize("spoil, paths, cause, remedy", **rows(STARTS))
def test_no_start_with_a(new_agent, policy, spoil, paths, cause, remedy):
    agent = new_agent(policy)
    if spoil:
        spoil(agent)
    wrong = {name: agent.directory / path for name, path in paths.items()}
    has(agent.fails_to_start(**wrong), str(next(iter(wrong.values()), agent.state)), cause, remedy)
    if not spoil:
        agent.start()


def test_no_start_with_a_state_directory_of_somebody_else(new_agent, policy):
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to become other users")
    agent = new_agent(policy)
    agent.state.chmod(0o755)
    os.chown(agent.state, 0, 0)
    has(agent.fails_to_start(), str(agent.state),
        f"belongs to uid 0, want uid {rig_users.AGENT.uid}", "give it to that")


# An agent without a policy, or without its token


def readable(is_it):
    def change(agent, _):
        agent.policy_file.chmod(0o644 if is_it else 0)
    return change


POLICIES = [
    ("is not there", lambda agent, _: agent.policy_file.unlink(), "does not exist"),
    ("cannot be read", readable(False), "Permission denied: let uid"),
    ("others may write to", lambda agent, _: agent.policy_file.chmod(0o666),
     "has mode 0666, so others than its owner may write it"),
    ("is not YAML", lambda agent, _: agent.set_policy("tokens: [\n"), "policy.yaml:2:1: "),
    ("names an open PIN file", lambda _, token: token.pin_file.chmod(0o644), "has mode 0644, want"),
    ("names an absent PIN file", lambda _, token: token.pin_file.unlink(), "pin does not exist"),
]


@pytest.mark.parametrize("spoil, cause", **rows(POLICIES))
def test_a_policy_that(new_agent, policy, new_client, token, gun, spoil, cause):
    if not rig_users.IS_ROOT and cause.startswith("Permission"):
        pytest.skip("needs root, to become other users")
    agent = new_agent(policy)
    spoil(agent, token)
    agent.start()
    has(agent.process.text(), cause,
        f"every request is refused until the policy '{agent.policy_file}' is mended: ")
    with pytest.raises(VarlinkError) as caught:
        agent.call("Status")
    assert caught.value.name == "Denied"
    assert caught.value.parameters["reason"] == "policy-invalid"
    has(caught.value.parameters["remedy"], "--check-policy", "reload")
    client = new_client(agent)
    has(client.refused(3, "init", gun), gun, "policy-invalid", "--check-policy")

    set_pin(token, PIN)
    agent.set_policy(policy)
    agent.hang_up()
    client.run("init", gun)


def set_pin(token, pin, mode=0o400):
    token.pin_file.unlink(missing_ok=True)
    token.pin_file.write_text(pin + "\n")
    token.pin_file.chmod(mode)
    give(token.pin_file, rig_users.AGENT.uid)


def pull_out(token):
    tokens = token.directory / "tokens"
    tokens.rename(token.directory / "away")
    tokens.mkdir()
    give(tokens, rig_users.AGENT.uid)


def plug_in(token):
    shutil.rmtree(token.directory / "tokens")
    (token.directory / "away").rename(token.directory / "tokens")


TOKENS = [
    ("absent", "absent", pull_out, plug_in, "the module shows no such token", "plug it in"),
    ("locked by a wrong PIN", "locked", lambda token: set_pin(token, "4711"),
     lambda token: set_pin(token, PIN), "the token refused the PIN in 'file:{token.pin_file}'",
     "put the right one there"),
    ("locked without a PIN file", "locked", lambda token: token.pin_file.unlink(),
     lambda token: set_pin(token, PIN), "PIN file '{token.pin_file}': No such file",
     "put the PIN there, for uid"),
    ("locked by an open PIN file", "locked", lambda token: set_pin(token, PIN, 0o644),
     lambda token: token.pin_file.chmod(0o400), "PIN file '{token.pin_file}' has mode 0644",
     "want 0400; chmod it"),
    ("locked by an empty PIN file", "locked", lambda token: set_pin(token, ""),
     lambda token: set_pin(token, PIN), "the PIN is empty", "put the right one there"),
]


@pytest.mark.parametrize("state, spoil, mend, cause, remedy", **rows(TOKENS))
def test_a_token_that_is(case, client, token, state, spoil, mend, cause, remedy):
    cause = cause.format(token=token)
    client.run("init", case.gun)
    spoil(token)
    for worker in case.agent.workers():
        os.kill(worker, signal.SIGKILL)
    line = f"token 'hsm' is {state}: {cause}"
    case.agent.process.wait_until(lambda: line in case.agent.process.text())
    parameters = case.fails("TokenUnavailable")
    assert parameters["token"] == "hsm"
    has(parameters["remedy"], cause, remedy)
    publish = ["addhash", case.gun, "v1", "5", "--sha256", SHA256]
    has(client.refused(5, *publish), case.gun, "the token 'hsm' is not ready", cause, remedy)
    has(client.run("status"), cause, remedy)

    mend(token)
    case.agent.process.wait_until(case.agent.has_keys, 60)
    has(case.agent.process.text().rsplit(line, 1)[1], "token 'hsm' is ready")
    assert "targets: version 2" in client.run(*publish)  # the refused one has left no mark


MODULES = [
    ("is not there", "/nowhere/pkcs11.so", "cannot open shared object file"),
    ("is no PKCS#11 module", str(LIBRARIES / "libm.so.6"), "C_GetFunctionList"),
    ("is no library", "/etc/passwd", "invalid ELF header"),
]


@pytest.mark.parametrize("module, cause", **rows(MODULES))
def test_a_module_that(new_agent, new_client, policy, gun, module, cause):
    policy["tokens"]["hsm"]["module"] = module
    agent = new_agent(policy).start()
    token_is_failing(agent, new_client(agent), gun, f"module '{module}' cannot be loaded", cause,
                     "check 'module' in the policy")


def test_no_worker_is_installed(programs, sanitizer, scratch, policy, new_client, gun):
    class WithoutWorker:
        agent = scratch.directory("bin") / "countersign-agent"

    shutil.copy(programs.agent, WithoutWorker.agent)
    agent = Agent(WithoutWorker, sanitizer, scratch.directory("agent"), policy).start()
    token_is_failing(agent, new_client(agent), gun, "cannot start '", "countersign-token'",
                     "install countersign anew")
    agent.stop()


def token_is_failing(agent, client, gun, *sentences):
    has(agent.process.text(), "token 'hsm' is failing: ", *sentences)
    has(client.run("status"), "failing", *sentences)
    has(client.refused(5, "init", gun), gun, "its state on token 'hsm' is 'failing'",
        "'countersign status' says why")


# Who may not, and what is not there


def test_what_is_not_granted(case, stranger, new_client, upload, repository):
    has(case.denied("not-granted", user=stranger)["remedy"], "ask an administrator")
    has(case.denied("no-such-key", key="00" * 32)["remedy"], "countersign key list")
    has(case.denied("key-outside-scope", role="targets/developer")["remedy"], "widen it")
    upload(f"{repository}:v1")
    client = new_client(case.agent, stranger)
    for line in (["sign", f"{repository}:v1"], ["init", f"{case.gun}/new"], ["key", "list"]):
        has(client.refused(3, *line), "keys of the agent: refused (not-granted)",
            "ask an administrator of this agent for a grant that names you")


@pytest.fixture
def own_server(scratch):
    server = OwnServer(scratch)
    yield server
    server.stop()


def test_metadata_that_has_expired(own_server, new_client, agent, gun):
    client = new_client(agent, server=own_server)
    client.run("init", gun)
    publish = ["addhash", gun, "v1", "5", "--sha256", SHA256]
    client.run(*publish)
    own_server.repository(gun).renew("2020-01-01T00:00:00Z")
    publish[2] = "v2"
    for line in (["list", gun], publish, ["inspect", gun]):
        has(client.refused(4, *line), gun, own_server.url,
            "timestamp: expired at 2020-01-01T00:00:00Z, the clock here says 20",
            "whoever publishes there must look into it")
    own_server.repository(gun).renew()
    assert "v2" not in client.run("list", gun)
    client.run(*publish)
