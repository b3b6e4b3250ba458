# SPDX-License-Identifier: Apache-2.0
"""Files as targets: added, looked up and compared, with notary as the peer on either side."""
import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from rig_delegate import Delegate


@pytest.fixture
def lookups(new_notary, new_client):
    """What a fresh notary and a fresh client say of a target, which must be the same."""
    def look(gun, target):
        by_notary = new_notary().run("lookup", gun, target)
        assert new_client().run("lookup", gun, target) == by_notary
        return by_notary
    return look


def piped(client, text, *args):
    """Run it with that on its standard input."""
    done = subprocess.run([client.programs.client, *args], cwd=client.home, env=client.environment,
                          input=text, capture_output=True, text=True, timeout=60,
                          check=False, **client.user.popen())
    client.sanitizer.check(done.stderr)
    return done


def is_open(pid, path):
    """Whether the process has that file open."""
    try:
        return str(path) in {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    except FileNotFoundError:  # it has just closed another one
        return False


def test_a_file_is_signed_as_notary_signs_it(client, gun, lookups, notary, notary_server):
    """With its sha256 and its sha512, and with custom data that notary can sign again."""
    client.run("init", gun)
    qa = Delegate(notary, "qa")
    client.run("delegation", "add", gun, "targets/qa", client.write("qa.pem", qa.public.read_text()),
               "agent:qa")
    file = client.write("app.tar", "the application\n")
    custom = client.write("custom.json", ' {"team": "web", "n": [2, 1], "\u00e9": null} ')
    in_role = ("-r", "targets/qa")
    client.run("add", gun, "app.tar", file, "--custom", custom, *in_role)
    client.run("addhash", gun, "by hand", "7", "--sha256", "00" * 32, "--custom", custom, *in_role)
    assert piped(client, "from a pipe", "add", gun, "piped", "-", *in_role).returncode == 0
    notary.run("addhash", "-p", gun, "theirs", "9", "--sha256", "11" * 32, *in_role)

    document = notary_server.document(gun, "targets/qa")["signed"]
    assert set(document["targets"]) == {"app.tar", "by hand", "piped", "theirs"}
    assert document["version"] == 4
    for name in ("app.tar", "by hand"):
        assert document["targets"][name]["custom"] == {"n": [2, 1], "team": "web", "\u00e9": None}
    digest = hashlib.sha256(b"the application\n").hexdigest()
    assert lookups(gun, "app.tar") == f"app.tar sha256:{digest} 16\n"
    assert lookups(gun, "by hand") == f"by hand sha256:{'00' * 32} 7\n"
    assert lookups(gun, "piped").endswith(" 11\n")
    assert client.json("lookup", gun, "app.tar", "--json") == {
        "name": "app.tar", "sha256": digest, "size": 16, "role": "targets/qa",
        "sha512": hashlib.sha512(b"the application\n").hexdigest(),
        "custom": {"n": [2, 1], "team": "web", "\u00e9": None}}
    # They are equal to what notary itself makes of the file.
    ours = document["targets"]["app.tar"]
    notary.run("add", "-p", gun, "app.tar", file, *in_role)
    theirs = notary_server.document(gun, "targets/qa")["signed"]["targets"]["app.tar"]
    assert theirs == {name: ours[name] for name in ("hashes", "length")}


def test_nothing_is_looked_up_that_is_not_signed(client, gun, lookups):
    assert "not signed" in client.refused(4, "lookup", gun, "v1")
    client.run("init", gun)
    error = client.refused(4, "lookup", gun, "v1")
    assert "has no target 'v1'" in error
    client.run("delegation", "add", gun, "targets/qa", "agent:qa", "--paths", "v")
    client.run("addhash", gun, "v1", "5", "--sha256", "11" * 32, "-r", "targets/qa")
    assert "exclude 'w1', so nobody would see it" in client.refused(
        3, "addhash", gun, "w1", "5", "--sha256", "11" * 32, "-r", "targets/qa")
    assert lookups(gun, "v1") == f"v1 sha256:{'11' * 32} 5\n"
    assert client.run("lookup", gun, "v1", "-r", "targets/qa")
    client.run("addhash", gun, "v1", "6", "--sha256", "22" * 32)
    # Who is above wins.
    assert lookups(gun, "v1") == f"v1 sha256:{'22' * 32} 6\n"
    assert client.json("lookup", gun, "v1", "-r", "targets/qa", "--json")["size"] == 5
    assert "has no target 'w1' in the roles" in client.refused(4, "lookup", gun, "w1", "-r",
                                                               "targets/qa")


def test_a_file_is_compared_with_the_target(client, gun):
    client.run("init", gun)
    file = client.write("app.tar", "the application\n")
    client.run("add", gun, "app.tar", file)
    assert client.run("lookup", gun, "app.tar", "--check", file).startswith("app.tar sha256:")
    assert piped(client, "the application\n", "lookup", gun, "app.tar", "--check",
                 "-").returncode == 0
    other = client.write("other.tar", "another\n")
    error = client.refused(4, "lookup", gun, "app.tar", "--check", other)
    assert f"'{other}' is not the target 'app.tar' that targets signed: size is 8, want 16" in error
    assert hashlib.sha256(b"another\n").hexdigest() in error
    done = piped(client, "the applicatioN\n", "lookup", gun, "app.tar", "--check", "-")
    assert done.returncode == 4 and not done.stdout
    assert "'standard input' is not the target" in done.stderr and "size" not in done.stderr
    assert "no such file" in client.refused(1, "lookup", gun, "app.tar", "--check", "nowhere")


def test_custom_data_that_readers_break_on_is_refused(new_client):
    client = new_client()
    for content, because in (
            ('{"a": "<b>"}', "on which notary and docker break"), ("null", "would be dropped"),
            ('{"a": 1.5}', "fraction"), ('{"a":1,"a":2}', "twice"), ("{", "custom data"),
            (json.dumps("x" * 70000), "65536")):
        file = client.write("custom.json", content)
        for verb in (("add", "example.com/x", "t", file),
                     ("addhash", "example.com/x", "t", "1", "--sha256", "00" * 32)):
            error = client.refused(1, *verb, "--custom", file)
            assert because in error and "custom.json" in error


def test_what_is_no_file_is_not_signed(new_client):
    client = new_client()
    assert "is a directory" in client.refused(1, "add", "example.com/x", "t", client.home)
    assert "no such file" in client.refused(1, "add", "example.com/x", "t", "nowhere")
    assert "no such file" in client.refused(1, "add", "example.com/x", "t", client.write("f", "f"),
                                            "--custom", "nowhere")


def stopped_at(client, file):
    """An "add" of the file that stands still while it reads it."""
    while True:
        adding = client.start("add", "example.com/x", "t", file)
        while adding.poll() is None and not is_open(adding.pid, file):
            pass
        if adding.poll() is None:
            os.kill(adding.pid, signal.SIGSTOP)
            if is_open(adding.pid, file):
                return adding
            os.kill(adding.pid, signal.SIGCONT)
        client.finish(adding)  # it was through before we saw it


def test_a_file_that_is_written_to_meanwhile_is_not_signed(new_client):
    """What was read is no state that it was ever in."""
    client = new_client()
    file = client.write("large", "x")
    os.truncate(file, 32 * 1024 * 1024)
    for _ in range(3):  # it may stand still between its last look and the end
        adding = stopped_at(client, file)
        with file.open("ab") as more:
            more.write(b"more")
        os.kill(adding.pid, signal.SIGCONT)
        done = client.finish(adding)
        if "was written to while it was read" in done.stderr:
            break
    assert done.returncode == 1 and "try again when it is finished" in done.stderr, done
