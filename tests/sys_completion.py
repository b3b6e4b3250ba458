# SPDX-License-Identifier: Apache-2.0
"""What shells offer for a word that is being typed: bash, zsh and fish for real; of PowerShell, which
Debian has not, the questions that it asks."""
import os
import pty
import re
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest

from rig_client import Client
from rig_policy import ROLES
from rig_process import environment

SCRIPTS = Path(__file__).parent.parent / "contrib" / "completions"
BASH, FISH = SCRIPTS / "countersign.bash", SCRIPTS / "countersign.fish"
# Somebody waits; the program itself allows 0.3 s for each of two steps.
SECONDS = 0.6
SLACK = 10


@pytest.fixture(scope="module")
def user(programs, sanitizer, scratch):
    """Without an agent."""
    user = Client(programs, sanitizer, scratch.directory("home"), None)
    user.environment["COUNTERSIGN_SOCKET"] = f"{user.home}/nobody.sock"
    for name in ("layout", "other"):
        (user.home / name).mkdir()
    user.write("ca.pem", "")
    return user


def asks(user, *words):
    """The question of all shells; candidates with what they are, and the number."""
    *lines, last = user.run("__complete", *words).splitlines()
    assert re.fullmatch(r":\d+", last)
    return dict((line.split("\t", 1) + [""])[:2] for line in lines), int(last[1:])


def offers(user, *words):
    return list(asks(user, *words)[0])


def test_verbs_are_those_of_the_table(user):
    said = user.run("--help")
    verbs = re.findall(r"^  ([a-z][a-z-]+(?: [a-z][a-z-]+)?) ", said, re.MULTILINE)
    assert len(verbs) > 30
    assert sorted(offers(user, "")) == sorted({verb.split()[0] for verb in verbs})
    for first in {verb.split()[0] for verb in verbs if " " in verb}:
        assert [f"{first} {second}" for second in offers(user, first, "")] == \
            [verb for verb in verbs if verb.startswith(f"{first} ")]
    for verb in verbs[::8]:
        first, *second = verb.split()
        options = set(re.findall(r"--[a-z][a-z0-9-]+(?= )", user.run(first, *second, "--help")))
        assert set(offers(user, first, *second, "--")) <= options
    assert offers(user, "-q", "explain", "s") == ["sign"]
    assert asks(user, "del")[0]["delegation"].startswith("add, ")
    assert asks(user, "no-such-verb", "") == ({}, 4)


def test_values_are_those_of_the_table(user):
    for verb, option in (("key generate", "--type"), ("audit show", "--outcome"),
                         ("push", "--from"), ("key load", "--passphrase")):
        values, text = offers(user, *verb.split(), option, ""), user.run(*verb.split(), "--help")
        assert len(values) > 1
        for value in values:
            assert value in text
    assert offers(user, "key", "generate", "--type=rsa-") == ["rsa-2048", "rsa-3072", "rsa-4096"]
    assert asks(user, "push", "--from", "oci-") == ({"oci-archive:": ""}, 2 + 4)
    assert asks(user, "push", "--from", "oci:lay") == ({"oci:layout/": ""}, 2 + 4)
    assert asks(user, "push", "--from", f"oci-archive:{user.home}/c") == \
        ({f"oci-archive:{user.home}/ca.pem": ""}, 2 + 4)
    assert asks(user, "push", "--from", "registry:lay") == ({}, 4)
    assert offers(user, "supersede", "gun", "r") == ["root"]


def test_a_name_that_a_shell_would_act_on_is_not_offered(user):
    """A directory of others, unpacked or checked out: bash puts what is offered into the line."""
    directory = user.home / "unpacked"
    directory.mkdir()
    for name in ("$(id)", "`id`", "a;id", "a b", "a\nb", "a'b", "a&b", "~", "a\\b", "good_1.2+x", "größe"):
        (directory / name).mkdir()
    assert set(offers(user, "push", "--from", "oci:unpacked/")) == \
        {"oci:unpacked/good_1.2+x/", "oci:unpacked/größe/"}
    (directory / "a b" / "mine").mkdir()
    assert offers(user, "push", "--from", "oci:unpacked/a b/") == ["oci:unpacked/a b/mine/"]


def test_files_are_the_shell_s(user):
    for words, number in (
            (("list", "--tlscacert", ""), 0), (("list", "--tlscacert=c"), 0),
            (("list", "-d", ""), 16), (("-qd", ""), 16), (("list", "-dx", ""), 4),
            (("list", "--server", ""), 4), (("key", "load", "a", "b"), 0), (("list", ""), 4),
            (("list", "gun", ""), 4), (("list", "--", "--tlscacert"), 4),
            (("delegation", "add", "gun", "targets/qa", "one.pem", ""), 0),
            (("delegation", "add", "gun", ""), 4), (("status", "--json", ""), 4)):
        assert asks(user, *words)[1] & ~2 == number, words


def test_a_plugin_answers_as_well(user):
    for link in ("countersign", "trust"):
        (user.home / f"docker-{link}").symlink_to(user.programs.client)
    program, user.command = user.command, [user.home / "docker-countersign"]
    assert offers(user, "countersign", "key", "gen") == ["generate"]
    assert offers(user, "-D", "--host", "unix:///x", "countersign", "lis") == ["list"]
    user.command = [user.home / "docker-trust"]
    assert offers(user, "trust", "signer", "ad") == ["add"]
    assert "--local" in offers(user, "trust", "sign", "-")
    assert user.run("__completeNoDesc", "trust", "sig") == "sign\nsigner\n:4\n"
    user.command = program


