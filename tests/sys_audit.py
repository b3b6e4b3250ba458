# SPDX-License-Identifier: Apache-2.0
"""What is written down about requests: who sees it, and that it cannot be changed unseen.

Heads for the journal are those that the agent logged; systemd-journal-remote makes its files.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

import rig_users
from rig_agent import Agent
from rig_case import Case
from rig_document import targets
from rig_journal import Journald, heads, journal
from rig_policy import Policy
from rig_process import Process, answers_at
from rig_scratch import give_tree
from rig_varlink import Varlink, VarlinkError

ROLE = "targets/qa"


@pytest.fixture
def tell(new_client):
    """Runs a verb of audit as somebody: tell("show", user=...)."""
    def run(agent, verb, *options, user=None, status=0):
        client = new_client(agent, user, server=None)
        done = client.try_run("audit", verb, *options)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stderr if status else done.stdout

    return run


TESTER = rig_users.User(61010, gid=61010, groups=[61500])


@pytest.fixture(scope="module")
def made(made_token, registry, programs, sanitizer, scratch):
    """An agent that has signed four versions in two runs, and refused one; it is stopped."""
    rig_users.user(TESTER.uid)
    token = made_token.copy(scratch.directory("token"))
    policy = Policy(token, registry.host, sanitizer)
    policy["grants"]["tester"] = {"users": [TESTER.uid], "keys": ["qa"]}
    agent = Agent(programs, sanitizer, scratch.directory("agent"), policy)
    case = Case(agent.start(), f"{registry.host}/audit", token)
    try:
        case.sign(targets(version=1))
        case.sign(targets(version=2), user=TESTER)
        agent.stop()
        agent.start()
        case.denied("key-outside-scope", role="targets/developer")
        case.sign(targets(version=3), user=TESTER)
        case.sign(targets(version=4))
    finally:
        agent.stop()
    return case, policy, token, heads(agent)


@pytest.fixture
def signed(made, new_agent):
    """The same with an agent of its own, whose ledger is a copy; it is not started."""
    case, policy, token, _ = made
    agent = new_agent(policy)
    put_back(agent, case.agent.state)
    return Case(agent, case.gun, token)


@pytest.fixture
def known(made):
    """The heads that the agent has logged."""
    return made[3]


def put_back(agent, state):
    """Let a copy of another agent's ledger be this one's."""
    shutil.rmtree(agent.state)
    shutil.copytree(state, agent.state)
    give_tree(agent.state, rig_users.AGENT.uid)
    agent.state.chmod(0o700)


# Who sees what


def test_users_see_their_own_records_and_admins_all(signed, tell, stranger):
    agent, own, gun = signed.agent.start(), str(TESTER.uid), signed.gun
    lines = tell(agent, "show").splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert lines[1].split()[2:] == [own, "Sign", "released", gun, ROLE, "2"]
    assert lines[2].split()[3:6] == ["Sign", "refused", "key-outside-scope"]

    for user in (TESTER, None):
        shown = tell(agent, "show", "--user", own, user=user).splitlines()
        assert shown == [lines[1], lines[3]]
    assert tell(agent, "show", user=TESTER).splitlines() == [lines[1], lines[3]]
    assert "not-admin" in tell(agent, "show", "--user", "0", user=TESTER, status=3)
    assert "not-admin" in tell(agent, "verify", user=TESTER, status=3)
    assert "not-admin" in tell(agent, "export", user=TESTER, status=3)
    assert "not-granted" in tell(agent, "show", user=stranger, status=3)


def test_records_are_selected(signed, tell):
    agent, gun = signed.agent.start(), signed.gun

    def numbers(*options):
        return [int(line.split()[0]) for line in tell(agent, "show", *options).splitlines()]

    assert numbers("--outcome", "refused") == numbers("--reason", "key-outside-scope") == [3]
    assert numbers("--repository", gun, "--role", ROLE) == [1, 2, 4, 5]
    assert numbers("--repository", "elsewhere") == numbers("--until", "2001-01-01") == []
    assert numbers("--since", "1 h ago", "--until", "now") == [1, 2, 3, 4, 5]
    assert numbers("--since", "2999-01-01") == []
    assert numbers("-n", "2") == [4, 5]
    assert numbers("-n", "0") == []
    assert "is no time" in tell(agent, "show", "--since", "lately", status=1)


def test_a_record_is_shown_in_full(signed, tell):
    agent = signed.agent.start()
    text = tell(agent, "show", "-v", "-n", "1")
    assert f"document: {signed.gun} {ROLE} 4 " in text and "grants: releaser" in text
    (record,) = (json.loads(line) for line in tell(agent, "show", "--json", "-n", "1").splitlines())
    assert record["seq"] == 5 and record["body"]["peer"]["unit"] is None
    assert record["body"]["documents"][0]["version"] == 4


def test_a_record_says_what_a_document_changed(client, repository):
    text = client.run("audit", "show", "-v", "--repository", repository, "--role", "targets")
    assert f"        delegation {ROLE}: - to " in text


def test_new_records_are_followed(signed, new_client):
    agent = signed.agent.start()
    client = new_client(agent, server=None)
    popen = client.start("audit", "show", "-f", "-n", "1")
    try:
        assert popen.stdout.readline().startswith("5 ")
        signed.sign(targets(version=5))
        assert popen.stdout.readline().split()[-1] == "5"
        signed.denied("key-outside-scope", role="targets/developer")
        assert "key-outside-scope" in popen.stdout.readline()
    finally:
        popen.kill()
        client.finish(popen)


def test_nobody_is_shown_no_records(new_case, policy, scratch):
    """All whom the kernel cannot map have that uid, and may come through one door."""
    directory = scratch.directory("door")
    os.chown(directory, rig_users.AGENT.uid, rig_users.AGENT.gid)
    policy["sockets"] = {"ci": {"path": str(directory / "agent.sock"), "mode": "0666"}}
    policy["grants"]["ci"] = {"sockets": ["ci"], "keys": ["qa"]}
    case = new_case()
    for user, error in ((rig_users.user(65534), "not-admin"), (TESTER, None)):
        with user.acting():
            connection = Varlink(directory / "agent.sock")
        with connection:
            connection.call("Sign", documents=[case.request()])
            if error:
                with pytest.raises(VarlinkError, match=error):
                    connection.call("Audit")
            else:
                assert len(connection.call("Audit")["records"]) == 1


# What is verified, by whom


def test_an_export_is_verified_without_an_agent(signed, tell, new_client):
    agent = signed.agent.start()
    text = tell(agent, "export")
    agent.stop()
    *records, last = map(json.loads, text.splitlines())
    assert [record["seq"] for record in records] == [1, 2, 3, 4, 5]
    head = f"{last['head']['seq']}:{last['head']['hash']}"

    client = new_client(server=None)
    file = client.write("audit.jsonl", text)
    said = client.run("audit", "verify", "--file", file, "--head", head)
    assert "5 records follow one another" in said and f"head: {head}" in said
    assert client.json("audit", "verify", "--file", file, "--json")["head"]["seq"] == 5
    middle = f"{records[2]['seq']}:{records[2]['hash']}"
    assert "record 3 has that hash" in client.run("audit", "verify", "--file", file, "--head",
                                                  middle)

    def refused(changed, *options):
        return client.refused(4, "audit", "verify", "--file", client.write("changed", changed),
                              *options)

    lines = text.splitlines(keepends=True)
    assert "record 2 does not match its hash" in refused(text.replace('"version":2', '"version":9'))
    assert "after record 1 comes 3" in refused("".join(lines[:1] + lines[2:]))
    assert "after record 1 comes 3" in refused("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert "was cut off" in refused("".join(lines[:-1]))
    assert "its last record 4 has another number" in refused("".join(lines[:4] + lines[5:]))
    assert "another hash than that of --head" in refused(text, "--head", f"3:{'ab' * 32}")
    other = lines[-1].replace(last["head"]["ledger"], "ab" * 16)
    assert f"and the head is of ledger {'ab' * 16}" in refused("".join([*lines[:-1], other]))
    assert "record 9 is missing" in refused(text, "--head", f"9:{'ab' * 32}")


def test_heads_in_the_journal_are_compared(signed, known, tell, scratch):
    agent, directory = signed.agent.start(), scratch.directory("journal")
    assert [int(seq) for _, seq, _ in known] == [2, 5]
    file = journal(directory, known)
    said = tell(agent, "verify", "--journal", file)
    assert "journal: 2 heads agree, the newest for record 5" in said
    assert "journal: 2 heads agree" in tell(agent, "verify", "--journal", directory)

    forged = [(ledger, seq, "ab" * 32) for ledger, seq, _ in known]
    says = f"uid {rig_users.AGENT.uid} wrote into the journal, at 2023-11-14T22:13:20Z, the head " \
        "for record 2 with another hash"
    assert says in tell(agent, "verify", "--journal", journal(directory, forged), status=4)
    back = journal(directory, [*known, known[0]])
    assert "the ledger was set back" in tell(agent, "verify", "--journal", back, status=4)
    others = journal(directory, forged, uid=61099)
    assert "2 heads that other users wrote do not count" in tell(agent, "verify", "--journal",
                                                                 others)


@pytest.fixture
def journald(scratch):
    rig_users.user(TESTER.uid)
    try:
        journald = Journald(scratch.directory("journald"))
    except RuntimeError:
        pytest.skip("needs the right to mount")
    yield journald
    journald.stop()


def test_the_journal_of_the_machine_is_compared(signed, journald, programs, sanitizer):
    agent = signed.agent

    def run():
        process = Process(
            journald.logged(rig_users.AGENT, programs.agent, "--policy", agent.policy_file,
                            "--socket", agent.socket, "--state", agent.state),
            agent.directory / "log", sanitizer.environment())
        process.wait_until(lambda: answers_at(agent.socket))
        return process

    def verify():
        journald.publish()
        return subprocess.run(
            journald.command(rig_users.RELEASER, programs.client, "--socket", agent.socket, "audit",
                             "verify"),
            capture_output=True, text=True, cwd="/",
            env=sanitizer.environment(COUNTERSIGN_AGENT_USER=str(rig_users.AGENT.uid)))

    process = run()
    signed.sign(targets(version=5))
    assert process.stop() == 0
    process = run()
    done = verify()
    assert process.stop() == 0
    assert "heads agree, the newest for record 6, of 20" in done.stdout, done.stdout + done.stderr

    agent.ledger.execute("DELETE FROM record WHERE seq = 6")
    hash_anew(agent.ledger)
    process = run()
    done = verify()
    assert process.stop() == 0
    assert done.returncode == 4 and "but the ledger ends with record 5" in done.stderr, done.stderr


# What somebody changes who can write to the ledger's file

START = "does not start"
TAMPERED = {
    "a body": ("record 2 does not match its hash", "UPDATE record SET body = replace(body, "
               "'\"version\":2', '\"version\":7') WHERE seq = 2"),
    "a time": ("record 3 does not match its hash",
               "UPDATE record SET at_us = at_us + 1 WHERE seq = 3"),
    "a hash": ("record 2 does not match its hash",
               "UPDATE record SET hash = zeroblob(32) WHERE seq = 2"),
    "one is removed": ("after record 1 comes 3", "DELETE FROM record WHERE seq = 2"),
    "the first is removed": ("after record 0 comes 2", "DELETE FROM record WHERE seq = 1"),
    "two change places": ("record 2 does not match its hash",
                          "UPDATE record SET seq = -seq WHERE seq IN (2, 3)",
                          "UPDATE record SET seq = 5 + seq WHERE seq < 0"),
    "one is put in": (START, "UPDATE record SET seq = -seq WHERE seq > 2",
                      "UPDATE record SET seq = 1 - seq WHERE seq < 0",
                      "INSERT INTO record SELECT 3, at_us, hash, body FROM record WHERE seq = 2",
                      "UPDATE ledger SET seq = seq + 1"),
    "no text": ("record 2 is no text",
                "UPDATE record SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 2"),
    "the newest": (START, "UPDATE record SET body = body || ' ' WHERE seq = 5"),
    "the last is cut off": (START, "DELETE FROM record WHERE seq = 5"),
    "the head": (START, "UPDATE ledger SET hash = zeroblob(32)"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_ledger_that_was_changed_is_found_out(signed, tell, what):
    says, *statements = TAMPERED[what]
    agent = signed.agent
    for statement in statements:
        agent.ledger.execute(statement)
    if says == START:
        assert "the ledger was changed: " in agent.fails_to_start()
        return
    agent.start()
    status = 5 if "no text" in says else 4
    assert says in tell(agent, "verify", status=status)
    if what == "a body":
        assert says in tell(agent, "export", status=status)


def hash_anew(ledger):
    """What somebody does who knows how: all hashes, and the head."""
    hash_ = bytes(32)
    for seq, at_us, body in ledger.rows("SELECT seq, at_us, body FROM record ORDER BY seq"):
        numbers = seq.to_bytes(8, "big") + at_us.to_bytes(8, "big")
        hash_ = hashlib.sha256(hash_ + numbers + body.encode()).digest()
        ledger.execute(f"UPDATE record SET hash = x'{hash_.hex()}' WHERE seq = {seq}")
    ledger.execute(f"UPDATE ledger SET seq = {seq}, hash = x'{hash_.hex()}'")


@pytest.mark.parametrize("statement,says", [
    ("UPDATE record SET body = replace(body, 'released', 'refused') WHERE seq = 1",
     "for record 2 with another hash"),
    ("DELETE FROM record WHERE seq > 3", "but the ledger ends with record 3"),
], ids=["changed", "cut off"])
def test_only_the_journal_knows_of_a_ledger_that_was_made_anew(signed, known, tell, scratch,
                                                               statement, says):
    agent = signed.agent
    file = journal(scratch.directory("journal"), known)
    agent.ledger.execute(statement)
    hash_anew(agent.ledger)
    agent.start()
    assert "follow one another" in tell(agent, "verify")
    assert says in tell(agent, "verify", "--journal", file, status=4)


def test_only_the_journal_knows_of_an_old_copy(signed, made, tell, scratch):
    agent = signed.agent.start()
    signed.sign(targets(version=5))
    agent.stop()
    file = journal(scratch.directory("journal"), heads(agent))
    put_back(agent, made[0].agent.state)
    agent.start()
    assert "5 records follow one another" in tell(agent, "verify")
    assert "but the ledger ends with record 5" in tell(agent, "verify", "--journal", file, status=4)
    signed.sign(targets(version=6))
    assert "for record 6 with another hash" in tell(agent, "verify", "--journal", file, status=4)


# Many records

MANY = 3000


def test_many_records_are_verified_and_found_while_others_sign(
        new_agent, policy, gun, token, programs, build, sanitizer, tell, new_client):
    agent = new_agent(policy)
    subprocess.run([programs.take(build / "tests" / "manyrecords"), agent.state, str(MANY)],
                   check=True, env=sanitizer.environment(), cwd="/", timeout=300,
                   **rig_users.AGENT.popen())
    case = Case(agent.start(), gun, token)
    client = new_client(agent, server=None)
    reading = client.start("audit", "verify")
    version = 0
    while reading.poll() is None:
        version += 1
        case.sign(targets(version=version))
    assert version > 0
    # What is newer than its call is not part of it.
    read = int(re.search(r": (\d+) records follow", client.finish(reading).stdout).group(1))
    assert MANY <= read <= MANY + version
    shown = tell(agent, "show", "--json", "--repository", gun).splitlines()
    assert len(shown) == version
    assert json.loads(shown[-1])["seq"] == MANY + version
    assert len(tell(agent, "show", "--user", "20003", "-n", "5").splitlines()) == 5
