# SPDX-License-Identifier: Apache-2.0
"""registry: Debian's docker-registry with its data in files, on the loopback interface."""
import json
import subprocess

from rig_port import free_port
from rig_process import Process, answers, environment
from rig_scratch import write

# In a mount namespace of its own, with a disk of that size for its data.
ON_DISK = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'


class Registry:
    """auth: what goes into the configuration's "auth" member; None: everybody may do everything.
    More: data (a directory of another one), tls (the "tls" member; None: plain HTTP), deletes,
    is_read_only, disk (its size in bytes; None: that of everybody)."""

    def __init__(self, scratch, auth=None, data=None, **more):
        self.directory = scratch.directory("registry")
        self.data = data or self.directory / "data"
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        config = {
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.data)},
                        "delete": {"enabled": more.get("deletes", True)},
                        "maintenance": {"readonly": {"enabled": more.get("is_read_only", False)}}},
            "http": {"addr": self.host},
        }
        if auth:
            config["auth"] = auth
        if more.get("tls"):
            config["http"]["tls"] = more["tls"]
        # JSON is YAML.
        file = write(self.directory / "config.yml", json.dumps(config))
        args = ["/usr/bin/docker-registry", "serve", file]
        if more.get("disk"):
            self.data.mkdir()
            args = ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                    ON_DISK, "sh", more["disk"], self.data, *args]
        self.process = Process(args, self.directory / "log",
                               environment(HOME=str(self.directory)))
        self.process.wait_until(lambda: answers(self.port))

    def push(self, image, reference, credentials=None):
        """Upload an image of rig_image under 'HOST/NAME:TAG'."""
        args = ["/usr/bin/skopeo", "copy", "--all", "--quiet", "--dest-tls-verify=false"]
        if credentials:
            args += ["--dest-creds", credentials]
        args += [f"oci:{image.directory}:{image.tag}", f"docker://{reference}"]
        done = subprocess.run(args, env=environment(HOME=str(self.directory)), timeout=60,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def uploads(self, path):
        """Uploads that were begun there, and neither ended nor given up."""
        there = self.data / "docker/registry/v2/repositories" / path / "_uploads"
        # Of one that is given up, 2.8 writes the state of its hash once more.
        return list(there.glob("*/startedat"))

    def stop(self):
        self.process.stop()
