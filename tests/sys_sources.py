# SPDX-License-Identifier: Apache-2.0
"""push --from: what builders of today make gets into the registry as it is, and what hostile hands
make gets nowhere."""
import json
import os
import re
import tarfile
import urllib.error
import urllib.request

import pytest
from rig_docker import Docker
from rig_images import Buildah, Layout, bomb, run, skopeo, sparse
from rig_registry import Registry

ACCEPT = ("application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
          "application/vnd.docker.distribution.manifest.v2+json")


@pytest.fixture
def files(scratch):
    directory = scratch.directory("sources")
    directory.chmod(0o755)
    return directory


@pytest.fixture
def made(client, gun):
    """A repository with one role."""
    client.run("init", gun)
    return gun


def manifest(reference):
    """What lies under a tag or digest; None: nothing."""
    host, _, rest = reference.partition("/")
    path, _, name = re.fullmatch(r"(.*?)([:@])(sha256:\w+|[\w.-]+)", rest).groups()
    asked = urllib.request.Request(f"http://{host}/v2/{path}/manifests/{name}",
                                   headers={"Accept": ACCEPT})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read()) | {"digest": answer.headers["Docker-Content-Digest"]}
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None


def digest_of(reference):
    found = manifest(reference)
    return found and found["digest"]


def back(reference, directory):
    """The image as skopeo brings it back: its digest."""
    skopeo("copy", "-q", "--src-tls-verify=false", "--preserve-digests", f"docker://{reference}",
           f"oci:{directory}:back")
    index = json.loads((directory / "index.json").read_text())
    return index["manifests"][-1]["digest"]


def test_pushes_what_builders_make(client, made, files):
    layout = files / "umoci"
    umoci = "/usr/bin/umoci"
    run(umoci, "init", "--layout", layout)
    for tag in ("v1", "v2"):
        run(umoci, "new", "--image", f"{layout}:{tag}")
        run(umoci, "config", "--image", f"{layout}:{tag}", "--author", tag)
    (files / "buildah").mkdir()
    buildah = Buildah(files / "buildah")
    buildah.commit(f"oci-archive:{files}/oci.tar:v3")
    buildah.commit(f"docker-archive:{files}/docker.tar:localhost/shop/web:v4")
    run("/usr/bin/zstd", "-q", files / "oci.tar", "-o", files / "oci.tar.zst")
    run("/bin/chmod", "-R", "a+rX", files)

    # A layout of several tags gives each its own.
    client.run("push", f"{made}:v1", f"{made}:v2", "--from", f"oci:{layout}")
    for tag in ("v1", "v2"):
        assert digest_of(f"{made}:{tag}") == skopeo("inspect", "--format={{.Digest}}",
                                                    f"oci:{layout}:{tag}")
    told = client.refused(1, "push", f"{made}:v9", "--from", f"oci:{layout}")
    assert "no image 'v9' in it; there are: 'v1', 'v2'" in told

    # Compressed or not, an archive is the same image, and comes back as it was.
    client.run("push", f"{made}:v3", "--from", f"oci-archive:{files}/oci.tar")
    client.run("push", f"{made}:packed", "--from", f"oci-archive:{files}/oci.tar.zst:v3")
    want = skopeo("inspect", "--format={{.Digest}}", f"oci-archive:{files}/oci.tar")
    assert digest_of(f"{made}:v3") == digest_of(f"{made}:packed") == want
    assert back(f"{made}:v3", files / "back") == want

    # The old form has no digest of its own, but always the same one, and its config.
    client.run("push", f"{made}:v4", "--from", f"docker-archive:{files}/docker.tar")
    platform = json.loads(skopeo("inspect", f"docker-archive:{files}/docker.tar"))["Architecture"]
    client.run("push", f"{made}:named", "--platform", f"linux/{platform}", "--from",
               f"docker-archive:{files}/docker.tar:localhost/shop/web:v4")
    told = client.refused(1, "push", f"{made}:other", "--platform", "windows/amd64", "--from",
                          f"docker-archive:{files}/docker.tar")
    assert f"no image for platform 'windows/amd64'; there are: linux/{platform}" in told
    assert digest_of(f"{made}:v4") == digest_of(f"{made}:named")
    config = skopeo("inspect", "--raw", f"docker-archive:{files}/docker.tar")
    assert manifest(f"{made}:v4")["config"]["digest"] == json.loads(config)["config"]["digest"]
    assert "Layers" in skopeo("inspect", "--tls-verify=false", f"docker://{made}:v4")


def test_takes_the_layout_that_engines_of_today_save(client, made, files):
    """docker-archive with an OCI layout in it, as the store of containerd writes it."""
    layout = Layout(files)
    images = {}
    for name in ("web", "db"):
        images[name] = layout.image(name)
        layout.entries[-1]["annotations"] = {
            "io.containerd.image.name": f"docker.io/shop/{name}:v1",
            "org.opencontainers.image.ref.name": "v1"}
    layout.image("without a name")
    archive = layout.tar(files / "saved.tar", (tarfile.TarInfo("manifest.json"), b"[]"))
    client.run("push", f"{made}:v1", "--from", f"docker-archive:{archive}:shop/db:v1")
    assert digest_of(f"{made}:v1") == images["db"]["digest"]
    told = client.refused(1, "push", f"{made}:v1", "--from", f"docker-archive:{archive}")
    assert "2 different images have the name 'v1'" in told


