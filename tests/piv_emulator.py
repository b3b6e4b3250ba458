#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A PIV card, or a YubiKey, in a reader of vsmartcard's vpcd, which it connects to.

The PIN is 123456, the PUK 12345678, unless said otherwise; the management key is the usual one. Keys,
certificates and counters stay in the directory, and with them it is the same card again.

The control socket DIR/control takes one command a line and answers each with one line:

    remove | insert           pull the card out; put it in again
    reset-pin                 give back all tries
    delay MS                  each signature takes so long, or until it is touched
    need-touch on|off         each signature waits for a finger, or fails after 15 s
    touch                     the finger
    fail SW N                 the next N signatures end with this status word (hexadecimal)
    drop                      the card comes out in the middle of the next signature
    mute MS                   the next signature hangs so long
    stats                     JSON: signatures, commands, tries left, verified, waits for a finger
"""
import argparse
import contextlib
import json
import os
import socket
import struct
import threading

from piv_card import Card
from piv_link import Link

OF_A_CARD = "9A=p256,9C=p256,9D=rsa2048,9E=p256"


def stats(card):
    return json.dumps({
        "signatures": card.n_signatures, "commands": card.n_commands, "left": card.pins.left(),
        "verified": card.is_verified, "waits": card.faults.is_waiting})


def commands(card, link):
    """What each command does, with its arguments as text; None is answered as "ok"."""
    faults = card.faults
    return {
        "remove": link.remove, "insert": link.insert, "reset-pin": card.pins.reset,
        "touch": faults.touch, "stats": lambda: stats(card),
        "delay": lambda ms: setattr(faults, "delay_ms", int(ms)),
        "mute": lambda ms: setattr(faults, "mute_ms", int(ms)),
        "drop": lambda: setattr(faults, "is_loose", True),
        "need-touch": lambda state: setattr(faults, "wants_touch", state == "on"),
        "fail": lambda status, n: faults.fail(int(status, 16), int(n)),
    }


def obey(known, line):
    try:
        name, *arguments = line.split()
        return known[name](*arguments) or "ok"
    except (KeyError, TypeError, ValueError) as error:
        return f"not understood: {error!r}"


def serve_control(path, known):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as lines, \
                    contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for line in lines:
                    print(obey(known, line), file=lines, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--port", type=int, default=35963, help="of vpcd, on 127.0.0.1")
    parser.add_argument("--yubikey", metavar="VERSION", help="a YubiKey, of that firmware, as 5.4.3")
    parser.add_argument("--serial", type=int, default=12345678)
    parser.add_argument("--pin", default="123456")
    parser.add_argument("--puk", default="12345678")
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--keys", default=OF_A_CARD, help=f"SLOT=ALGORITHM,... (default: {OF_A_CARD})")
    options = parser.parse_args()

    algorithms = dict(pair.split("=") for pair in options.keys.split(",") if pair)
    firmware = tuple(map(int, options.yubikey.split("."))) if options.yubikey else None
    card = Card(options.directory, {int(slot, 16): name for slot, name in algorithms.items()},
                (options.pin, options.puk, options.retries), options.serial, firmware)
    link = Link(card, options.port)
    path = os.path.join(options.directory, "control")
    threading.Thread(target=serve_control, args=(path, commands(card, link)), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, struct.error):
        link.run()


if __name__ == "__main__":
    main()
