# SPDX-License-Identifier: Apache-2.0
"""piv: smartcards in readers of their own: pcscd with vpcd's virtual reader, and tests/piv_emulator.py.

A reader's daemon and its card run in a mount and a network namespace, as pcscd's directory is fixed
and vpcd listens on all addresses. Clients stay outside: PCSCLITE_CSOCK_NAME is the daemon's socket.
"""
import contextlib
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from rig_process import LIBRARIES, Process, answers_at, environment
from rig_scratch import write

OPENSC = str(LIBRARIES / "opensc-pkcs11.so")
YKCS11 = str(LIBRARIES / "libykcs11.so.2")
PIN = "123456"
SERIAL = 12345678
PORT = 35963  # of vpcd's first slot; that of the second one is above
EMULATOR = Path(__file__).with_name("piv_emulator.py")
# ykcs11 looks for cards in readers of this name only.
READER = """FRIENDLYNAME "Yubico YubiKey CCID"
DEVICENAME /dev/null:{port:#x}
LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID {port:#x}
"""


def need_namespaces():
    """Skip where nobody may have namespaces of his own."""
    done = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs the right to make namespaces")


class Reader:
    """One reader, with its daemon; empty until a card is put in."""

    def __init__(self, directory):
        self.directory = directory
        self.run = directory / "run"
        self.run.mkdir()
        self.run.chmod(0o755)
        # It holds the namespaces for daemons and cards that come and go. pcscd makes its directory in
        # /run, and finds no reader of this machine there.
        self._anchor = Process(
            ["unshare", "--mount", "--net", "sh", "-c",
             'mount --bind "$0" /run && ip link set lo up && echo ready && exec cat', self.run],
            directory / "anchor.log", environment(), stdin=subprocess.PIPE)
        self.daemon = None
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._anchor.wait_until(lambda: "ready" in self._anchor.text())
            self.start_daemon()
            undo.pop_all()

    @property
    def variables(self):
        """What clients of this reader have in their environment."""
        return {"PCSCLITE_CSOCK_NAME": str(self.run / "pcscd" / "pcscd.comm")}

    def start(self, args, log):
        """Start a program within the reader's namespaces."""
        return Process(["nsenter", f"--target={self._anchor.pid}", "--mount", "--net", *args], log,
                       environment())

    def start_daemon(self, is_plugged_in=True, has_card=False):
        """Start it, with the reader or without it; it cannot unplug a virtual one while it runs."""
        n_inserted = self.n_seen("ATR") if self.daemon else 0
        text = READER.format(port=PORT) if is_plugged_in else ""
        configuration = write(self.directory / "reader.conf", text)
        self.daemon = self.start(["pcscd", "--foreground", "--info", "--config", configuration],
                                 self.directory / "pcscd.log")
        self.daemon.wait_until(lambda: answers_at(self.variables["PCSCLITE_CSOCK_NAME"]))
        if has_card:
            self.daemon.wait_until(lambda: self.n_seen("ATR") > n_inserted)

    def n_seen(self, event):
        """How often the daemon said so; event: "ATR" of one that is put in, or "Removed"."""
        return self.daemon.text().count(f"Card {event}")

    def kill_daemon(self):
        self.daemon.stop(signal.SIGKILL)

    def stop(self):
        if self.daemon:
            self.daemon.stop(signal.SIGKILL)
        self._anchor.popen.stdin.close()
        self._anchor.popen.wait(10)