def test_pushes_what_docker_saved(client, made, files, engine, notary_server):
    """The engine pulls the image that it saved: its ID is the digest of the config."""
    docker = Docker(files, notary_server, engine.host)
    (files / "hello").write_text("from docker\n")
    for name in ("a:v1", "b:v2"):
        with tarfile.open(files / "root.tar", "w") as tar:
            tar.add(files / "hello", f"hello-{name[0]}")
        docker.run("import", str(files / "root.tar"), name)
    saved = files / "saved.tar"
    docker.run("save", "-o", str(saved), "a:v1", "b:v2")
    saved.chmod(0o644)
    client.run("push", f"{made}:v1", f"{made}:v2", "--from", f"docker-archive:{saved}")
    client.run("push", f"{made}:b", "--from", f"docker-archive:{saved}:b:v2")
    assert digest_of(f"{made}:b") == digest_of(f"{made}:v2") != digest_of(f"{made}:v1")
    want = docker.run("image", "inspect", "--format={{.Id}}", "b:v2")
    docker.run("image", "rm", "b:v2")
    docker.run("pull", "-q", f"{made}:b")
    assert docker.run("image", "inspect", "--format={{.Id}}", f"{made}:b") == want


def test_takes_along_what_refers_to_the_image(client, made, files, scratch):
    """From a layout into a registry, from there into another repository and another registry."""
    layout = Layout(files)
    image = layout.image("image", "v1")
    sbom = layout.sbom(image)
    signed = layout.sbom(sbom)
    client.run("push", f"{made}:bare", "--from", f"oci:{files}")
    assert manifest(f"{made}@{sbom['digest']}") is None

    client.run("push", f"{made}:v1", "--from", f"oci:{files}", "--referrers")
    other = f"{made}/other"
    client.run("init", other)
    done = client.try_run("push", f"{other}:v1", "--from", f"registry:{made}:v1", "--referrers")
    assert done.returncode == 0, done.stderr
    assert ": Mounted" in done.stderr and "Pushed" not in done.stderr
    second = Registry(scratch)
    try:
        third = made.replace(made.split("/", 1)[0], second.host)
        told = client.refused(1, "push", f"{third}:v1", "--from", f"registry:{made}@{sbom['digest']}")
        assert "'countersign init' makes it" in told
        client.run("push", f"{made}:by-digest", "--from", f"registry:{made}@{image['digest']}")
        skopeo("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false",
               f"docker://{other}:v1", f"docker://{third}:v1")
        client.run("push", f"{made}:returned", "--from", f"registry:{third}:v1")
    finally:
        second.stop()
    for repository in (made, other):
        for about, artifact in ((image, sbom), (sbom, signed)):
            (entry,) = manifest(f"{repository}:{about['digest'].replace(':', '-')}")["manifests"]
            assert entry["digest"] == artifact["digest"]
            assert digest_of(f"{repository}@{artifact['digest']}") == artifact["digest"]
    for tag in ("v1", "bare", "by-digest", "returned"):
        assert digest_of(f"{made}:{tag}") == image["digest"]


def test_pushes_nothing_that_is_not_as_it_is_named(client, made, files):
    """A layer that was exchanged, cut off, or is no file of the layout."""
    layout = Layout(files)
    image = layout.image("image", "v1")
    layer = layout.path(layout.layer)
    whole = layer.read_bytes()

    def tries(status, want, source=f"oci:{files}"):
        said = client.refused(status, "push", f"{made}:v1", "--from", source)
        assert want in said, said
        assert manifest(f"{made}:v1") is None

    layer.write_bytes(whole[::-1])
    tries(4, layout.layer["digest"])
    tries(4, layout.layer["digest"], f"oci-archive:{layout.tar(files / 'bad.tar')}")
    layer.write_bytes(whole[:-1])
    tries(1, "the manifest says")
    layer.unlink()
    tries(1, "no such file")
    os.mkfifo(layer)
    tries(1, "it is no file")
    layer.unlink()
    layer.symlink_to("/etc/passwd")
    tries(1, "the manifest says")
    layer.unlink()
    layer.write_bytes(whole)
    layout.path(image).write_text("{}")
    tries(4, image["digest"])


def test_opens_no_hostile_archive(client, made, files):
    inside = files / "inside"
    inside.mkdir()
    layout = Layout(inside)
    layout.image("image", "v1")
    whole = layout.tar(files / "whole.tar")
    (files / "cut.tar").write_bytes(whole.read_bytes()[:2000])
    run("/bin/gzip", "-k", whole)
    (files / "cut.tar.gz").write_bytes((files / "whole.tar.gz").read_bytes()[:-20])
    twice = tarfile.TarInfo("index.json")
    out = tarfile.TarInfo("../../etc/cron.d/x")
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    cases = {
        "it is damaged": [files / "cut.tar", files / "cut.tar.gz"],
        "'index.json' is there twice": [layout.tar(files / "twice.tar", (twice, b"{}"))],
        "its name is none within": [layout.tar(files / "out.tar", (out, b"x"))],
        "a link that leads out": [layout.tar(files / "link.tar", (link, b""))],
        "neither file nor directory": [layout.tar(files / "device.tar", (device, b""))],
        "it has holes": [sparse(files / "sparse.tar")],
        "more than 1100 times as many": [bomb(files / "bomb.tar.zst")],
        "it is no tar file": [inside / "index.json"],
        "is a directory": [inside],
    }
    for want, archives in cases.items():
        for archive in archives:
            said = client.refused(1, "push", f"{made}:v1", "--from", f"oci-archive:{archive}")
            assert want in said, said
    assert not list(files.glob("countersign*"))
    client.run("push", f"{made}:v1", "--from", f"oci-archive:{whole}")

    # Where there is no room for it, it says where it wanted some.
    said = client.refused(1, "push", f"{made}:v2", "--from", f"oci-archive:{whole}",
                          TMPDIR="/nonexistent")
    assert "cannot make a file in '/nonexistent'" in said
