# SPDX-License-Identifier: Apache-2.0
"""Keys are made on a token or brought to it, named in the policy, and then sign."""
import base64
import contextlib
import os
import pty
import subprocess

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

import rig_memory
import rig_users
from rig_document import new_certificate
from rig_scratch import write
from rig_varlink import VarlinkError

ALGORITHMS = ["ec-p256", "ec-p384", "ec-p521", "rsa-3072", "ed25519"]


def grant(policy, stanzas, *names):
    """Paste what the client printed, and give it to the releaser."""
    policy["keys"].update(yaml.safe_load(stanzas)["keys"])
    policy["grants"]["releaser"]["keys"] += names


@pytest.fixture
def adopt(agent, policy):
    """The user pastes the stanzas, corrects their scopes, and has the agent read its policy."""
    def do(stanzas, scopes):
        grant(policy, stanzas, *scopes)
        for name, (repository, roles) in scopes.items():
            policy["keys"][name]["scope"] = [{"repositories": [repository], "roles": roles}]
        agent.set_policy(policy)
        checked = agent.check_policy()
        assert checked.returncode == 0, checked.stderr
        agent.hang_up()
    return do


def keys_of(client):
    return {key["name"]: key for key in client.json("key", "list", "--json")}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_generated_key_signs_once_the_policy_names_it(
        algorithm, client, agent, adopt, gun, upload, readers):
    image = upload(f"{gun}:v1")
    client.run("init", gun)

    stanza = client.run("key", "generate", "--token", "hsm", "--name", "fresh",
                        "--type", algorithm)
    assert "fresh" not in keys_of(client)
    client.refused(1, "delegation", "add", gun, "targets/fresh", "agent:fresh")

    adopt(stanza, {"fresh": (gun, ["targets/fresh"])})
    key = keys_of(client)["fresh"]
    assert key["algorithm"] == algorithm
    assert (key["origin"], key["extractable"]) == ("generated", False)
    assert "last_used" not in key
    client.run("delegation", "add", gun, "targets/fresh", "agent:fresh")
    client.run("sign", f"{gun}:v1")
    assert "last_used" in keys_of(client)["fresh"]
    (row,) = [line.split() for line in client.run("key", "list").splitlines()
              if line.startswith("fresh ")]
    assert row[7:9] == ["generated", "no"]
    assert readers.read(gun, "targets/fresh") == {
        ("v1", "targets/fresh"): (image.hex, image.size)}


def test_what_is_printed_is_a_file_of_the_policy(client, agent):
    stanza = client.run("key", "generate", "--token", "hsm", "--name", "fresh", "--type", "ec-p256")
    extra = agent.policy_file.parent / "policy.d"
    extra.mkdir()
    write(extra / "50-fresh.yaml", stanza)
    checked = agent.check_policy()
    assert checked.returncode == 0, checked.stderr
    agent.hang_up()
    assert keys_of(client)["fresh"]["state"] == "ready"


def test_the_record_says_who_made_which_key(client, agent):
    client.run("key", "generate", "--token", "hsm", "--name", "fresh", "--type", "ec-p256")
    client.refused(1, "key", "generate", "--token", "hsm", "--name", "fresh", "--type", "ec-p256")
    agent.stop()
    made, again = [record for record in agent.ledger.records()
                   if record.get("method") == "GenerateKey"]
    assert made["outcome"] == "done" and made["peer"]["uid"] == client.user.uid
    assert "token 'hsm', name 'fresh', key " in made["detail"]
    assert again["outcome"] == "failed" and "already" in again["detail"]


def test_only_admins_make_and_bring_keys(new_agent, policy, tester):
    policy["grants"]["releaser"]["users"].append(tester.uid)
    agent = new_agent(policy).start()
    for method, more in (("GenerateKey", {"algorithm": "ec-p256"}), ("ImportKey", {})):
        with agent.connect(tester) as connection:
            connection.send_message({
                "method": f"org.countersign.Agent.{method}", "upgrade": method == "ImportKey",
                "parameters": {"token": "hsm", "name": "fresh", **more}})
            assert VarlinkError(connection.receive()).parameters["reason"] == "not-admin"


