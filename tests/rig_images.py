# SPDX-License-Identifier: Apache-2.0
"""images: what Debian's builders and hostile hands make to be pushed from."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

from rig_image import CONFIG, LAYER, MANIFEST
from rig_process import environment

ARTIFACT = "application/vnd.example.sbom"
EMPTY = "application/vnd.oci.empty.v1+json"


def run(*args, **more):
    done = subprocess.run([str(arg) for arg in args], capture_output=True, text=True, timeout=60,
                          env=environment(), **more)
    assert done.returncode == 0, f"{args}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def skopeo(*args, **more):
    return run("/usr/bin/skopeo", *args, **more)


class Buildah:
    """An image from scratch, built without a daemon, in storage of its own."""

    def __init__(self, directory):
        self._storage = ("--root", directory / "root", "--runroot", directory / "run",
                         "--storage-driver", "vfs")
        (directory / "hello").write_text("built by buildah\n")
        self.container = self._run("from", "scratch")
        self._run("copy", "-q", self.container, directory / "hello", "/hello")

    def _run(self, *args):
        return run("/usr/bin/buildah", *self._storage, *args)

    def commit(self, destination):
        self._run("commit", "-q", "--timestamp", "0", self.container, destination)


class Layout:
    """An OCI layout whose blobs need not be what they are named by."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "blobs/sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.entries = []

    def path(self, descriptor):
        return self.directory / "blobs/sha256" / descriptor["digest"].split(":")[1]

    def blob(self, media_type, data, **more):
        descriptor = {"mediaType": media_type, "size": len(data),
                      "digest": "sha256:" + hashlib.sha256(data).hexdigest(), **more}
        self.path(descriptor).write_bytes(data)
        return descriptor

    def image(self, text, tag=None, **more):
        """An image, or an artifact about another one: image(text, artifactType=..., subject=...)."""
        layer = gzip.compress(f"{text}\n".encode(), mtime=0)
        is_artifact = "artifactType" in more
        config = b"{}" if is_artifact else json.dumps(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [
                "sha256:" + hashlib.sha256(f"{text}\n".encode()).hexdigest()]}}).encode()
        self.layer = self.blob(LAYER, layer)
        entry = self.blob(MANIFEST, json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": self.blob(EMPTY if is_artifact else CONFIG, config),
            "layers": [self.layer], **more}).encode())
        named = {"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {}
        self.entries.append(entry | named)
        (self.directory / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": self.entries}))
        return entry

    def sbom(self, subject):
        return self.image("sbom", artifactType=ARTIFACT,
                          subject={name: subject[name] for name in ("mediaType", "digest", "size")})

    def tar(self, file, *more):
        """The layout as an archive, and more members: (tarfile.TarInfo, data)."""
        with tarfile.open(file, "w") as tar:
            for path in sorted(self.directory.rglob("*")):
                if path.is_file():
                    tar.add(path, path.relative_to(self.directory))
            for member, data in more:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return file


def bomb(file):
    """130 MiB of zeros, in some kilobytes."""
    zeros = bytes(1 << 20)
    with subprocess.Popen(["/usr/bin/zstd", "-q", "-1", "-o", file], stdin=subprocess.PIPE) as packer:
        with tarfile.open(fileobj=packer.stdin, mode="w|") as tar:
            member = tarfile.TarInfo("oci-layout")
            member.size = 130 << 20
            tar.addfile(member, _Repeated(zeros, member.size))
    return file


class _Repeated:
    def __init__(self, piece, size):
        self._piece, self._left = piece, size

    def read(self, size):
        size = min(size, self._left, len(self._piece))
        self._left -= size
        return self._piece[:size]


def sparse(file):
    """A file that is a hole of 1 TiB."""
    hole = file.with_suffix(".hole")
    with open(hole, "wb") as holed:
        holed.truncate(1 << 40)
    run("/bin/tar", "-C", hole.parent, "-c", "-S", "-f", file, hole.name)
    os.unlink(hole)
    return file
