# SPDX-License-Identifier: Apache-2.0
"""registry: Debian's docker-registry with its data in files, plain HTTP on the loopback interface."""
import json
import subprocess

from rig_port import free_port
from rig_process import Process, answers, environment
from rig_scratch import write


class Registry:
    """auth: what goes into the configuration's "auth" member; None: everybody may do everything.
    deletes: whether anything can be taken away again."""

    def __init__(self, scratch, auth=None, deletes=True):
        self.directory = scratch.directory("registry")
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        config = {
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.directory / "data")},
                        "delete": {"enabled": deletes}},
            "http": {"addr": self.host},
        }
        if auth:
            config["auth"] = auth
        # JSON is YAML.
        file = write(self.directory / "config.yml", json.dumps(config))
        self.process = Process(["/usr/bin/docker-registry", "serve", file], self.directory / "log",
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

    def stop(self):
        self.process.stop()
