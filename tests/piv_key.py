# SPDX-License-Identifier: Apache-2.0
"""piv_key: a private key in a slot of the emulated card, with its certificate."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import NameOID

from piv_tlv import tlv

# NIST SP 800-78-4, table 6-2: identifiers of algorithms.
RSA_1024, RSA_2048, P256, P384 = 0x06, 0x07, 0x11, 0x14

MAKERS = {
    RSA_1024: lambda: rsa.generate_private_key(65537, 1024),
    RSA_2048: lambda: rsa.generate_private_key(65537, 2048),
    P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    P384: lambda: ec.generate_private_key(ec.SECP384R1()),
}
# How a YubiKey writes when it wants the PIN for a key.
PIN_NEVER, PIN_ONCE, PIN_ALWAYS = 1, 2, 3
NAMES = {"rsa1024": RSA_1024, "rsa2048": RSA_2048, "p256": P256, "p384": P384}


def _algorithm_of(private):
    if isinstance(private, rsa.RSAPrivateKey):
        return RSA_2048 if private.key_size == 2048 else RSA_1024
    return P256 if private.curve.key_size == 256 else P384


def certificate(private, name, public=None, issuer=None, extensions=(), days=3650):
    """DER of a certificate: of the key's own name, or of another key that it certifies."""
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer or name))
               .public_key(public or private.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=days)))
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _usage(slot, private):
    """What a card's own certificates allow: 9C signs documents, 9D decrypts."""
    agrees = slot == 0x9D and isinstance(private, ec.EllipticCurvePrivateKey)
    return x509.KeyUsage(not agrees, slot == 0x9C, slot == 0x9D and not agrees, False, agrees, False,
                         False, False, False)


class Key:
    """Its private key and its certificate are files, so that it survives a removal of the card."""

    def __init__(self, directory, slot):
        self.slot = slot
        self._files = [os.path.join(directory, f"{slot:02X}.{kind}") for kind in ("key", "crt")]
        self.private = self.der = self.algorithm = None
        # A generated key is the card's own; attestation is refused for others.
        self.is_generated = False

    @property
    def pin_policy(self):
        return {0x9C: PIN_ALWAYS, 0x9E: PIN_NEVER}.get(self.slot, PIN_ONCE)

    def load(self):
        """Whether there is one."""
        if not os.path.exists(self._files[0]):
            return False
        with open(self._files[0], "rb") as file:
            self._take(serialization.load_pem_private_key(file.read(), None))
        if os.path.exists(self._files[1]):
            with open(self._files[1], "rb") as file:
                self.der = file.read()
        self.is_generated = os.path.exists(self._files[0] + ".generated")
        return True

    def make(self, algorithm):
        """A new key of the card's own, without a certificate."""
        self.put(MAKERS[algorithm](), is_generated=True)

    def put(self, private, is_generated=False):
        self._take(private)
        pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        self._write(self._files[0], pem)
        if is_generated:
            self._write(self._files[0] + ".generated", b"")
        elif os.path.exists(self._files[0] + ".generated"):
            os.unlink(self._files[0] + ".generated")
        self.is_generated = is_generated

    def certify(self, name):
        """Give it a certificate of its own, as cards come with."""
        self.put_certificate(certificate(self.private, name,
                                         extensions=[(_usage(self.slot, self.private), True)]))

    def put_certificate(self, der):
        """None takes it away."""
        self.der = der
        if der is not None:
            self._write(self._files[1], der)
        elif os.path.exists(self._files[1]):
            os.unlink(self._files[1])

    def _take(self, private):
        self.private = private
        self.algorithm = _algorithm_of(private)

    @staticmethod
    def _write(path, data):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)

    def sign(self, data):
        """None: the data is no input of this key."""
        if self.algorithm in (RSA_1024, RSA_2048):
            return self._apply(data)
        size = 32 if self.algorithm == P256 else 48
        if not 0 < len(data) <= size:
            return None
        digest = hashes.SHA256() if size == 32 else hashes.SHA384()
        return self.private.sign(data.rjust(size, b"\0"), ec.ECDSA(utils.Prehashed(digest)))

    def _apply(self, data):
        """The bare RSA function; the host has padded."""
        size = self.private.key_size // 8
        numbers = self.private.private_numbers()
        block = int.from_bytes(data, "big")
        if len(data) != size or block >= numbers.public_numbers.n:
            return None
        first = pow(block % numbers.p, numbers.dmp1, numbers.p)
        second = pow(block % numbers.q, numbers.dmq1, numbers.q)
        return (second + numbers.q * ((numbers.iqmp * (first - second)) % numbers.p)).to_bytes(
            size, "big")

    def agree(self, point):
        """ECDH. None: no point of this curve."""
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(self.private.curve, point)
        except ValueError:
            return None
        return self.private.exchange(ec.ECDH(), public)

    def public_template(self):
        """The public key as GENERATE ASYMMETRIC KEY PAIR answers it."""
        numbers = self.private.public_key().public_numbers()
        if self.algorithm in (RSA_1024, RSA_2048):
            size = self.private.key_size // 8
            return tlv(b"\x7f\x49", tlv(0x81, numbers.n.to_bytes(size, "big"))
                       + tlv(0x82, numbers.e.to_bytes(3, "big")))
        size = self.private.curve.key_size // 8
        point = b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
        return tlv(b"\x7f\x49", tlv(0x86, point))