def test_names_come_from_the_agent(client, agent):
    assert offers(client, "delegation", "add", "gun", "role", "agent:d") == \
        ["agent:developer", "agent:devops"]
    assert sorted(offers(client, "init", "gun", "--root-key=")) == \
        sorted(f"agent:{name}" for name in ROLES)
    assert offers(client, "key", "certificate", "q") == ["qa"]
    assert offers(client, "unlock", "") == ["hsm"]
    assert asks(client, "approve", "") == ({}, 4)
    agent.stop()
    assert asks(client, "unlock", "") == ({}, 4)


def test_an_agent_that_keeps_silent_holds_up_nobody(user):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{user.home}/silent.sock")
        os.chmod(f"{user.home}/silent.sock", 0o777)
        silent.listen()
        began = time.monotonic()
        assert asks(user, "unlock", "--socket", f"{user.home}/silent.sock", "") == ({}, 4)
        assert time.monotonic() - began < SLACK * SECONDS


def in_bash(user, *words):
    """What bash offers for the last word, as bash cuts the line."""
    script = """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _countersign
printf '%s\\n' "${COMPREPLY[@]}" """
    done = subprocess.run(
        ["/bin/bash", "-c", script, "-", BASH, user.programs.client, *words], cwd=user.home,
        env=user.environment, check=True, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout.split()


def test_bash(user):
    assert in_bash(user, "del", "") == [] and in_bash(user, "delegat") == ["delegation"]
    assert in_bash(user, "inspect", "--p")[0] == "--pretty"
    assert in_bash(user, "list", "--tlscacert", "c") == ["ca.pem"]
    assert in_bash(user, "list", "--tlscacert", "=", "c") == ["ca.pem"]
    assert set(in_bash(user, "list", "-d", "")) >= {"layout", "other"}
    assert in_bash(user, "push", "--from", "oci-") == ["oci-archive:"]
    assert in_bash(user, "push", "--from", "oci", ":", "la") == ["layout/"]
    assert set(in_bash(user, "push", "--from", "=", "oci", ":")) >= {"layout/", "other/"}
    assert in_bash(user, "key", "generate", "--type", "=", "ed") == ["ed25519"]
    assert in_bash(user, "delegation", "add", "gun", "targets/qa", "ca") == ["ca.pem"]


def test_fish(user):
    def in_fish(line):
        done = subprocess.run(
            ["/usr/bin/fish", "--no-config", "-c", f"source {FISH}; complete -C '{line}'"],
            cwd=user.home, check=True, capture_output=True, text=True, timeout=60, env={
                **user.environment, "PATH": f"{user.programs.client.parent}:/usr/bin:/bin"})
        assert not done.stderr
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    assert in_fish("countersign deleg") == ["delegation"]
    assert in_fish("countersign inspect --pre") == ["--pretty"]
    assert in_fish("countersign list --tlscacert c") == ["ca.pem"]
    assert in_fish("countersign push --from oci:la") == ["oci:layout/"]
    assert in_fish("countersign key generate --type=ed") == ["--type=ed25519"]
    assert set(in_fish("countersign list -d ")) >= {"layout/", "other/"}


def test_zsh(user, scratch):
    """At a terminal, as zsh completes nowhere else."""
    home = scratch.directory("zsh")
    (home / ".zshrc").write_text(
        f"fpath=({SCRIPTS} $fpath)\nautoload -Uz compinit\ncompinit -D -u\n"
        "unset zle_bracketed_paste\nPROMPT='READY> '\n", encoding="utf-8")
    ours, theirs = pty.openpty()
    said, deadline = "", time.monotonic() + 30
    zsh = subprocess.Popen(
        ["setsid", "--ctty", "/usr/bin/zsh", "-i"], stdin=theirs, stdout=theirs, stderr=theirs,
        cwd=user.home, env={**environment(HOME=str(home), ZDOTDIR=str(home), TERM="dumb"),
                            "COUNTERSIGN_SOCKET": user.environment["COUNTERSIGN_SOCKET"],
                            "PATH": f"{user.programs.client.parent}:/usr/bin:/bin"})
    os.close(theirs)
    try:
        for typed, becomes in (
                (None, "READY> "), ("deleg\t", "countersign delegation "),
                ("inspect --pre\t", "inspect --pretty "),
                ("list --tlscacert c\t", "--tlscacert ca.pem "),
                ("push --from oci:la\t", "oci:layout/"),
                ("key generate --type=ed\t", "--type=ed25519 "),
                ("delegation ad\t", "delegation add "), ("key \t", "import +-- bring a key file")):
            if typed:
                os.write(ours, b"\x15" + f"countersign {typed}".encode())
            while not re.search(becomes, said):
                assert select.select([ours], [], [], deadline - time.monotonic())[0], said
                said += os.read(ours, 4096).decode(errors="replace")
            said = ""
    finally:
        zsh.kill()
        zsh.wait()
        os.close(ours)


def test_powershell_asks_as_it_can(user):
    """Its script hands over each word by itself, and the last one as it stands."""
    script = (SCRIPTS / "countersign.ps1").read_text(encoding="utf-8")
    assert '__complete @typed "$word"' in script
    assert offers(user, "key", "generate", "--type=ed") == ["ed25519"]