def test_what_cannot_be_made_says_what_to_do(client):
    def refusal(*args):
        return client.refused(1, "key", "generate", *args)

    assert "--type is missing" in refusal("--token", "hsm", "--name", "fresh")
    assert "want one of ec-p256" in refusal("--token", "hsm", "--name", "fresh", "--type", "dsa")
    assert "is no name of a key" in refusal("--token", "hsm", "--name", "a b", "--type", "ec-p256")
    assert "another name" in refusal("--token", "hsm", "--name", "qa", "--type", "ec-p256")
    client.refused(1, "key", "generate", "--token", "none", "--name", "x", "--type", "ec-p256")


@pytest.fixture
def key_file(client):
    """Makes a key file of openssl's in the user's home."""
    def make(name, *command):
        path = client.home / name
        subprocess.run(["/usr/bin/openssl", *command, "-out", path], check=True,
                       capture_output=True)
        path.chmod(0o600)
        os.chown(path, client.user.uid, client.user.gid)
        return path
    return make


EC = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def test_an_imported_key_signs_once_the_policy_names_it(
        client, adopt, gun, key_file, upload, readers):
    image = upload(f"{gun}:v1")
    client.run("init", gun)
    path = key_file("mine.pem", *EC)
    done = client.try_run("key", "import", path, "--token", "hsm", "--name", "mine")
    assert done.returncode == 0, done.stderr
    assert f"shred -u {path}" in done.stderr

    adopt(done.stdout, {"mine": (gun, ["targets/mine"])})
    key = keys_of(client)["mine"]
    assert (key["origin"], key["extractable"]) == ("imported", False)
    client.run("delegation", "add", gun, "targets/mine", "agent:mine")
    client.run("sign", f"{gun}:v1")
    assert readers.read(gun, "targets/mine") == {("v1", "targets/mine"): (image.hex, image.size)}


def test_a_passphrase_comes_from_a_file_or_a_credential(client, key_file):
    path = key_file("mine.pem", *EC, "-aes-256-cbc", "-pass", "pass:correct horse")
    secret = client.write("passphrase", "correct horse\n", 0o400)
    client.run("key", "import", path, "--token", "hsm", "--name", "mine1",
               "--passphrase", f"file:{secret}")
    client.run("key", "import", path, "--token", "hsm", "--name", "mine2",
               "--passphrase", "credential:passphrase", CREDENTIALS_DIRECTORY=str(client.home))
    wrong = client.write("wrong", "battery staple\n", 0o400)
    assert "the passphrase is wrong" in client.refused(
        1, "key", "import", path, "--token", "hsm", "--name", "mine3",
        "--passphrase", f"file:{wrong}")
    exposed = client.write("exposed", "correct horse\n", 0o644)
    assert "others may read it" in client.refused(
        1, "key", "import", path, "--token", "hsm", "--name", "mine3",
        "--passphrase", f"file:{exposed}")
    assert "no terminal" in client.refused(
        1, "key", "import", path, "--token", "hsm", "--name", "mine3")


def test_a_passphrase_is_asked_for_without_echo(client, key_file):
    """On a terminal of its own; twice, as the first answer is wrong."""
    path = key_file("mine.pem", *EC, "-aes-256-cbc", "-pass", "pass:correct horse")
    pid, terminal = pty.fork()
    if pid == 0:
        os.setgroups(client.user.groups)
        os.setgid(client.user.gid)
        os.setuid(client.user.uid)
        os.execve(client.programs.client, [
            "countersign", "key", "import", str(path), "--token", "hsm", "--name", "mine"],
            client.environment)

    said = b""
    for answer in (b"battery staple\n", b"correct horse\n"):
        asked = said.count(b"passphrase of")
        while said.count(b"passphrase of") == asked:
            said += os.read(terminal, 4096)
        os.write(terminal, answer)
    with contextlib.suppress(OSError):  # its end
        while True:
            said += os.read(terminal, 4096)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    assert b"staple" not in said and b"horse" not in said
    assert b"uri: " in said
    os.close(terminal)


