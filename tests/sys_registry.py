# SPDX-License-Identifier: Apache-2.0
"""What the client does with a real registry: blobs, manifests, tags and lists of referrers; and what
it says where the registry does not want to."""
import json
import subprocess
import urllib.request

import pytest

import rig_users
from rig_carrier import INDEX, MANIFEST, Carrier, digest_of, manifest
from rig_image import Image
from rig_policy import Policy
from rig_registry import Registry
from rig_tls import Tls
from tokenserver import Authority, TokenServer


@pytest.fixture
def new_carrier(build, sanitizer, scratch):
    return lambda host: Carrier(build, sanitizer, scratch, host)


@pytest.fixture
def carrier(new_carrier, registry):
    return new_carrier(registry.host)


@pytest.fixture
def new_registry(scratch):
    """Makes one that stops after the test."""
    made = []

    def make(**more):
        made.append(Registry(scratch, **more))
        return made[-1]

    yield make
    for registry in made:
        registry.stop()


@pytest.fixture
def path(gun):
    """Of a repository that no other test uses."""
    return gun.partition("/")[2]


def get(registry, path):
    with urllib.request.urlopen(f"http://{registry.host}/v2/{path}", timeout=30) as answer:
        return answer.read()


def test_blobs_go_there_once_and_come_back(carrier, registry, path):
    layer = b"layer" * 100_000
    carrier.run("check", path)
    assert carrier.run("has", path, digest_of(layer), len(layer)) == b"missing\n"
    assert carrier.upload(path, layer) == f"uploaded sent={len(layer)} again=0\n"
    assert carrier.run("has", path, digest_of(layer), len(layer)) == b"there\n"
    assert carrier.upload(f"{path}/other", layer, path) == "mounted sent=0 again=0\n"
    assert carrier.upload(f"{path}/third", layer, f"{path}/no") == \
        f"uploaded sent={len(layer)} again=0\n"
    large = layer * 5
    assert carrier.upload(path, large, 1 << 20) == f"uploaded sent={len(large)} again=0\n"
    assert get(registry, f"{path}/blobs/{digest_of(large)}") == large
    assert carrier.upload(path, b"") == "uploaded sent=0 again=0\n"
    assert carrier.run("download", f"{path}/other", digest_of(layer), len(layer)) == layer
    assert "has no blob" in carrier.refused("download", path, digest_of(b"no"), 2)
    assert "500000 bytes came" in carrier.refused("download", path, digest_of(layer), 500_001)

    assert registry.uploads(path) == []

    # One that is not what it should be is not completed.
    another = digest_of(b"another")
    assert "the source is damaged" in carrier.refused("upload", path, another, carrier.file(layer))
    assert carrier.run("has", path, another, len(layer)) == b"missing\n"


def test_a_tag_is_taken_away_and_nothing_else(carrier, registry, path):
    carrier.upload(path, b"{}")
    data = manifest("whatever", padding="  spaces stay ")
    for name in (digest_of(data), "v1", "passing"):
        carrier.put(path, name, MANIFEST, data)
    assert carrier.run("get", path, "v1") == MANIFEST.encode() + b"\n" + data
    assert "the reference says" in carrier.refused(
        "put", path, digest_of(b"another"), MANIFEST, carrier.file(data))

    carrier.run("untag", path, "passing")
    carrier.run("untag", path, "passing")
    assert "has no 'passing'" in carrier.refused("get", path, "passing")
    assert carrier.run("get", path, "v1").endswith(data)
    assert json.loads(get(registry, f"{path}/tags/list"))["tags"] == ["v1"]

    said = carrier.refused("put", path, "v1", MANIFEST, carrier.file(
        data.replace(b"44136fa3", b"00000000")))
    assert "MANIFEST_BLOB_UNKNOWN" in said and "push again" in said


def test_a_list_of_referrers_is_kept_where_the_registry_has_none(carrier, registry, path):
    carrier.upload(path, b"{}")
    data = manifest("subject")
    carrier.put(path, "v1", MANIFEST, data)
    subject = {"mediaType": MANIFEST, "digest": digest_of(data), "size": len(data)}
    assert carrier.run("referrers", path, subject["digest"]) == b""

    made = [manifest(f"bill {n}", artifactType=f"application/vnd.bill.{n}", subject=subject)
            for n in range(4)]
    for started in [carrier.start("refer", path, MANIFEST, carrier.file(one)) for one in made]:
        carrier.finish(started)
    carrier.run("refer", path, MANIFEST, carrier.file(made[0]))

    want = {digest_of(one): f"application/vnd.bill.{n}" for n, one in enumerate(made)}
    lines = carrier.run("referrers", path, subject["digest"]).decode().splitlines()
    assert dict(line.split() for line in lines) == want and len(lines) == len(want)
    asked = urllib.request.Request(
        f"http://{registry.host}/v2/{path}/manifests/{subject['digest'].replace(':', '-')}",
        headers={"Accept": INDEX})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        listed = json.load(answer)["manifests"]
    assert {entry["digest"]: entry["artifactType"] for entry in listed} == want
    assert all(entry["annotations"]["text"].startswith("bill ") and
               entry["mediaType"] == MANIFEST for entry in listed)


