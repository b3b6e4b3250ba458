# SPDX-License-Identifier: Apache-2.0
"""piv_card: a PIV card (NIST SP 800-73-4, part 2), or a YubiKey with its commands beside those.

It keeps keys, certificates, PIN counters and other objects in a directory.
"""
import hashlib
import os
import struct

from piv_admin import MANAGEMENT, Admin
from piv_attestation import Attestation
from piv_faults import Faults
from piv_key import NAMES, P256, P384, Key
from piv_pins import Pins
from piv_tlv import (NO_COMMAND, NO_DIAGNOSIS, NO_FILE, NO_REFERENCE, NOT_SATISFIED, OK, WRONG_DATA,
                     WRONG_LENGTH, WRONG_P1P2, Command, tlv, untlv)

AID = bytes.fromhex("A000000308000010000100")
# Part 1, table 3: the object that holds the certificate of each key. F9 is a YubiKey's own.
CERTIFICATES = {0x5FC105: 0x9A, 0x5FC10A: 0x9C, 0x5FC10B: 0x9D, 0x5FC101: 0x9E, 0x5FFF01: 0xF9,
                **{0x5FC10D + i: 0x82 + i for i in range(20)}}
SLOTS = frozenset(CERTIFICATES.values())
CHUID, CCC, DISCOVERY = 0x5FC102, 0x5FC107, 0x7E
FASC_N = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")
# OpenSC 0.23 offers elliptic curves only where it knows the card, by this.
ATR_OF_YUBIKEY_5 = bytes.fromhex("3bfd1300008131fe158073c021c057597562694b657940")
ATR_OF_ANY = bytes.fromhex("3b80800101")
# From this firmware of a YubiKey on there is GET METADATA. 4.x, which is not emulated, is asked for its
# serial number in another application.
WITH_METADATA = (5, 3, 0)