class Card:
    """A card in a reader. directory keeps it: with the same one it is the same card. options: of
    tests/piv_emulator.py."""

    def __init__(self, reader, directory, *options):
        self.reader, self.directory = reader, directory
        self._options = options
        self._process = None
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self.put_in()
            undo.pop_all()

    def put_in(self):
        with self._seen("ATR"):
            self._process = self.reader.start(["/usr/bin/python3", EMULATOR, self.directory,
                                               *self._options], self.directory / "log")

    def pull(self):
        """Pull it out. A daemon polls: one that is put back before it has looked is never found again,
        as the signature that failed meanwhile has already told it that there is none."""
        with self._seen("Removed"):
            self.tell("remove")

    @contextlib.contextmanager
    def coming_out(self):
        """It comes out in the middle of a signature that is made meanwhile."""
        with self._seen("Removed"):
            self.tell("drop")
            yield

    def push(self):
        """Put it in again."""
        with self._seen("ATR"):
            self.tell("insert")

    @contextlib.contextmanager
    def _seen(self, event):
        before = self.reader.n_seen(event)
        yield
        self.reader.daemon.wait_until(lambda: self.reader.n_seen(event) > before)

    def tell(self, *words):
        """One command of tests/piv_emulator.py; its answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.directory / "control"))
            with control.makefile("rw") as lines:
                print(*words, file=lines, flush=True)
                answer = lines.readline().strip()
        assert not answer.startswith("not understood"), answer
        return answer

    def stats(self):
        return json.loads(self.tell("stats"))

    def take_away(self):
        """Take it home; put_in() brings it back."""
        with self._seen("Removed"):
            self._process.stop(signal.SIGKILL)

    def stop(self):
        if self._process:
            self._process.stop(signal.SIGKILL)


class PivToken:
    """A card as a token of a policy. is_yubikey: through ykcs11, else through OpenSC. firmware: of the
    YubiKey that it is; None: it is another card. keys: SLOT=ALGORITHM,... beside: another one, whose
    daemon it shares."""

    def __init__(self, directory, owner, is_yubikey=False, serial=SERIAL, keys=None, firmware="5.4.3",
                 beside=None):
        need_namespaces()
        self.directory, self.owner, self.is_yubikey = directory, owner, is_yubikey
        self.module = YKCS11 if is_yubikey else OPENSC
        self.pin_file = write(directory / "pin", PIN + "\n", owner.uid, 0o400)
        self._is_guest, self._serial = beside is not None, serial
        self.reader = beside.reader if beside else Reader(self._below("reader"))
        self._options = ["--port", str(PORT + 1 if beside else PORT),
                         *(["--yubikey", firmware] if firmware else []),
                         *(["--keys", keys] if keys is not None else [])]
        with contextlib.ExitStack() as undo:
            if not beside:
                undo.callback(self.reader.stop)
            self.card = self._new_card("card", serial)
            undo.pop_all()

    def _new_card(self, name, serial):
        return Card(self.reader, self._below(name), "--serial", str(serial), *self._options)

    def swap(self, serial):
        """Another card is in the reader, with other keys of the same names."""
        self.card.take_away()
        own, self.card = self.card, self._new_card("other", serial)
        return own

    def swap_back(self, own):
        self.card.take_away()
        self.card = own
        own.put_in()

    def _below(self, name):
        path = self.directory / name
        path.mkdir()
        path.chmod(0o755)
        return path

    @property
    def uri(self):
        return f"pkcs11:token=YubiKey%20PIV%20%23{self._serial}" if self.is_yubikey else \
            "pkcs11:manufacturer=piv_II"

    @staticmethod
    def key_uri(slot):
        """The URI of a key; slot: 9A, 9C, 9D or 9E. Both modules give these IDs, in this order."""
        return f"pkcs11:id=%{'9A 9C 9D 9E'.split().index(slot) + 1:02X}"

    def public_key(self, slot):
        """PEM of a public key."""
        certificate = self.card.directory / f"{slot}.crt"
        return subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-in", certificate, "-noout", "-pubkey"],
            check=True, capture_output=True, text=True).stdout

    def entry(self, **environment_of_worker):
        """The token's entry in a policy."""
        return {"module": self.module, "uri": self.uri, "pin": f"file:{self.pin_file}",
                "environment": {**self.reader.variables, **environment_of_worker}}

    def tool(self, *args):
        """Run pkcs11-tool on the card; its standard output."""
        return self.run("pkcs11-tool", "--module", self.module, *args)

    def run(self, *command, status=0):
        """Run a program that reaches the card, as any on the machine can; its standard output."""
        done = subprocess.run(command, capture_output=True, timeout=60, cwd="/", check=False,
                              env=environment(**self.reader.variables), **self.owner.popen())
        assert done.returncode == status, done.stderr.decode()
        return done.stdout

    def stop(self):
        self.card.stop()
        if not self._is_guest:
            self.reader.stop()
