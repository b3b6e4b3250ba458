# SPDX-License-Identifier: Apache-2.0
"""piv_admin: what only the holder of the emulated card's management key may do: make and import keys,
and store certificates."""
import os
import secrets

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from piv_key import MAKERS, P256, P384, RSA_1024, RSA_2048, Key
from piv_tlv import NO_REFERENCE, NOT_SATISFIED, OK, WRONG_DATA, WRONG_P1P2, tlv, untlv

MANAGEMENT = 0x9B
TRIPLE_DES = (0x00, 0x03)
# Of every card that nobody has changed.
DEFAULT_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
WITNESS, CHALLENGE, RESPONSE = 0x80, 0x81, 0x82


class Admin:
    def __init__(self, card):
        self._card = card
        self._cipher = Cipher(algorithms.TripleDES(DEFAULT_KEY), modes.ECB())
        self.forget()

    def forget(self):
        """Power is gone, or another application was selected."""
        self._is_known, self._witness, self._challenge = False, None, None

    def _encrypt(self, block):
        return self._cipher.encryptor().update(block)

    def authenticate(self, command):
        """SP 800-73-4, part 2, appendix A: of the host alone by a challenge, or of both by a witness."""
        fields = dict(untlv(dict(untlv(command.data)).get(0x7C, b"")))
        if command.p1 not in TRIPLE_DES:
            return b"", WRONG_P1P2
        if fields.get(WITNESS) == b"":
            self._witness = secrets.token_bytes(8)
            return tlv(0x7C, tlv(WITNESS, self._encrypt(self._witness))), OK
        if fields.get(CHALLENGE) == b"":
            self._challenge = secrets.token_bytes(8)
            return tlv(0x7C, tlv(CHALLENGE, self._challenge)), OK
        if self._witness and fields.get(WITNESS) == self._witness and CHALLENGE in fields:
            self.forget()
            self._is_known = True
            return tlv(0x7C, tlv(RESPONSE, self._encrypt(fields[CHALLENGE]))), OK
        self._is_known = (self._challenge is not None
                          and fields.get(RESPONSE) == self._encrypt(self._challenge))
        self._challenge = None
        return b"", OK if self._is_known else NOT_SATISFIED

    def generate(self, command):
        """GENERATE ASYMMETRIC KEY PAIR."""
        template = dict(untlv(dict(untlv(command.data)).get(0xAC, b"")))
        algorithm = template.get(0x80, b"")
        if not self._is_known:
            return b"", NOT_SATISFIED
        if len(algorithm) != 1 or algorithm[0] not in MAKERS:
            return b"", WRONG_DATA
        key = self._slot(command.p2)
        if key is None:
            return b"", NO_REFERENCE
        key.make(algorithm[0])
        self._card.keys[command.p2] = key
        return key.public_template(), OK

    def import_key(self, command):
        """A YubiKey's IMPORT ASYMMETRIC KEY."""
        if not self._is_known:
            return b"", NOT_SATISFIED
        key = self._slot(command.p2)
        if key is None:
            return b"", NO_REFERENCE
        fields = {tag: int.from_bytes(value, "big") for tag, value in untlv(command.data)}
        try:
            key.put(self._private(command.p1, fields))
        except KeyError:
            return b"", WRONG_DATA
        self._card.keys[command.p2] = key
        return b"", OK

    @staticmethod
    def _private(algorithm, fields):
        if algorithm in (P256, P384):
            curve = ec.SECP256R1() if algorithm == P256 else ec.SECP384R1()
            return ec.derive_private_key(fields[6], curve)
        if algorithm not in (RSA_1024, RSA_2048):
            raise KeyError(algorithm)
        p, q = fields[1], fields[2]
        d = pow(65537, -1, (p - 1) * (q - 1))
        public = rsa.RSAPublicNumbers(65537, p * q)
        return rsa.RSAPrivateNumbers(p, q, d, fields[3], fields[4], fields[5], public).private_key()

    def _slot(self, slot):
        """The key of a slot, or what may become it; None: there is no such slot."""
        if slot not in self._card.slots:
            return None
        return self._card.keys.get(slot) or Key(self._card.directory, slot)

    def put_data(self, command):
        """PUT DATA: a certificate, or any other object."""
        fields = dict(untlv(command.data))
        if not self._is_known:
            return b"", NOT_SATISFIED
        if 0x5C not in fields or 0x53 not in fields:
            return b"", WRONG_DATA
        number = int.from_bytes(fields[0x5C], "big")
        slot = self._card.slot_of_certificate(number)
        if slot is None:
            self._store(number, fields[0x53])
        elif slot in self._card.keys:
            content = dict(untlv(fields[0x53]))
            self._card.keys[slot].put_certificate(content.get(0x70) or None)
        else:
            return b"", NO_REFERENCE
        return b"", OK

    def _path(self, number):
        return os.path.join(self._card.directory, f"{number:06X}.object")

    def _store(self, number, content):
        with open(self._path(number), "wb") as file:
            file.write(content)

    def load(self, number):
        """An object that was put; None: none was."""
        try:
            with open(self._path(number), "rb") as file:
                return file.read() or None
        except FileNotFoundError:
            return None
