# SPDX-License-Identifier: Apache-2.0
"""verify: which digest of an image may run, and if none, why not."""
import pytest
from cryptography import x509

from rig_forge import VERSION, Forge, after, target_of
from rig_gate import Gate, digest, ids, judged, own_file, spki_pem
from rig_scratch import give_tree
from rig_static_server import StaticServer


@pytest.fixture(scope="module")
def gate(scratch, notary_server, registry):
    return Gate(scratch, notary_server, f"{registry.host}/gates/web")


@pytest.fixture
def reader(new_client):
    return new_client()


@pytest.fixture
def forge_server(scratch):
    server = StaticServer(scratch)
    yield server
    server.stop()


@pytest.fixture
def forge(forge_server, gun):
    """A repository by hand, and put() to publish what it is now."""
    forge = Forge(gun)
    forge.put = lambda: forge_server.publish(gun, forge.published())
    forge.put()
    return forge


@pytest.fixture
def forge_reader(new_client, forge_server):
    return new_client(server=forge_server)


def test_prints_the_digest_to_run_and_nothing_else(gate, reader):
    assert reader.run("verify", f"{gate.gun}:v1") == gate.reference("v1")
    assert reader.run("verify", f"{gate.gun}:v1@sha256:{digest('v1')}") == gate.reference("v1")
    assert reader.run("verify", f"{gate.gun}@sha256:{digest('v2')}") == gate.reference("v2")
    assert reader.run("verify", f"{gate.gun}:old") == gate.reference("old")


REFUSED = (
    # (image behind the repository, options, reason, part of the sentence)
    (":v9", (), "not-signed", "nobody signed a tag 'v9'"),
    ("", (), "not-signed", "nobody signed a tag 'latest'"),
    (f"@sha256:{digest('v9')}", (), "not-signed", "no tag is released with sha256:"),
    (":v4", (), "other-signers", "it is held by targets/dev, but neither by targets/releases nor"),
    (f"@sha256:{digest('v4')}", (), "not-signed", "no tag is released with sha256:"),
    (f":v1@sha256:{digest('v2')}", (), "other-digest", f"targets/releases has sha256:{digest('v1')}"),
    (":v2", ("--require", "qa"), "other-signers",
     "targets/qa has not signed it; it is held by targets/releases, targets/dev"),
    (":v1", ("--require", "targets/sre"), "other-signers", "is no role of this repository"),
    (":v3", ("--require", "targets/qa"), "other-digest",
     f"targets/qa has sha256:{digest('another v3')}, targets/releases has sha256:{digest('v3')}"),
    (":v2", ("--require-any", "qa,ops"), "other-signers", "none of 2 roles"),
    (":v2", ("--require-cert", "qa"), "other-signers", "targets/qa has not signed it"),
    (":v3", ("--require-cert", "qa"), "other-digest", "targets/qa has sha256:"),
    (":v1", ("--require-cert", "nobody"), "other-signers", "is in no role of this repository"),
    (":old", ("--require", "dev"), "other-signers", "targets/dev has not signed it; it is held by targets"),
)


@pytest.mark.parametrize("image, options, reason, sentence", REFUSED)
def test_says_why_not(gate, reader, image, options, reason, sentence):
    options = [gate.pem.get(arg, arg) if "--require-cert" in options else arg for arg in options]
    answer = judged(reader, gate.gun + image, *options)
    assert answer["reason"] == reason and sentence in answer["message"]
    if not options:
        done = reader.try_run("verify", gate.gun + image)
        assert done.returncode == 4 and not done.stdout and sentence in done.stderr


def test_takes_what_all_have_signed_whatever_is_required(gate, reader):
    image = f"{gate.gun}:v1"
    for options in (("--require", "dev", "--require", "targets/qa"), ("--require", "dev,qa,ops"),
                    ("--require", "releases"), ("--require-any", "sre,qa"),
                    ("--require-any", "sre,qa", "--require-any", "ops,sre"),
                    ("--require-cert", gate.pem["qa"], "--require-cert", gate.pem["dev"])):
        assert reader.run("verify", image, *options) == gate.reference("v1"), options
    assert reader.run("verify", f"{gate.gun}:v2", "--require-any", "qa,dev") == gate.reference("v2")