def test_asks_for_no_more_tokens_and_rights_than_it_needs(new_registry, new_carrier, scratch, path):
    rights = {"owner": ["pull", "push", "delete"], "pusher": ["pull", "push"], "reader": ["pull"]}
    authority = Authority(scratch.directory("authority"))
    with TokenServer(authority, {user: "secret" for user in rights}, rights) as tokens:
        registry = new_registry(auth=tokens.registry_auth())
        users = {user: new_carrier(registry.host) for user in rights}
        for user, carrier in users.items():
            carrier.log_in(user, "secret")
            carrier.environment["SSL_CERT_FILE"] = str(authority.certificate_file)
        owner, pusher, reader = users.values()

        owner.run("check", path)
        assert registry.uploads(path) == []
        tokens.requests.clear()
        pusher.upload(path, b"{}")
        assert [one.scope for one in tokens.requests] == [f"repository:{path}:pull,push"]
        pusher.run("check", path)
        tokens.requests.clear()
        assert pusher.upload(f"{path}/other", b"{}", path).startswith("mounted")
        assert [one.scope for one in tokens.requests] == \
            [f"repository:{path}/other:pull,push repository:{path}:pull"]
        pusher.put(path, "v1", MANIFEST, manifest("one"))
        assert "docker login" in pusher.refused("untag", path, "v1")
        assert "'reader' is not allowed" in reader.refused("check", path)
        assert reader.run("get", path, "v1").endswith(manifest("one"))
        owner.run("untag", path, "v1")
        assert "has no 'v1'" in reader.refused("get", path, "v1")


def test_shows_its_certificate_to_a_registry_that_wants_one(new_registry, new_carrier, scratch, path):
    ours, theirs = Tls(scratch.directory("tls")), Tls(scratch.directory("tls"))
    registry = new_registry(tls={"certificate": str(theirs.certificate), "key": str(theirs.key),
                                 "clientcas": [str(ours.certificate)]})
    carrier = new_carrier(registry.host)
    said = carrier.refused("check", path)
    assert "certificate" in said
    directory = carrier.home / ".config/docker/certs.d" / registry.host
    directory.mkdir(parents=True)
    for source, name in ((theirs.certificate, "ca.crt"), (ours.certificate, "client.cert"),
                         (ours.key, "client.key")):
        (directory / name).write_bytes(source.read_bytes())
    assert carrier.upload(path, b"layer" * 100_000).startswith("uploaded")
    assert carrier.run("download", path, digest_of(b"layer" * 100_000), 500_000)


def test_says_what_a_registry_does_not_do(carrier, new_carrier, new_registry, registry, path):
    carrier.upload(path, b"{}")
    carrier.put(path, "v1", MANIFEST, manifest("one"))
    closed = new_carrier(new_registry(data=registry.data, is_read_only=True).host)
    for call in (("check", path), ("put", path, "v2", MANIFEST, closed.file(manifest("one"))),
                 ("upload", path, digest_of(b"x"), closed.file(b"x"))):
        assert "the registry is read-only" in closed.refused(*call)
    keeper = new_carrier(new_registry(data=registry.data, deletes=False).host)
    said = keeper.refused("untag", path, "v1")
    assert "deletes nothing" in said and "storage.delete.enabled" in said
    assert closed.run("get", path, "v1").endswith(manifest("one"))


def test_a_full_registry_takes_nothing_and_loses_nothing(new_registry, new_agent, new_client, token,
                                                         sanitizer, scratch):
    if not rig_users.IS_ROOT:
        pytest.skip("needs root, to become other users")
    if subprocess.run(["/usr/bin/unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("needs the right to make namespaces")
    registry = new_registry(disk="2m")
    client = new_client(new_agent(Policy(token, registry.host, sanitizer)).start())
    gun = f"{registry.host}/shop/web"
    small, large = (Image(scratch.directory("image"), gun, padding=n) for n in (0, 4 << 20))
    for image in (small, large):
        image.directory.chmod(0o755)

    client.run("init", gun)
    client.run("push", f"{gun}:v1", "--from", f"oci:{small.directory}")
    before = client.json("inspect", gun)
    said = client.refused(6, "push", f"{gun}:v1", "--from", f"oci:{large.directory}")
    assert "no space left on device" in said and "the storage of the registry is full" in said
    assert client.json("inspect", gun) == before
    out = client.run("list", gun)
    assert small.hex in out and large.hex not in out
