# SPDX-License-Identifier: Apache-2.0
"""Pinning files: of Mirantis Container Runtime or our own, for every verb that opens a repository."""
import json

import pytest

from rig_gate import ids, judged, own_file
from rig_notary import Notary

WRONG = "0" * 64


@pytest.fixture(scope="module")
def gun(scratch, notary_server):
    """A repository by notary, with capitals, which notary cannot pin; nobody asks its registry."""
    name = "Registry.Example.com/pins/web"
    notary = Notary(scratch.directory("notary"), notary_server)
    notary.run("init", name, "-p")
    notary.run("addhash", name, "v1", "1", "--sha256", "1" * 64, "-p")
    return name


@pytest.fixture
def reader(new_client):
    return new_client()


@pytest.fixture
def root(reader, gun):
    """The IDs of its key and its certificate."""
    return ids(reader, gun)


@pytest.fixture
def newcomer(new_client):
    """Somebody who has seen nothing yet, with a pinning file: newcomer(pins, name)."""
    def make(pins, name="verify.json", **more):
        client = new_client()
        client.environment["COUNTERSIGN_PINNING"] = client.write(name, own_file(pins, **more))
        return client
    return make


def test_root_id_prints_what_a_pinning_file_needs(reader, gun, root, new_client):
    answer = json.loads(reader.run("root-id", "--json", gun))[0]
    texts = [json.dumps(answer["daemon.json"]), json.dumps(answer["daemon.json-cert-ids"])]
    said = reader.run("root-id", gun)
    assert root[0] in said and root[1] in said
    plain = [part[:part.rindex("}") + 1] for part in said.split(":\n")[1:]]
    assert [json.loads(text) for text in plain] == [json.loads(text) for text in texts]
    for text in texts + plain:
        for name in ("daemon.json", "verify.json"):
            client = new_client()
            args = ("--pinning", client.write(name, text), "--no-tofu")
            done = client.try_run("verify", f"{gun}:v1", *args)
            assert done.returncode == 0, done.stderr
            assert "for the first time" not in done.stderr


# What is in the file, what it pins of a repository that nobody has seen yet, and whether notary,
# told the same, takes it. Notary pins certificates only, and reads its own names in small letters.
def table(gun, key, certificate):
    host, small = gun.split("/")[0], gun.lower()
    return (
        ("the key", {"root-keys": {gun: [key]}}, True),
        ("one of several keys", {"root-keys": {gun: [WRONG, key]}}, True),
        ("another key", {"root-keys": {gun: [WRONG]}}, False),
        ("the certificate's ID is none of a key", {"root-keys": {gun: [certificate]}}, False),
        ("all of the host", {"root-keys": {f"{host}/*": [key]}}, True),
        ("everything", {"root-keys": {"*": [key]}}, True),
        ("a longer name, which is wrong", {"root-keys": {"*": [key], f"{host}/*": [WRONG]}}, False),
        ("a longer name, which is right", {"root-keys": {"*": [WRONG], f"{host}/*": [key]}}, True),
        ("small letters are another name", {"root-keys": {small: [key]}}, None),
        ("and the wrong key there does not matter", {"root-keys": {small: [WRONG], "*": [key]}},
         True),
        ("capitals do", {"root-keys": {gun: [WRONG], "*": [key]}}, False),
        ("the certificate", {"cert-ids": {gun: [certificate]}}, True),
        ("another certificate", {"cert-ids": {gun: [WRONG]}}, False),
        ("a certificate goes before keys", {"cert-ids": {gun: [WRONG]}, "root-keys": {"*": [key]}},
         False),
        ("also where the keys are wrong",
         {"cert-ids": {gun: [certificate]}, "root-keys": {"*": [WRONG]}}, True),
        ("the key's ID is none of a certificate", {"cert-ids": {gun: [key]}}, False),
        ("another repository", {"root-keys": {f"{gun}s": [key]}}, None),
        ("official images", {"official-library-images": True}, None),
    )


def test_pins_exactly_what_the_file_says(newcomer, gun, root):
    for i, (says, pins, want) in enumerate(table(gun, *root)):
        status = 0 if want else 4
        answer = judged(newcomer(pins), f"{gun}:v1", status=status)
        assert answer["reason"] == (None if want else "untrusted-root"), says
        if want is None:
            assert "pins no root of it" in answer["message"], says
        # The engine's own file, in which other things stand as well.
        if i % 6 == 0:
            mixed = json.dumps({"debug": True, **json.loads(own_file(pins))})
            client = newcomer(pins)
            judged(client, f"{gun}:v1", "--pinning", client.write("daemon.json", mixed),
                   status=status)


