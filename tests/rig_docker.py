# SPDX-License-Identifier: Apache-2.0
"""docker: Debian's CLI and engine, unpacked and not installed, as those who verify."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from rig_port import free_port
from rig_process import Process, environment
from rig_tls import Tls

UNPACK = Path(__file__).parent.parent / "contrib" / "unpack"


def unpacked(group="docker"):
    """The directory with docker and dockerd, or with another group of contrib/packages."""
    return Path(subprocess.run([UNPACK, group], check=True, stdout=subprocess.PIPE, text=True,
                               timeout=300).stdout.strip())


class Docker:
    """A user of the docker CLI. host: an engine's address; verifying needs none."""

    def __init__(self, directory, server, host=None):
        config = directory / "docker"
        tls = config / "tls" / server.host
        tls.mkdir(parents=True)
        shutil.copyfile(server.tls.certificate, tls / "ca.crt")
        self.program = unpacked() / "usr" / "bin" / "docker"
        self.environment = environment(
            HOME=str(directory), DOCKER_CONFIG=str(config),
            DOCKER_CONTENT_TRUST_SERVER=server.url,
            DOCKER_HOST=host or f"unix://{directory}/nobody.sock")

    def try_run(self, *args, **more):
        return subprocess.run(
            [self.program, *args], env={**self.environment, **more}, capture_output=True,
            text=True, timeout=120, cwd="/", stdin=subprocess.DEVNULL)

    def run(self, *args, **more):
        done = self.try_run(*args, **more)
        assert done.returncode == 0, f"{done.args}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def trust_inspect(self, *images):
        """`docker trust inspect`, parsed."""
        return json.loads(self.run("trust", "inspect", *images))


class Engine:
    """dockerd without networks; it starts its own containerd, and both end with stop(). It answers on
    a socket, and at tls_host to those who come with the certificate of tls."""

    # What dockerd writes outside of the directories that it is given.
    STRAY = (Path("/etc/docker/key.json"), Path("/etc/docker"), Path("/run/docker"))

    def __init__(self, directory):
        tree = unpacked() / "usr"
        self.host = f"unix://{directory}/docker.sock"
        self.tls = Tls(directory)
        self.tls_host = f"tcp://127.0.0.1:{free_port()}"
        self._socket = directory / "docker.sock"
        self._strays = [path for path in self.STRAY if not path.exists()]
        self.process = Process(
            [tree / "sbin" / "dockerd", "--bridge=none", "--iptables=false", "--ip-forward=false",
             "--ip-masq=false", "--storage-driver=vfs", f"--data-root={directory}/data",
             f"--exec-root={directory}/exec", f"--pidfile={directory}/pid", "-H", self.host,
             "-H", self.tls_host, "--tlsverify", f"--tlscacert={self.tls.certificate}",
             f"--tlscert={self.tls.certificate}", f"--tlskey={self.tls.key}"],
            directory / "log",
            environment(HOME=str(directory)) | {
                "PATH": f"{tree}/bin:{tree}/sbin:{os.defpath}:/usr/sbin:/sbin"})
        self.process.wait_until(self._socket.exists, seconds=60)

    def stop(self):
        self.process.stop(seconds=60)
        for path in self._strays:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
