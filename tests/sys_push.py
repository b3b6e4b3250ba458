# SPDX-License-Identifier: Apache-2.0
"""push: images and their trust get into the registry as one act, or not at all."""
import json
import re
import subprocess
import types
import urllib.error
import urllib.request

import pytest
from rig_document import key_id, key_object
from rig_forge import Forge, after
from rig_image import Image
from rig_own_server import OwnServer
from rig_process import environment
from rig_readers import TEAMS


@pytest.fixture
def image(scratch, gun):
    return open_to_all(Image(scratch.directory("image"), gun))


def open_to_all(image):
    image.directory.chmod(0o755)
    return image


def skopeo(*args):
    done = subprocess.run(["/usr/bin/skopeo", *map(str, args)], env=environment(), timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest_of(reference):
    """What the tag is, as skopeo sees it; None: there is no such tag."""
    host, _, rest = reference.partition("/")
    path, _, tag = rest.rpartition(":")
    asked = urllib.request.Request(f"http://{host}/v2/{path}/manifests/{tag}", method="HEAD", headers={
        "Accept": "application/vnd.oci.image.manifest.v1+json, "
                  "application/vnd.oci.image.index.v1+json, "
                  "application/vnd.docker.distribution.manifest.v2+json"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.headers["Docker-Content-Digest"]
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None


def holds(registry, gun):
    """Whether anything was ever uploaded there."""
    path = gun.removeprefix(f"{registry.host}/")
    directory = registry.directory / "data/docker/registry/v2/repositories" / path
    return directory.exists() and any(directory.glob("_layers/sha256/*"))


def test_pushes_and_signs_so_that_everybody_agrees(repository, client, image, readers, registry):
    gun = repository
    out = client.run("push", f"{gun}:v1", "--from", f"oci:{image.directory}")
    assert out.splitlines() == [
        f"The push refers to repository [{gun}]",
        *(f"{role}: version 1, signed by {', '.join(keys)}" for role, keys in TEAMS.items()),
        f"v1: digest: {image.digest} size: {image.size}",
        f"{gun}:v1@{image.digest}"]
    assert digest_of(f"{gun}:v1") == image.digest
    assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}",
                  f"docker://{gun}:v1").strip() == image.digest
    assert readers.roles_of(gun, "v1") == (set(TEAMS), image.hex)

    # Once more changes nothing, and says so.
    again = client.try_run("push", "-q", f"{gun}:v1", "--from", f"oci:{image.directory}")
    assert again.returncode == 0 and again.stderr == ""
    assert "targets/qa: nothing to publish: it is so already" in again.stdout
    assert f"\n{gun}:v1@{image.digest}\n" in again.stdout

    # Who cannot be told did not hear that it went well.
    with open("/dev/full", "w", encoding="utf-8") as full:
        deaf = subprocess.run([client.programs.client, "push", f"{gun}:v1", "--from",
                               f"oci:{image.directory}"], cwd=client.home, env=client.environment,
                              stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              **client.user.popen())
    assert deaf.returncode == 1 and "cannot write to standard output" in deaf.stderr


def test_comes_back_as_it_was_from_each_source(repository, client, scratch, image, readers):
    gun, made = repository, f"oci:{image.directory}:{image.tag}"
    files = scratch.directory("archives")
    files.chmod(0o755)
    skopeo("copy", "-q", made, f"oci-archive:{files}/oci.tar:made")
    skopeo("copy", "-q", made, f"docker-archive:{files}/docker.tar:shop/web:made")
    client.run("push", f"{gun}:layout", "--from", made)
    client.run("push", f"{gun}:archive", "--from", f"oci-archive:{files}/oci.tar")
    client.run("push", f"{gun}:copied", "--from", f"registry:{gun}:layout")
    saved = client.run("push", f"{gun}:saved", "--from", f"docker-archive:{files}/docker.tar")
    assert {digest_of(f"{gun}:{tag}") for tag in ("layout", "archive", "copied")} == {image.digest}
    assert f"{gun}:saved@{digest_of(f'{gun}:saved')}" in saved.split()
    skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{gun}:copied", f"oci:{files}/back:made")
    index = json.loads((files / "back/index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [image.digest]
    assert {name for name, role in readers.read(gun, "targets/qa")} == \
        {"layout", "archive", "copied", "saved"}


def test_many_at_once_are_published_once_each(repository, client, scratch, gun, notary_server):
    """Tags of two repositories, and the platforms of an index."""
    other = f"{gun}/other"
    client.run("init", other)
    index = open_to_all(Image(scratch.directory("image"), gun, ("amd64", "arm64")))
    names = [f"{gun}:v2", f"{other}:v1", gun, f"{gun}:v2", f"{gun}:v1"]
    done = client.try_run("push", *names, "--from", f"oci:{index.directory}")
    assert done.returncode == 0, done.stderr
    assert f"{gun}: using default tag: latest" in done.stderr
    assert done.stderr.count(": Pushed, and mounted into 1 more") == 4
    assert re.findall(r"^(\S+)@sha256:", done.stdout, re.MULTILINE) == \
        [f"{gun}:v2", f"{gun}:latest", f"{gun}:v1", f"{other}:v1"]
    assert {digest_of(f"{gun}:{tag}") for tag in ("v1", "v2", "latest")} == {index.digest}
    assert digest_of(f"{other}:v1") == index.digest
    assert notary_server.document(gun, "targets/qa")["signed"]["version"] == 1
    assert "targets: version 2, signed by targets" in done.stdout

    # One platform of it has a digest of its own.
    client.run("push", f"{gun}:arm", "--from", f"oci:{index.directory}", "--platform", "linux/arm64")
    told = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{gun}:arm"))
    assert told["Architecture"] == "arm64" and told["Digest"] != index.digest
    assert "linux/amd64" in client.refused(1, "push", f"{gun}:mips", "--from",
                                           f"oci:{index.directory}", "--platform", "linux/mips")


def test_an_immutable_tag_stays(repository, client, scratch, image):
    gun = repository
    other = open_to_all(Image(scratch.directory("image"), "other"))
    push = ("push", "--immutable", f"{gun}:v1", "--from")
    client.run(*push, f"oci:{image.directory}")
    assert f"{gun}:v1 exists already" in client.refused(7, *push, f"oci:{other.directory}")
    assert digest_of(f"{gun}:v1") == image.digest
    client.run(*push, f"oci:{image.directory}")
    client.run("push", f"{gun}:v1", "--from", f"oci:{other.directory}")
    assert digest_of(f"{gun}:v1") == other.digest


def test_uploads_nothing_that_would_not_be_signed(policy, new_agent, new_client, tester, registry,
                                                  image, gun, notary_server):
    policy["grants"]["testers"] = {"users": [tester.uid], "keys": ["qa"], "tags": ["test-*"]}
    policy["keys"]["qa"]["scope"] = [{"repositories": [gun], "roles": ["targets/qa"]}]
    agent = new_agent(policy).start()
    owner, other = new_client(agent), new_client(agent, tester)
    push = ("push", f"{gun}:v1", "--from", f"oci:{image.directory}")

    assert "'countersign init' makes it" in owner.refused(1, *push)
    owner.run("init", gun)
    owner.run("delegation", "add", gun, "targets/devops", "agent:devops")
    assert "a key of none of them" in other.refused(3, *push)
    owner.run("delegation", "add", gun, "targets/qa", "agent:qa")
    before = notary_server.get(f"/v2/{gun}/_trust/tuf/timestamp.json")
    said = other.refused(3, *push)
    assert "the agent would refuse (tag-not-granted)" in said
    assert "nothing was uploaded, and no tag was signed or moved" in said
    # Of two repositories one is refused: neither gets anything.
    owner.run("init", f"{gun}/other")
    assert other.refused(3, *push, f"{gun}/other:v1")
    assert not holds(registry, gun) and not holds(registry, f"{gun}/other")
    assert notary_server.get(f"/v2/{gun}/_trust/tuf/timestamp.json") == before
    assert digest_of(f"{gun}:v1") is None

    other.run("push", f"{gun}:test-1", "--from", f"oci:{image.directory}")
    assert digest_of(f"{gun}:test-1") == image.digest
    assert "cannot push a digest reference" in owner.refused(1, "push", f"{gun}@{image.digest}")


def test_a_token_that_is_away_is_missed_before_anything_goes_up(
        policy, new_agent, new_client, token_away, registry, image, gun):
    agent = new_agent(policy).start()
    client = new_client(agent)
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/releases", "agent:qa", "agent:developer")
    token_away()
    agent.stop()
    agent.start()
    push = ("push", f"{gun}:v1", "--from", f"oci:{image.directory}")
    assert "(token-unavailable)" in client.refused(5, *push) and not holds(registry, gun)
    done = client.try_run(*push, "--skip-unavailable")
    assert done.returncode == 0 and "targets/releases: version 1, signed by qa\n" in done.stdout
    assert "targets/releases: left out: developer" in done.stderr


def test_waits_for_who_must_agree_with_the_tag(policy, new_agent, new_client, tester, image, gun):
    releaser = policy["grants"]["releaser"]
    releaser["keys"].remove("devops")
    policy["grants"]["gate"] = {"users": releaser["users"], "keys": ["devops"],
                                "approvals": {"count": 1, "users": [tester.uid]}}
    agent = new_agent(policy).start()
    client, approver = new_client(agent), new_client(agent, tester)
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/devops", "agent:devops")
    push = ("push", f"{gun}:v1", "--from", f"oci:{image.directory}")
    said = client.refused(3, *push)
    assert f"{gun}: others must agree before it is signed" in said
    assert f"{gun}:v1 was neither signed nor moved" in said and digest_of(f"{gun}:v1") is None
    which, digest = re.search(r"first to request (\w+), digest (\w+):", said).groups()
    assert image.hex[:12] in approver.run("pending", which)
    approver.run("approve", which, "--digest", digest)
    assert "targets/devops: version 1, signed by devops" in client.run(*push)
    assert digest_of(f"{gun}:v1") == image.digest


@pytest.fixture
def own_server(scratch):
    server = OwnServer(scratch)
    yield server
    server.stop()


def expire(forge, key):
    """Of a repository that delegates to a key, what delegates is expired; nothing is signed yet."""
    forge.keys["qa"] = types.SimpleNamespace(id=key_id(key), object=key)
    forge.documents["targets"] |= {"expires": after(-1),
                                   "delegations": forge.delegations("targets/qa", "qa")}
    del forge.documents["targets/qa"]
    return {role: [(forge.documents[role]["version"], file)]
            for role, file in forge.files()[0].items()}


def test_asks_the_trust_server_first(new_client, agent, token, own_server, registry, image,
                                     gun):
    """Where something above is expired, or the server takes nothing; and one that takes nothing any
    more once the image is there."""
    client = new_client(agent, server=own_server)
    push = ("push", f"{gun}:v1", "--from", f"oci:{image.directory}")
    expired = f"{gun}/expired"
    own_server.repository(expired).files = expire(Forge(expired), key_object(token.public_key("qa")))
    said = client.refused(4, "push", f"{expired}:v1", *push[2:])
    assert f"targets of '{expired}' expired at {after(-1)[:10]}" in said
    assert f"with: countersign sign --renew --role targets {expired}:TAG" in said

    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    own_server.faults = ["deny"]
    assert "denied" in client.refused(6, *push).lower()
    assert not holds(registry, gun) and not holds(registry, expired)

    own_server.faults = ["none", "deny"]
    said = client.refused(6, *push)
    assert f"{gun}:v1 was not moved; whether it was signed as {image.digest} is not known" in said
    assert "2 blobs (" in said and digest_of(f"{gun}:v1") is None
    assert own_server.repository(gun).version("targets/qa") == 0

    # Of two repositories one fails; the other one goes on.
    client.run("init", f"{gun}/other")
    own_server.faults = ["none", "none", "deny"]
    done = client.try_run(*push, f"{gun}:v2", f"{gun}/other:v1")
    assert done.returncode == 6
    failed, = {gun, f"{gun}/other"} - set(re.findall(r"\[(.*)\]$", done.stdout, re.MULTILINE))
    put = {name for name in (f"{gun}:v1", f"{gun}:v2", f"{gun}/other:v1") if digest_of(name)}
    assert put == set(re.findall(r"^(.*)@", done.stdout, re.MULTILINE)) and put
    assert f"{failed}:v1 was not moved" in done.stderr

    assert f"{gun}:v1@{image.digest}" in client.run(*push)
    assert digest_of(f"{gun}:v1") == image.digest
