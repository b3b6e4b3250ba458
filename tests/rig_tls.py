# SPDX-License-Identifier: Apache-2.0
"""tls: a self-signed certificate for servers on the loopback interface."""
import subprocess


class Tls:
    def __init__(self, directory):
        self.key = directory / "tls.key"
        self.certificate = directory / "tls.crt"
        subprocess.run(
            ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.certificate,
             "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True)
