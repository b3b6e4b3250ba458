# SPDX-License-Identifier: Apache-2.0
"""carrier: what the client's modules do with a registry, one call at a time."""
import base64
import hashlib
import json
import subprocess


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
         "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()}


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Carrier:
    """For one registry, with a home of its own."""

    def __init__(self, build, sanitizer, scratch, host):
        self.program, self.sanitizer, self.host = build / "tests" / "carrier", sanitizer, host
        self.home = scratch.directory("carrier")
        self.environment = sanitizer.environment(HOME=str(self.home))

    def log_in(self, user, password):
        """With docker's file of credentials."""
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        (self.home / ".docker").mkdir()
        (self.home / ".docker/config.json").write_text(
            json.dumps({"auths": {self.host: {"auth": pair}}}))

    def file(self, data):
        path = self.home / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        return path

    def start(self, verb, *args):
        return subprocess.Popen([self.program, self.host, verb, *map(str, args)],
                                env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, popen):
        out, err = popen.communicate(timeout=120)
        self.sanitizer.check(err.decode())
        assert popen.returncode == 0, err.decode()
        return out

    def run(self, verb, *args):
        return self.finish(self.start(verb, *args))

    def refused(self, verb, *args):
        """What it says."""
        popen = self.start(verb, *args)
        _, err = popen.communicate(timeout=120)
        assert popen.returncode not in (0, -6, -11), err
        return err.decode()

    def upload(self, path, data, *more):
        """more: a repository to mount it from, or a size of chunks."""
        return self.run("upload", path, digest_of(data), self.file(data), *more).decode()

    def put(self, path, reference, media_type, manifest):
        self.run("put", path, reference, media_type, self.file(manifest))


def manifest(text, **more):
    """An artifact without anything in it; more: members."""
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": EMPTY,
                       "layers": [EMPTY], "annotations": {"text": text}, **more}).encode()
