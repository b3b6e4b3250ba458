# SPDX-License-Identifier: Apache-2.0
"""Scripts that teams wrote for notary, run with our program instead."""
import re
import subprocess

import pytest

import rig_users
from rig_notary_server import NotaryServer
from rig_process import environment
from rig_publisher import new_private_key, private_pem, public_pem
from rig_scratch import write
from rig_tree import text
from tokenserver import Authority, TokenServer

NOTHING = "nothing is ever staged for"


@pytest.mark.parametrize("line", [
    "publish {gun}", "status {gun}", "reset {gun} --all", "reset {gun} -n 0 -n 1",
    "reset --number 0,1 {gun}"])
def test_verbs_for_what_is_staged_say_that_nothing_is(client, repository, line):
    done = client.try_run(*line.format(gun=repository).split())
    assert (done.returncode, NOTHING in done.stderr, done.stderr.count("\n")) == (0, True, 1)
    assert done.stdout == \
        (f"No unpublished changes for {repository}\n" if line.startswith("status") else "")


def test_what_is_staged_needs_no_agent(new_client, gun):
    """And no repository: scripts clean up before they make it."""
    client = new_client()
    assert NOTHING in client.refused(0, "reset", gun, "--all")
    assert NOTHING in client.refused(0, "status", gun)


@pytest.mark.parametrize("line,says", [
    ("publish {gun}", "has no repository '{gun}'; 'countersign init' makes it"),
    ("publish {gun}:v1", "names one image, want the repository"),
    ("status {gun}:v1", "names one image, want the repository"),
    ("status {gun} --json", "--json and --metrics are for the agent's status"),
    ("reset {gun}@sha256:" + 64 * "0", "names one image, want the repository"),
    ("reset --all /", "'/': ")])
def test_a_wrong_repository_is_an_error_all_the_same(client, gun, line, says):
    assert says.format(gun=gun) in client.refused(1, *line.format(gun=gun).split())


def test_options_are_spelled_as_notary_spells_them(client, repository):
    done = client.try_run("-D", "--trustDir", client.home / "trust", "--configFile", "absent.json",
                          "list", repository, "--roles", "targets/qa,targets/devops")
    assert done.returncode == 0
    assert "--config is not read" in done.stderr and "GET https://" in done.stderr
    assert (client.home / "trust" / "tuf" / repository / "metadata" / "root.json").exists()
    assert "No targets" in done.stdout


# As teams have it. qa.pem is the public key of whoever signs, here of the agent and there of qa.key.
SCRIPT = """
export NOTARY_AUTH=$(echo "alice:open:sesame" | base64)
n() { notary -s "$SERVER" --tlscacert "$CA" -d "$TRUST" "$@"; }
n reset --all $GUN
n init -p $GUN
n key rotate $GUN snapshot -r
n delegation add -p $GUN targets/qa --all-paths qa.pem
n key import qa.key --role delegation
n addhash $GUN v1 100 --sha256 $ONE --roles targets/qa
n addhash $GUN v2 200 --sha256 $TWO -r targets/qa
n status $GUN
n publish $GUN
n list $GUN -r targets/qa
n lookup $GUN v1
n witness -p $GUN targets/qa
n remove $GUN v1 -r targets/qa -p
n delegation list $GUN
n key rotate $GUN targets
n list $GUN
n delegation remove -p $GUN targets/qa --yes
n list $GUN
n delete $GUN --remote
"""
# All that had to change; the manual says why.
CHANGES = {
    "notary -s": "countersign -s",
    "n init -p $GUN": "n init -p $GUN --targets-key agent:targets",
    "n key import qa.key --role delegation\n": "",
    "n delete $GUN --remote": "n delete $GUN --remote --yes",
}


@pytest.fixture(scope="session")
def authority(scratch):
    return Authority(scratch.directory("authority"))


@pytest.fixture
def old_world(scratch, authority):
    """A trust server that asks who is there."""
    who = {"alice": "open:sesame"}, {"alice": ["pull", "push", "*"]}, {}
    with TokenServer(authority, *who) as tokens:
        server = NotaryServer(scratch, tokens.notary_auth())
        yield server
        server.stop()


