# SPDX-License-Identifier: Apache-2.0
"""notary-server: Debian's, with its data in memory or in a database, and TLS on the loopback interface."""
import json
import ssl
import urllib.error
import urllib.request

from rig_port import free_port
from rig_process import Process, environment
from rig_scratch import write
from rig_tls import Tls


class NotaryServer:
    """auth: what goes into the server's "auth" member; None: everybody may do everything. is_plain:
    without TLS, to stand behind something that has it. database: one of rig_database; None: its
    data is in memory."""

    def __init__(self, scratch, auth=None, is_plain=False, database=None):
        self.directory = scratch.directory("notary-server")
        self.tls = Tls(self.directory)
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}" if is_plain else f"https://{self.host}"
        config = {
            "server": {"http_addr": self.host},
            "trust_service": {"type": "local", "hostname": "", "port": "",
                              "key_algorithm": "ecdsa"},
            "logging": {"level": "error"},
            "storage": database.storage if database else {"backend": "memory"},
        }
        if not is_plain:
            config["server"] |= {"tls_key_file": str(self.tls.key),
                                 "tls_cert_file": str(self.tls.certificate)}
        if auth:
            config["auth"] = auth
        file = write(self.directory / "config.json", json.dumps(config))
        self._trust = ssl.create_default_context(cafile=self.tls.certificate)
        self.process = Process(["/usr/bin/notary-server", "-config", file],
                               self.directory / "log", environment(HOME=str(self.directory)))
        self.process.wait_until(self._is_healthy)

    def _is_healthy(self):
        try:
            return self.get("/_notary_server/health").strip() == b"{}"
        except urllib.error.HTTPError:
            raise
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path):
        """The body of an answer; urllib.error.HTTPError on any other status than 200."""
        with urllib.request.urlopen(self.url + path, context=self._trust, timeout=30) as answer:
            return answer.read()

    def document(self, gun, role):
        """The newest published metadata of a role, parsed."""
        return json.loads(self.get(f"/v2/{gun}/_trust/tuf/{role}.json"))

    def publish(self, gun, **files):
        """Post files by their roles, whoever made them; urllib.error.HTTPError where the server
        does not want them."""
        boundary, body = "part-of-a-publication", b""
        for role, file in files.items():
            body += (f"--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; "
                     f"filename=\"{role}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
                     ).encode() + file + b"\r\n"
        asked = urllib.request.Request(
            f"{self.url}/v2/{gun}/_trust/tuf/", body + f"--{boundary}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        with urllib.request.urlopen(asked, context=self._trust, timeout=30):
            pass

    def stop(self):
        self.process.stop()
