# SPDX-License-Identifier: Apache-2.0
"""port: a TCP port of the loopback interface that nobody uses."""
import random
import socket

# Below Linux's ephemeral ports: no outgoing connection takes one between our look and a server's bind.
FIRST, LAST = 20000, 32000


def free_port():
    while True:
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
