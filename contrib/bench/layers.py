# SPDX-License-Identifier: Apache-2.0
"""layers: an image of layers of chosen sizes, whose bytes cannot be made fewer."""
import hashlib
import json
import os
import tarfile
import zlib

from rig_image import CONFIG, LAYER, MANIFEST

PIECE = 1 << 20


class Layers:
    """An OCI layout in directory with one image, of one layer for each of sizes, which are in bytes. The
    layers are in gzip's form, as registries have them, but stored: what takes time is not to
    compress. manifest and blobs are descriptors."""

    def __init__(self, directory, sizes):
        self.directory = directory
        self._blobs = directory / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        layers, diff_ids = zip(*map(self._layer, sizes))
        config = self._blob(CONFIG, {
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}})
        self.manifest = self._blob(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST,
                                         "config": config, "layers": list(layers)})
        self.blobs = [config, *layers]
        (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (directory / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [self.manifest]}))

    def read(self, descriptor):
        return (self._blobs / descriptor["digest"].removeprefix("sha256:")).read_bytes()

    def _blob(self, media_type, document):
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def _layer(self, size):
        """Its descriptor, and its digest as a tar file."""
        packed, plain = hashlib.sha256(), hashlib.sha256()
        packer = zlib.compressobj(level=0, wbits=31)
        path = self._blobs / "new"
        with open(path, "wb") as file:
            for piece in _tar(size):
                plain.update(piece)
                piece = packer.compress(piece)
                packed.update(piece)
                file.write(piece)
            piece = packer.flush()
            packed.update(piece)
            file.write(piece)
        path.rename(self._blobs / packed.hexdigest())
        return ({"mediaType": LAYER, "digest": f"sha256:{packed.hexdigest()}",
                 "size": (self._blobs / packed.hexdigest()).stat().st_size},
                f"sha256:{plain.hexdigest()}")


def _tar(size):
    """The pieces of a tar file with one file of random bytes."""
    member = tarfile.TarInfo("data")
    member.size = size
    yield member.tobuf()
    for at in range(0, size, PIECE):
        yield os.urandom(min(PIECE, size - at))
    # Up to a whole block, and two empty ones.
    yield bytes(-size % 512 + 1024)