def test_an_imported_key_leaves_nothing_behind(client, agent, key_file):
    rig_users.need_root_to_look()
    path = key_file("mine.pem", *EC, "-aes-256-cbc", "-pass", "pass:correct horse battery")
    key = serialization.load_pem_private_key(path.read_bytes(), b"correct horse battery")
    secrets = [b"correct horse battery", path.read_bytes().splitlines()[3],
               key.private_numbers().private_value.to_bytes(32, "big")]
    client.write("passphrase", "correct horse battery", 0o400)
    client.run("key", "import", path, "--token", "hsm", "--name", "mine", "--passphrase",
               f"file:{client.home}/passphrase")
    assert not rig_memory.found(agent.process.pid, *secrets)
    for worker in agent.workers():  # the key itself is what its module works with
        assert not rig_memory.found(worker, *secrets[:2])
    agent.stop()
    assert not any(secret in agent.state.joinpath("ledger.db").read_bytes() for secret in secrets)


def test_a_bundle_brings_its_certificate(client, agent, policy, key_file):
    bundle = client.home / "bundle"
    bundle.mkdir()
    key_file("bundle/key.pem", *EC)
    key_file("bundle/cert.pem", "req", "-x509", "-key", bundle / "key.pem", "-subj", "/CN=dev")
    stanza = yaml.safe_load(
        client.run("key", "import", bundle, "--token", "hsm", "--name", "dev"))["keys"]["dev"]
    assert stanza["certificate"] == f"{bundle}/cert.pem"

    key_file("bundle/key.pem", *EC)
    assert "not the certificate of this key" in client.refused(
        1, "key", "import", bundle, "--token", "hsm", "--name", "other")


def test_a_file_that_is_named_by_another_key_is_refused(client, key_file):
    path = key_file(f"{'5a' * 32}.key", *EC)
    assert "not the one that it is named by" in client.refused(
        1, "key", "import", path, "--token", "hsm", "--name", "mine")