def tables(shown):
    """Rows of what lists and lookups show; keys may differ."""
    keys = re.compile(r"\b(?!1{64}|2{64})[0-9a-f]{64}\b")
    return [keys.sub("KEY", line) for line in shown.splitlines()
            if line.startswith("No targets") or
            line.split()[:1] in (["v1"], ["v2"], ["targets/qa"])]


def run(script, server, directory, who, **variables):
    """What a script writes to standard output; it must succeed."""
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=directory, timeout=120, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, **who.popen(), env={
            **variables, "SERVER": server.url, "TRUST": f"{directory}/trust", "CA": "ca.pem",
            "ONE": 64 * "1", "TWO": 64 * "2"})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_an_old_script_needs_few_changes(
        old_world, authority, notary, new_client, new_agent, policy, token, gun, programs):
    key = new_private_key()
    write(notary.directory / "qa.key", private_pem(key), mode=0o600)
    write(notary.directory / "qa.pem", public_pem(key))
    ca = old_world.tls.certificate.read_text() + authority.certificate_file.read_text()
    write(notary.directory / "ca.pem", ca)
    theirs = run(SCRIPT, old_world, notary.directory, rig_users.own(), GUN=f"{gun}/theirs",
                 **notary.environment)

    script = SCRIPT
    for old, new in CHANGES.items():
        assert script.count(old) == 1
        script = script.replace(old, new)
    token.generate("targets2")
    policy["keys"]["targets2"] = policy["keys"]["targets"] | {"uri": "pkcs11:object=targets2"}
    policy["grants"]["releaser"]["keys"] += ["targets2"]
    client = new_client(new_agent(policy).start(), server=old_world)
    client.write("qa.pem", token.public_key("qa"))
    client.write("ca.pem", ca)
    ours = run(script, old_world, client.home, client.user, GUN=f"{gun}/ours", **(
        client.environment | {"PATH": f"{programs.directory}:{client.environment['PATH']}"}))
    assert tables(ours) == tables(theirs)
    assert len(tables(ours)) == 6


def section():
    """What the manual says of scripts, in its source."""
    return text("client/countersign.1").split(".Sh FROM NOTARY AND DOCKER TRUST")[1].split(
        "\n.Sh ")[0]


def titles():
    """The verbs of notary that the manual speaks of: {words}."""
    found = set()
    for title in re.findall(r"^\.It Ql notary (.*)$", section(), re.MULTILINE):
        first, *others = title.split(" , ")
        *above, _ = first.split()
        found |= {tuple(first.split()), *((*above, other) for other in others)}
    return found


def helps(*verb):
    """Of a verb of notary and all below it: {words: options}."""
    shown = subprocess.run(["/usr/bin/notary", *verb, "--help"], check=True, capture_output=True,
                           text=True, env=environment(HOME="/nonexistent")).stdout
    below = re.findall(r"^  (\w+) ", shown.partition("Available Commands:")[2].partition(
        "\n\n")[0], re.MULTILINE)
    found = {} if below else {verb: set(re.findall(r"--(\w[\w-]*)", shown))}
    for word in below:
        # Shells are the verbs of "completion".
        found |= helps(*verb, word) if word != "completion" else {(word,): set()}
    return found


def test_the_manual_has_all_verbs_and_options_of_notary():
    verbs = helps()
    assert len(verbs) > 20 and set(verbs) == titles()
    options = set().union(*verbs.values()) - {"help", "quiet"}
    page = re.sub(r"\bFl -", "--", section())
    assert not [option for option in options if f"--{option}" not in page]


def test_the_manual_has_what_the_script_had_to_change():
    """Each new word stands where the manual tells of the verb."""
    page = re.sub(r"\bFl -", "--", section())
    for verb, word in (("init", "--targets-key"), ("delete", "--yes"),
                       ("key list , generate , import", "Are about keys of the agent")):
        assert word in page.split(f".It Ql notary {verb}\n")[1].split("\n.It ")[0]