def test_a_key_is_the_same_in_a_certificate_and_without(gate, reader):
    certificate = x509.load_pem_x509_certificate(gate.pem["qa"].read_bytes())
    plain = reader.write("qa.pub", spki_pem(certificate))
    image = f"{gate.gun}:v1"
    assert reader.run("verify", image, "--require-cert", plain) == gate.reference("v1")
    assert "targets/qa has not signed it" in reader.refused(
        4, "verify", f"{gate.gun}:v2", "--require-cert", plain)


def test_a_shared_role_counts_for_a_key_without_a_role_of_its_own(forge, forge_reader):
    """Whoever signs targets/releases signs the tags of all others with it."""
    image = f"{forge.gun}:v1"
    pem = {name: forge_reader.write(f"{name}.pem", spki_pem(forge.keys[name].private))
           for name in ("qa", "spare", "other")}
    forge.delegate("targets/releases", "spare", [""], "v1")
    listed = forge.delegations("targets/releases", "spare", "other", "qa")
    forge.documents["targets"]["delegations"]["keys"].update(listed["keys"])
    forge.documents["targets"]["delegations"]["roles"][-1] = listed["roles"][0]
    forge.signers["targets/releases"] = [forge.keys["spare"], forge.keys["qa"]]
    forge.put()
    assert judged(forge_reader, image, "--require-cert", pem["spare"], status=0)
    answer = judged(forge_reader, image, "--require-cert", pem["other"])
    assert "targets/releases lists it, and is signed by others" in answer["message"]
    answer = judged(forge_reader, image, "--require-cert", pem["qa"])
    assert answer["reason"] == "other-signers"
    assert "targets/qa has not signed it" in answer["message"]


def test_tells_programs_all_of_it(gate, reader):
    answer = judged(reader, f"{gate.gun}:v1", status=0)
    assert answer["reference"] + "\n" == gate.reference("v1")
    assert (answer["image"], answer["tag"], answer["size"]) == (f"{gate.gun}:v1", "v1", 7)
    assert answer["digest"] == f"sha256:{digest('v1')}"
    assert answer["role"] == "targets/releases" and not answer["offline"]
    assert set(answer["roles"]) == {f"targets/{name}" for name in ("releases", "dev", "qa", "ops")}
    assert sorted(answer["signers"]) == ["dev", "ops", "qa"]
    assert {key["role"] for key in answer["keys"]} == set(answer["roles"])
    assert answer["reason"] is None and answer["message"] is None and answer["expires"]


def test_wrong_usage_is_told_apart_from_a_no(gate, reader):
    assert "is no role" in reader.refused(1, "verify", f"{gate.gun}:v1", "--require", "Root")
    assert "no such file" in reader.refused(1, "verify", gate.gun, "--require-cert", "absent.pem")
    reader.refused(2, "verify", gate.gun, "v1")
    reader.refused(1, "verify", f"{gate.gun}:v1@sha256:12")


def test_a_repository_that_nobody_made_is_not_signed(reader, gun):
    assert judged(reader, f"{gun}:v1")["reason"] == "not-signed"
    assert judged(reader, f"{gun}:v1", "--no-tofu")["reason"] == "not-signed"


@pytest.mark.parametrize("role, says", [
    ("timestamp", "timestamp: expired at"), ("snapshot", "snapshot: expired at"),
    ("root", "root version 1: expired at"), ("targets", "targets: expired at")])
def test_what_is_expired_is_named_with_its_time(forge, forge_reader, role, says):
    forge.documents[role]["expires"] = after(-1)
    forge.put()
    answer = judged(forge_reader, f"{forge.gun}:v1")
    assert answer["reason"] == "expired" and says in answer["message"]
    assert after(-1) in answer["message"]


def test_an_expired_role_counts_where_it_is_required_or_releases(forge, forge_reader):
    forge.delegate("targets/releases", "spare", [""], "v1")
    forge.documents["targets/qa"]["expires"] = after(-1)
    forge.put()
    image = f"{forge.gun}:v1"
    assert judged(forge_reader, image, status=0)["role"] == "targets/releases"
    answer = judged(forge_reader, image, "--require", "qa")
    assert answer["reason"] == "expired" and after(-1) in answer["message"]
    # What it says of the tag is not known: targets does not stand in for it.
    forge.documents["targets/releases"]["expires"] = after(-1)
    forge.put()
    assert judged(forge_reader, image)["reason"] == "expired"