def openssl(*args, text):
    done = subprocess.run(["/usr/bin/openssl", *args], input=text, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def public_key_of(client, name):
    return base64.b64decode(keys_of(client)[name]["spki"])


@pytest.mark.parametrize("algorithm", ["ec-p384", "rsa-2048"])
def test_a_delegation_lists_a_key_by_its_certificate(
        algorithm, client, agent, adopt, policy, gun, upload, readers, notary_server):
    image = upload(f"{gun}:v1")
    client.run("init", gun)
    adopt(client.run("key", "generate", "--token", "hsm", "--name", "fresh", "--type", algorithm),
          {"fresh": (gun, ["targets/fresh"])})

    pem = client.run("key", "certificate", "fresh", "--cn", "The Team", "--days", "30")
    assert "The Team" in openssl("x509", "-noout", "-subject", text=pem)
    own = write(client.home / "own.pem", pem)
    openssl("verify", "-check_ss_sig", "-CAfile", own, "-partial_chain", own, text="")

    policy["keys"]["fresh"]["certificate"] = str(write(agent.directory / "fresh.pem", pem))
    agent.set_policy(policy)
    agent.hang_up()
    assert "certificate_expires" in keys_of(client)["fresh"]
    client.run("delegation", "add", gun, "targets/fresh", "agent:fresh")
    client.run("sign", f"{gun}:v1")
    assert readers.read(gun, "targets/fresh") == {
        ("v1", "targets/fresh"): (image.hex, image.size)}
    listed = notary_server.document(gun, "targets")["signed"]["delegations"]["keys"]
    fresh = keys_of(client)["fresh"]
    assert list(listed) == [fresh["tuf_key"]] and fresh["key"] != fresh["tuf_key"]


def test_a_key_is_made_with_its_certificate(client, adopt, gun):
    stanza = client.run("key", "generate", "--token", "hsm", "--name", "fresh", "--type", "rsa-2048",
                        "--certificate", "The Team")
    pem = client.home / "fresh.pem"
    assert yaml.safe_load(stanza)["keys"]["fresh"]["certificate"] == str(pem)
    assert "The Team" in openssl("x509", "-noout", "-subject", text=pem.read_text())
    openssl("verify", "-check_ss_sig", "-CAfile", pem, "-partial_chain", pem, text="")
    assert "cannot make" in client.refused(
        1, "key", "generate", "--token", "hsm", "--name", "fresh", "--type", "ec-p256",
        "--certificate", "again")
    # Notary knows no certificates of such keys, and so there is none to begin with.
    assert "taken off the token again" in client.refused(
        1, "key", "generate", "--token", "hsm", "--name", "ed", "--type", "ed25519",
        "--certificate", "The Team")
    assert not (client.home / "ed.pem").exists()


def test_an_authority_is_asked_for_a_certificate(client):
    request = client.run("key", "certificate", "qa", "--request", "--cn", "QA")
    openssl("req", "-verify", "-noout", text=request)
    assert "QA" in openssl("req", "-noout", "-subject", text=request)
    key = openssl("req", "-noout", "-pubkey", text=request)
    assert base64.b64decode("".join(key.split("-----")[2].split())) == public_key_of(client, "qa")


def test_no_certificates_for_keys_of_role_root_and_for_others_than_admins(client, agent, tester):
    assert "is for role root" in client.refused(1, "key", "certificate", "root")
    client.refused(1, "key", "certificate", "nobody")
    with pytest.raises(VarlinkError) as caught:
        agent.call("IssueCertificate", user=tester, key="qa", common_name="x")
    assert caught.value.name == "Denied"


@pytest.fixture
def tokens(policy, tpm, new_piv, sanitizer):
    """A TPM, a smartcard and a YubiKey in the policy, beside SoftHSM's token."""
    policy.add_token("tpm", tpm, sanitizer, tpm="tpm")
    policy.add_token("card", new_piv(), sanitizer, card="9A")
    policy.add_token("yubikey", new_piv(is_yubikey=True), sanitizer, yubikey="9A")
    return policy


def test_other_kinds_of_tokens_make_keys_or_say_what_does(
        tokens, client, adopt, gun, upload, readers, key_file):
    def refusal(token, kind):
        return client.refused(1, "key", "generate", "--token", token, "--name", kind,
                              "--type", kind)

    path = key_file("mine.pem", *EC)
    advice = {"tpm": "tpm2_ptool", "card": "piv-tool", "yubikey": "yubico-piv-tool"}
    for token, tool in advice.items():
        assert tool in client.refused(
            1, "key", "import", path, "--token", token, "--name", "mine")
        assert "use the token's own tools" in refusal(token, "rsa-4096")
    for token in ("card", "yubikey"):
        assert advice[token] in refusal(token, "ec-p256")
    assert "choose another algorithm" in refusal("tpm", "ed25519")
    # tpm2-pkcs11 1.9 makes it, can neither sign with it nor remove it.
    assert "take that key off the token" in refusal("tpm", "ec-p521")

    client.run("init", gun)
    adopt(client.run("key", "generate", "--token", "tpm", "--name", "fresh", "--type", "ec-p256"),
          {"fresh": (gun, ["targets/fresh"])})
    assert keys_of(client)["fresh"]["origin"] == "generated"
    client.run("delegation", "add", gun, "targets/fresh", "agent:fresh")
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    assert readers.read(gun, "targets/fresh") == {
        ("v1", "targets/fresh"): (image.hex, image.size)}


def test_a_yubikey_attests_what_it_has_generated(
        policy, new_piv, sanitizer, new_agent, new_client, token):
    piv = new_piv(is_yubikey=True)
    policy.add_token("yubikey", piv, sanitizer, yubikey="9A", signing="9C")
    client = new_client(new_agent(policy).start())
    authority = write(client.home / "ca.pem", (piv.card.directory / "attestation-ca.crt").read_text())

    said = client.run("key", "attest", "yubikey", "--ca", authority)
    assert "verified up to the authority given" in said
    assert "5.4.3" in said and "12345678" in said
    attested = client.json("key", "attest", "signing", "--json", "--ca", authority)
    assert attested["rooted"] and attested["pin"] == "always"
    assert attested["key"] == keys_of(client)["signing"]["key"]

    assert "is not checked" in client.try_run("key", "attest", "yubikey").stderr
    other = write(client.home / "other.pem", new_certificate("another maker"))
    assert "does not verify" in client.refused(4, "key", "attest", "yubikey", "--ca", other)
    assert "attests nothing" in client.refused(1, "key", "attest", "qa")