class Card:
    """algorithms: name of an algorithm by slot, for the keys that it has from the start. firmware: of a
    YubiKey, three numbers; None: it is another card."""

    def __init__(self, directory, algorithms, pins=("123456", "12345678", 3), serial=12345678,
                 firmware=None):
        self.directory, self.serial, self.firmware = directory, serial, firmware
        is_yubikey = firmware is not None
        self.slots = SLOTS if is_yubikey else SLOTS - {0xF9}
        self.keys = {slot: key for slot in self.slots if (key := Key(directory, slot)).load()}
        for slot, name in algorithms.items():
            if slot not in self.keys:
                self._make(slot, NAMES[name])
        self.pins = Pins(os.path.join(directory, "pins.json"), *pins)
        self.faults = Faults()
        self.guid = hashlib.sha256(str(serial).encode()).digest()[:16]
        self.n_signatures = self.n_commands = 0
        self._admin = Admin(self)
        self._commands = {
            0x20: self._verify, 0x24: self._change, 0x2C: self._unblock, 0x47: self._admin.generate,
            0x87: self._authenticate, 0xCB: self._get_data, 0xDB: self._admin.put_data}
        if is_yubikey:
            attestation = Attestation(self)
            self._commands |= {
                0xF8: lambda _: (struct.pack(">I", self.serial), OK),
                0xF9: attestation.attest,
                0xFD: lambda _: (bytes(firmware), OK),
                0xFE: self._admin.import_key}
            if firmware >= WITH_METADATA:
                self._commands[0xF7] = self._metadata
        self.reset()

    def _make(self, slot, algorithm):
        key = self.keys[slot] = Key(self.directory, slot)
        key.make(algorithm)
        key.certify(f"PIV emulator slot {slot:02X}")

    @staticmethod
    def slot_of_certificate(number):
        """The key whose certificate is this object; None: it is another object."""
        return CERTIFICATES.get(number)

    def reset(self):
        """Power goes off or on: all but what is in files is forgotten."""
        self.is_selected = self.is_verified = self.is_fresh = False
        self._chain, self._chained, self._rest = b"", None, b""
        self._admin.forget()

    @property
    def atr(self):
        return ATR_OF_YUBIKEY_5 if self.firmware else ATR_OF_ANY

    def answer(self, raw):
        """Answer one command: data and status word, as bytes."""
        self.n_commands += 1
        try:
            command = Command.parse(raw)
            data, status = self._dispatch(command)
        except ValueError:
            return struct.pack(">H", WRONG_LENGTH)
        if status != OK:
            return struct.pack(">H", status)
        # What does not fit goes out by GET RESPONSE.
        size = command.le or 256
        data, self._rest = data[:size], data[size:]
        if self._rest:
            return data + bytes([0x61, len(self._rest) % 256 if len(self._rest) < 256 else 0])
        return data + struct.pack(">H", OK)

    def _dispatch(self, command):
        header = command.ins, command.p1, command.p2
        if command.cla & 0x10:  # more of it follows
            self._chain = (self._chain if self._chained == header else b"") + command.data
            self._chained = header
            return b"", OK
        if self._chained == header:
            command.data = self._chain + command.data
        self._chain, self._chained = b"", None
        if command.ins == 0xC0:
            return (self._rest, OK) if self._rest else (b"", NO_DIAGNOSIS)
        if command.ins == 0xA4:
            return self._select(command)
        if not self.is_selected:
            return b"", NO_FILE if command.ins == 0xCB else NO_COMMAND
        if command.ins not in self._commands:
            return b"", NO_COMMAND
        return self._commands[command.ins](command)

    def _select(self, command):
        """Part 2, 3.1.1: what is selected already, or is not on the card, changes nothing."""
        if command.p1 != 4 or not command.data or not AID.startswith(command.data):
            return b"", NO_FILE
        if not self.is_selected:
            self.is_selected, self.is_verified = True, False
            self._admin.forget()
        authority = tlv(0x79, tlv(0x4F, bytes.fromhex("A000000308")))
        algorithms = tlv(0xAC, tlv(0x80, b"\x07") + tlv(0x80, b"\x11") + tlv(0x06, b"\0"))
        return tlv(0x61, tlv(0x4F, AID[5:]) + authority + tlv(0x50, b"PIV emulator") + algorithms), OK

    def _get_data(self, command):
        fields = untlv(command.data)
        if not fields or fields[0][0] != 0x5C:
            return b"", WRONG_DATA
        number = int.from_bytes(fields[0][1], "big")
        if number == DISCOVERY:
            return tlv(0x7E, tlv(0x4F, AID) + tlv(b"\x5f\x2f", b"\x40\x00")), OK
        content = self._object(number)
        return (b"", NO_FILE) if content is None else (tlv(0x53, content), OK)

    def _object(self, number):
        if number in CERTIFICATES:
            key = self.keys.get(CERTIFICATES[number])
            if key is None or key.der is None:
                return None
            return tlv(0x70, key.der) + tlv(0x71, b"\0") + tlv(0xFE, b"")
        if number == CHUID:
            return (tlv(0x30, FASC_N) + tlv(0x34, self.guid) + tlv(0x35, b"20401231")
                    + tlv(0x3E, b"") + tlv(0xFE, b""))
        if number == CCC:
            empty = (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)
            return (tlv(0xF0, bytes.fromhex("a000000116ff02") + self.guid[:14]) + tlv(0xF1, b"\x21")
                    + tlv(0xF2, b"\x21") + tlv(0xF3, b"") + tlv(0xF4, b"\0") + tlv(0xF5, b"\x10")
                    + b"".join(tlv(tag, b"") for tag in empty))
        return self._admin.load(number)

    def _metadata(self, command):
        """What a YubiKey says of PIN, PUK, management key or a key, each by its reference."""
        if command.p2 in (0x80, 0x81):
            left = self.pins.left("pin" if command.p2 == 0x80 else "puk")
            return tlv(1, b"\xff") + tlv(5, b"\0") + tlv(6, bytes([self.pins.retries, left])), OK
        if command.p2 == MANAGEMENT:
            return tlv(1, b"\x03") + tlv(2, b"\0\1") + tlv(5, b"\1"), OK
        key = self.keys.get(command.p2)
        if key is None:
            return b"", NO_REFERENCE
        origin = 1 if key.is_generated else 2
        public = dict(untlv(key.public_template()[1:]))[0x49]
        return (tlv(1, bytes([key.algorithm])) + tlv(2, bytes([key.pin_policy, 1]))
                + tlv(3, bytes([origin])) + tlv(4, public)), OK

    def _verify(self, command):
        if command.p2 != 0x80:
            return b"", NO_REFERENCE
        if command.p1 == 0xFF:
            self.is_verified = False
            return b"", OK
        if not command.data:
            return b"", OK if self.is_verified else self.pins.status("pin")
        if len(command.data) != 8:
            return b"", WRONG_DATA
        self.is_verified = self.is_fresh = self.pins.check("pin", command.data)
        return b"", OK if self.is_verified else self.pins.status("pin")

    def _change(self, command):
        name = "pin" if command.p2 == 0x80 else "puk"
        if len(command.data) != 16:
            return b"", WRONG_DATA
        if not self.pins.check(name, command.data[:8]):
            return b"", self.pins.status(name)
        self.pins.change(name, command.data[8:])
        return b"", OK

    def _unblock(self, command):
        if len(command.data) != 16:
            return b"", WRONG_DATA
        if not self.pins.check("puk", command.data[:8]):
            return b"", self.pins.status("puk")
        self.pins.change("pin", command.data[8:])
        return b"", OK

    def _authenticate(self, command):
        """GENERAL AUTHENTICATE: with the keys, and of the administrator."""
        if command.p2 == MANAGEMENT:
            return self._admin.authenticate(command)
        key = self.keys.get(command.p2)
        if key is None:
            return b"", NO_REFERENCE
        if command.p1 != key.algorithm:
            return b"", WRONG_P1P2
        # Part 1, table 4: 9C wants the PIN for each use, 9E never.
        if command.p2 == 0x9C and not self.is_fresh or command.p2 != 0x9E and not self.is_verified:
            return b"", NOT_SATISFIED
        self.is_fresh = False
        status = self.faults.meet()
        if status is not None:
            return b"", status
        result = self._apply(key, command.data)
        if result is None:
            return b"", WRONG_DATA
        self.n_signatures += 1
        return tlv(0x7C, tlv(0x82, result)), OK

    @staticmethod
    def _apply(key, data):
        outer = untlv(data)
        if not outer or outer[0][0] != 0x7C:
            return None
        fields = dict(untlv(outer[0][1]))
        if 0x81 in fields:
            return key.sign(fields[0x81])
        if 0x85 in fields and key.algorithm in (P256, P384):
            return key.agree(fields[0x85])
        return None