def test_a_server_that_was_put_back_is_told(forge, forge_server, forge_reader):
    image = f"{forge.gun}:v1"
    before = forge.published()
    forge.documents["targets"]["targets"]["v1"] = target_of("v1 mended")
    for role in ("targets", "snapshot", "timestamp"):
        forge.documents[role]["version"] = VERSION + 1
    forge.put()
    assert judged(forge_reader, image, status=0)["digest"] == f"sha256:{digest('v1 mended')}"
    forge_server.publish(forge.gun, before)
    answer = judged(forge_reader, image)
    assert answer["reason"] == "rolled-back"
    assert f"version is {VERSION}, {VERSION + 1} was seen before" in answer["message"]
    forge_server.publish(forge.gun, {})
    answer = judged(forge_reader, image)
    assert answer["reason"] == "rolled-back" and "vanished" in answer["message"]


def test_another_root_is_told_with_both_keys(forge, forge_server, forge_reader, new_client):
    image = f"{forge.gun}:v1"
    assert judged(forge_reader, image, status=0)
    key, certificate = ids(forge_reader, forge.gun)
    pins = {"root-keys": {forge.gun: ["0" * 64]}}
    reader = new_client(server=forge_server)
    file = reader.write("verify.json", own_file(pins))
    answer = judged(reader, image, "--pinning", file)
    assert answer["reason"] == "untrusted-root"
    for part in (key[:16], certificate[:16], "by key 0000000000000000"):
        assert part in answer["message"]
    assert judged(reader, image, "--no-tofu")["reason"] == "untrusted-root"
    assert judged(reader, image, status=0)["allowed"]
    # A pin goes before what was seen already.
    answer = judged(reader, image, "--pinning", file)
    assert answer["reason"] == "untrusted-root" and "trusted that root before" in answer["message"]
    for args in (("list", forge.gun), ("inspect", image), ("lookup", forge.gun, "v1"),
                 ("root-id", forge.gun), ("delegation", "list", forge.gun)):
        assert "is not one that" in reader.refused(4, *args, "--pinning", file), args
        reader.run(*args)


def remember(client, forge):
    """Leave in the client's cache what docker would have stored, while it was not expired yet."""
    metadata = client.home / ".docker" / "trust" / "tuf" / forge.gun / "metadata"
    (metadata / "targets").mkdir(parents=True, exist_ok=True)
    files, _ = forge.files()
    for role, file in files.items():
        (metadata / f"{role}.json").write_bytes(file)
    give_tree(client.home, client.user.uid)


def test_a_dead_server_is_no_answer_unless_the_file_allows_old_data(
        forge, forge_server, forge_reader):
    image = f"{forge.gun}:v1"
    pins = {"root-keys": {forge.gun: [ids(forge_reader, forge.gun)[0]]}}
    strict = forge_reader.write("strict.json", own_file(pins))
    lax = forge_reader.write("lax.json", own_file(pins, allow_expired_cached_trust_data=True))
    for role in ("root", "targets", "snapshot", "timestamp"):
        forge.documents[role]["expires"] = after(-1)
    remember(forge_reader, forge)

    # What comes from the server is never taken expired.
    forge.put()
    assert judged(forge_reader, image, "--pinning", lax)["reason"] == "expired"

    forge_server.stop()
    for options in ((), ("--pinning", strict)):
        answer = judged(forge_reader, image, *options, status=6)
        assert answer["reason"] == "unreachable" and not answer["offline"]
    done = forge_reader.try_run("verify", image, "--pinning", lax)
    assert done.returncode == 0 and done.stdout.endswith(f"@sha256:{digest('v1')}\n")
    assert "by trust data of 20" in done.stderr and "0 h 0 min ago" in done.stderr
    answer = judged(forge_reader, image, "--pinning", lax, status=0)
    assert answer["offline"] and answer["stored"] and answer["expires"] == after(-1)
    assert judged(forge_reader, f"{forge.gun}:v2", "--pinning", lax)["reason"] == "not-signed"


def test_what_nobody_has_seen_cannot_be_had_offline(forge, forge_server, forge_reader):
    lax = forge_reader.write("lax.json", own_file(
        {"root-keys": {"*": ["0" * 64]}}, allow_expired_cached_trust_data=True))
    forge_server.stop()
    answer = judged(forge_reader, f"{forge.gun}:v1", "--pinning", lax, status=6)
    assert "was never seen by this machine" in answer["message"]