def test_other_verbs_take_what_the_file_does_not_name_on_first_use(newcomer, gun):
    for mode in ("disabled", "enforced"):
        client = newcomer({"root-keys": {f"{gun}s": [WRONG]}}, mode=mode)
        assert "for the first time" in client.try_run("list", gun).stderr
        client.refused(4, "list", f"{gun}s")
    # Where nothing is enforced, the file is not complete either.
    assert judged(newcomer({"root-keys": {f"{gun}s": [WRONG]}}, mode="disabled"), f"{gun}:v1",
                  status=0)


def notary_takes(scratch, server, gun, certs):
    """Whether notary, told to pin these certificates, lists a repository that it has never seen."""
    notary = Notary(scratch.directory("notary"), server)
    config = notary.directory / "config.json"
    config.write_text(json.dumps({"trust_pinning": {"certs": certs}}))
    return notary.try_run("-c", config, "list", gun).returncode == 0


def test_notary_agrees_but_for_capitals(scratch, notary_server, new_client, newcomer, registry, gun):
    small = f"{registry.host}/pins/small"
    Notary(scratch.directory("notary"), notary_server).run("init", small, "-p")
    for name in (small, gun):
        _, certificate = ids(new_client(), name)
        for listed, want in ((certificate, True), (WRONG, False)):
            theirs = notary_takes(scratch, notary_server, name, {name: [listed]})
            done = newcomer({"cert-ids": {name: [listed]}}).try_run("list", name)
            assert (done.returncode == 0) == want
            # Notary reads the name in small letters, finds no pin, and trusts anything.
            assert theirs == (True if name == gun else want)


def test_a_pin_goes_before_what_was_seen_which_notary_forgets(
        scratch, notary_server, reader, registry, gun):
    small = f"{registry.host}/pins/seen"
    notary = Notary(scratch.directory("notary"), notary_server)
    notary.run("init", small, "-p")
    config = notary.directory / "config.json"
    config.write_text(json.dumps({"trust_pinning": {"certs": {small: [WRONG]}}}))
    assert notary.try_run("-c", config, "list", small).returncode == 0
    reader.run("list", gun)
    file = reader.write("verify.json", own_file({"cert-ids": {gun: [WRONG]}}))
    said = reader.refused(4, "list", gun, "--pinning", file)
    assert "this machine trusted that root before" in said and WRONG[:16] in said


def test_what_the_agent_pins_goes_before_the_file(client, gun, registry):
    """The agent has signed the root of one repository, and knows nothing of the other."""
    file = client.write("verify.json", own_file({"root-keys": {"*": [WRONG]}}))
    signed = f"{registry.host}/pins/signed"
    client.run("init", signed)
    assert client.run("list", signed, "--pinning", file)
    assert "is not one that" in client.refused(4, "list", gun, "--pinning", file)
    nobody = {"COUNTERSIGN_SOCKET": str(client.home / "nobody")}
    client.refused(4, "list", signed, "--pinning", file, **nobody)


def test_a_changed_root_is_good_where_it_follows_from_a_pinned_one(
        scratch, notary_server, new_client, newcomer, registry):
    gun = f"{registry.host}/pins/rotated"
    notary = Notary(scratch.directory("notary"), notary_server)
    notary.run("init", gun, "-p")
    before = ids(new_client(), gun)
    notary.answer("yes", "key", "rotate", gun, "root")
    after = ids(new_client(), gun)
    assert before[0] != after[0]
    for key, certificate in (before, after):
        newcomer({"root-keys": {gun: [key]}}).run("list", gun)
        newcomer({"cert-ids": {gun: [certificate]}}).run("list", gun)


def test_a_file_with_faults_is_an_error_for_every_verb(reader, gun):
    for text, sentence in (
            ("{", "broken.json': byte 1: "),
            (own_file({"root-keys": {"*": [WRONG]}}, mode="enforce"), "content-trust.mode: 'enforce'"),
            (own_file({}), "trust pinning cannot be empty"),
            (own_file({"root-keys": {gun: []}}), "want a list of one ID or more")):
        file = reader.write("broken.json", text)
        for verb in (("verify", f"{gun}:v1"), ("list", gun), ("root-id", gun)):
            assert sentence in reader.refused(1, *verb, "--pinning", file)
    assert "no such file" in reader.refused(1, "list", gun, "--pinning", "absent.json")
