# SPDX-License-Identifier: Apache-2.0
"""image: OCI images made of nothing but Python, for one platform or for several."""
import gzip
import hashlib
import io
import json
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Image:
    """An OCI layout in directory; digest and size are those of what the tag will name. padding:
    bytes of one more layer, which nobody compresses."""

    tag = "made"

    def __init__(self, directory, text, architectures=("amd64",), padding=0):
        self.directory, self._padding = directory, padding
        (directory / "blobs" / "sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        top = [self._manifest(text, architecture) for architecture in architectures]
        if len(top) == 1:
            named = top[0]
        else:
            named = self._blob(INDEX, json.dumps(
                {"schemaVersion": 2, "mediaType": INDEX, "manifests": top}).encode())
        self.digest = named["digest"]
        self.hex = self.digest.split(":")[1]
        self.size = named["size"]
        entry = {**named, "annotations": {"org.opencontainers.image.ref.name": self.tag}}
        (directory / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [entry]}))

    def _blob(self, media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        (self.directory / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def _manifest(self, text, architecture):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as layer:
            data = f"{text} for {architecture}\n".encode()
            member = tarfile.TarInfo("hello")
            member.size = len(data)
            layer.addfile(member, io.BytesIO(data))
        diff = "sha256:" + hashlib.sha256(tar.getvalue()).hexdigest()
        config = self._blob(CONFIG, json.dumps({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode())
        layers = [self._blob(LAYER, gzip.compress(tar.getvalue(), mtime=0))]
        if self._padding:
            layers.append(self._blob(LAYER.removesuffix("+gzip"), bytes(self._padding)))
        manifest = self._blob(MANIFEST, json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config,
            "layers": layers}).encode())
        return {**manifest, "platform": {"os": "linux", "architecture": architecture}}
