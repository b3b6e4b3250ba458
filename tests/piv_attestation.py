# SPDX-License-Identifier: Apache-2.0
"""piv_attestation: an emulated YubiKey says of a key that it was generated on it.

As https://developers.yubico.com/PIV/Introduction/PIV_attestation.html has it, but for the root, which
is a test's own: DIRECTORY/attestation-ca.crt.
"""
import os

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from piv_key import MAKERS, P256, Key, certificate
from piv_tlv import NO_REFERENCE, OK, WRONG_DATA

SLOT = 0xF9
YUBICO = "1.3.6.1.4.1.41482.3"
TOUCH_NEVER, TOUCH_ALWAYS = 1, 2


def _extension(number, value):
    oid = x509.ObjectIdentifier(f"{YUBICO}.{number}")
    return x509.UnrecognizedExtension(oid, value), False


class Attestation:
    def __init__(self, card):
        self._card = card
        if SLOT not in card.keys:
            self._make_key()

    def _make_key(self):
        """The card's own key for this, certified by a root as the factory would."""
        root = MAKERS[P256]()
        can_sign = (x509.BasicConstraints(True, None), True)
        key = self._card.keys[SLOT] = Key(self._card.directory, SLOT)
        key.make(P256)
        key.put_certificate(certificate(
            root, "Yubico PIV Attestation", public=key.private.public_key(),
            issuer="PIV emulator attestation root",
            extensions=[(x509.BasicConstraints(True, 0), True),
                        _extension(3, bytes(self._card.firmware))]))
        der = certificate(root, "PIV emulator attestation root", extensions=[can_sign])
        pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
        with open(os.path.join(self._card.directory, "attestation-ca.crt"), "wb") as file:
            file.write(pem)

    def attest(self, command):
        """ATTEST: a certificate for the key in the slot P1."""
        key = self._card.keys.get(command.p1)
        if key is None or command.p1 == SLOT:
            return b"", NO_REFERENCE
        if not key.is_generated:
            return b"", WRONG_DATA
        touch = TOUCH_ALWAYS if self._card.faults.wants_touch else TOUCH_NEVER
        serial = self._card.serial.to_bytes(4, "big")
        return certificate(
            self._card.keys[SLOT].private, f"YubiKey PIV Attestation {command.p1:x}",
            public=key.private.public_key(), issuer="Yubico PIV Attestation",
            extensions=[_extension(3, bytes(self._card.firmware)), _extension(7, b"\x02\x04" + serial),
                        _extension(8, bytes([key.pin_policy, touch]))]), OK
