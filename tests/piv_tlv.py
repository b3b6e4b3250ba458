# SPDX-License-Identifier: Apache-2.0
"""piv_tlv: the BER-TLV of cards, and the commands that carry it (ISO 7816-4)."""
import dataclasses
import struct

# Status words, ISO 7816-4, table 5.
OK = 0x9000
WRONG_LENGTH, NOT_SATISFIED, WRONG_DATA, NO_FILE = 0x6700, 0x6982, 0x6A80, 0x6A82
WRONG_P1P2, NO_REFERENCE, NO_COMMAND, NO_DIAGNOSIS = 0x6A86, 0x6A88, 0x6D00, 0x6F00


def tlv(tag, value):
    """tag: a number of one byte, or bytes."""
    n = len(value)
    if n < 0x80:
        length = bytes([n])
    elif n < 0x100:
        length = bytes([0x81, n])
    else:
        length = b"\x82" + struct.pack(">H", n)
    return (tag if isinstance(tag, bytes) else bytes([tag])) + length + value


def untlv(data):
    """(tag, value) of each; tags have one byte. ValueError: what is no TLV."""
    found, at = [], 0
    while at < len(data):
        try:
            tag, length = data[at], data[at + 1]
        except IndexError as error:
            raise ValueError("a tag without a length") from error
        at += 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(data[at:at + width], "big")
            at += width
        if at + length > len(data):
            raise ValueError("a value that is cut off")
        found.append((tag, data[at:at + length]))
        at += length
    return found


@dataclasses.dataclass
class Command:
    """One command, with short or extended lengths. le is None where no answer is expected."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    @classmethod
    def parse(cls, raw):
        """ValueError: its lengths are wrong."""
        if len(raw) < 4:
            raise ValueError("no header")
        command, body = cls(*raw[:4]), raw[4:]
        if len(body) == 1:
            command.le = body[0] or 256
        elif len(body) >= 3 and body[0] == 0:
            command._read_extended(body)
        elif body:
            command.data = body[1:1 + body[0]]
            if len(command.data) < body[0]:
                raise ValueError("data that is cut off")
            if len(body) > 1 + body[0]:
                command.le = body[1 + body[0]] or 256
        return command

    def _read_extended(self, body):
        length = int.from_bytes(body[1:3], "big")
        if len(body) == 3:
            self.le = length or 65536
            return
        self.data, rest = body[3:3 + length], body[3 + length:]
        if len(rest) == 2:
            self.le = int.from_bytes(rest, "big") or 65536
