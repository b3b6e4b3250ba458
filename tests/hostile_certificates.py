# SPDX-License-Identifier: Apache-2.0
"""Certificates of root keys: by their names, times and kinds a root is bound to its repository."""
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from rig_edits import listed_for
from rig_hostile import SIGNS, kind, row, taken
from rig_signer import certificate, certified, ec_key, new_keys, pem_of, rsa_key

warnings.simplefilter("ignore", CryptographyDeprecationWarning)     # SHA-1 is what we want

spare, stranger = new_keys()["spare"], new_keys()["other"]


def root_by(make):
    """The second root has another certificate, which make gets for the repository; the first one's
    key signs as well."""
    def edit(forge):
        listed_for("root", make(forge.gun))(forge)
        if forge.keys["root"] not in forge.signers["root"]:
            forge.signers["root"].append(forge.keys["root"])
    return edit


def named(*names, **form):
    """{} stands for the name of the repository."""
    return root_by(lambda gun: certified(spare, *(name.format(gun) for name in names), **form))


def altered(was, now):
    """Another letter in the name of the repository."""
    return root_by(lambda gun: certified(spare, gun.replace(was, now)))


def of_attribute(oid, string_type=None):
    return root_by(lambda gun: certified(spare, x509.NameAttribute(oid, gun, string_type)))


def authority(**form):
    return certificate(stranger, "authority", **{"is_ca": True, **form})


def with_more(*make):
    return root_by(lambda gun: certified(spare, gun, with_more=[one(gun) for one in make]))


def pem(function):
    return root_by(lambda gun: spare.listed_as(
        "ecdsa-x509", function(pem_of(certificate(spare, gun)))))


def on_one_line(text):
    first, *middle, last, _ = text.split(b"\n")
    return b"\n".join([first, b"".join(middle), last, b""])


class Disguised:
    """Signs with one key in the name of the certificate of another."""

    def __init__(self, gun):
        shown = certified(stranger, gun)
        self.id, self.object = shown.id, shown.object

    def signature(self, message):
        return spare.signature(message, keyid=self.id)


SOUND = named("{}")
CHAIN = with_more(lambda _: authority())

ROWS = [
    *kind("certificate 1: expired at",
          row("the certificate expired yesterday", named("{}", days=(-30, -1)),
              named("{}", days=(-30, 1)))),
    *kind("certificate 1: not valid before",
          row("the certificate is valid in two days", named("{}", days=(2, 30)),
              named("{}", days=(.9, 30)))),
    *kind("root: root key '*': common name '*', want",
          row("the name is that of another repository", named("{}/other"), SOUND),
          row("the name is the beginning of the right one", named("127.0.0.1"), SOUND),
          row("the name has a capital", altered("hostile", "Hostile"), SOUND),
          row("the name has a blank behind it", named("{} "), SOUND),
          row("the name has a dot behind it", named("{}."), SOUND),
          row("the name has a letter of Cyrillic", altered("o", "\u043e"), SOUND),
          row("the name has a character without width", altered("o", "o\u200b"), SOUND),
          row("the name is a regular expression", named(".+"), SOUND),
          row("the name has a star in its middle", altered("hostile", "*"), SOUND),
          row("the name is a star below another prefix", named("example.com/*"), SOUND),
          row("the name has two stars", named("127.0.0.1*/*"), SOUND),
          row("the name ends with a question mark", named("127.0.0.1?"), SOUND),
          agent="next root: root key '*': common name '*', want"),
    *kind("common name with a control character",
          row("the name has a NUL behind it", named("{}\0"), SOUND),
          row("the name has a NUL and a domain behind it", named("{}\0.example.com"), SOUND),
          row("the name has a line break behind it", named("{}\n"), SOUND)),
    *kind("more than one common name",
          row("there are two names, both right", named("{}", "{}"), SOUND),
          row("there are two names, the first is right", named("{}", "example.com"), SOUND),
          row("there are two names, the last is right", named("example.com", "{}"), SOUND)),
    *kind("no common name",
          row("the name is an organization's", of_attribute(NameOID.ORGANIZATION_NAME), SOUND)),
    *kind("common name in an encoding other than UTF-8",
          row("the name is a BMPString",
              of_attribute(NameOID.COMMON_NAME, _ASN1Type.BMPString), SOUND),
          row("the name is a T61String",
              of_attribute(NameOID.COMMON_NAME, _ASN1Type.T61String), SOUND)),
    *kind("certificate 1: is an authority",
          row("the certificate is an authority's", named("{}", is_ca=True), SOUND),
          row("an authority stands first", root_by(lambda gun: spare.listed_as(
              "ecdsa-x509", pem_of(certificate(spare, gun, is_ca=True), certificate(spare, gun)))),
              CHAIN)),
    *kind("certificate 2: is not an authority",
          row("there are two leaves", with_more(lambda gun: certificate(stranger, gun)), CHAIN)),
    *kind("certificate 2: expired at",
          row("the authority has expired", with_more(lambda _: authority(days=(-30, -1))), CHAIN)),
    *kind("certificate 2: signed by way of 'ecdsa-with-SHA1'",
          row("the authority is signed by way of SHA-1",
              with_more(lambda _: authority(algorithm=hashes.SHA1())), CHAIN)),
    *kind("certificate 1: signed by way of 'ecdsa-with-SHA1'",
          row("the certificate is signed by way of SHA-1", named("{}", algorithm=hashes.SHA1()),
              SOUND)),
    *kind("certificate 1: signed by way of 'ecdsa-with-SHA224'",
          row("the certificate is signed by way of SHA-224",
              named("{}", algorithm=hashes.SHA224()), named("{}", algorithm=hashes.SHA384()))),
    *kind("root: by its own keys: * RSA key of 1024 bits",
          row("the certificate is of RSA with 1024 bits",
              root_by(lambda gun: certified(rsa_key(1024), gun)),
              root_by(lambda gun: certified(rsa_key(), gun))),
          agent="root: by its own keys: * RSA key of 1024 bits"),
    *kind("root: by its own keys: * curve 'secp256k1'",
          row("the certificate is on the curve of Bitcoin",
              root_by(lambda gun: certified(ec_key(ec.SECP256K1), gun)),
              root_by(lambda gun: certified(ec_key(ec.SECP384R1), gun)))),
    *kind("type 'ecdsa' and no certificates as Notary writes them",
          row("the root key has no certificate", root_by(lambda _: spare), SOUND)),
    *kind("root: * it has no certificate as Notary writes it",
          row("the certificate lacks its last line end", pem(lambda text: text[:-1]), SOUND),
          row("the certificate has lines of CR LF",
              pem(lambda text: text.replace(b"\n", b"\r\n")), SOUND),
          row("the certificate has a text before it", pem(lambda text: b"root:\n" + text), SOUND),
          row("the certificate has a text behind it", pem(lambda text: text + b"root\n"), SOUND),
          row("the certificate has a header", pem(
              lambda text: text.replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\na: b\n\n", 1)),
              SOUND),
          row("the certificate is one long line", pem(on_one_line), SOUND),
          row("the certificate is TRUSTED",
              pem(lambda text: text.replace(b" CERT", b" TRUSTED CERT")), SOUND),
          row("the certificate is in DER", root_by(lambda gun: spare.listed_as(
              "ecdsa-x509",
              certificate(spare, gun).public_bytes(serialization.Encoding.DER))), SOUND),
          row("the certificate is empty", pem(lambda _: b""), SOUND)),
    *kind("type 'rsa-x509' and ec-p256 do not fit",
          row("the certificate is of EC, and says RSA", root_by(
              lambda gun: spare.listed_as("rsa-x509", pem_of(certificate(spare, gun)))), SOUND)),
    *kind("root: by its own keys: * is not over",
          row("the certificate is that of another key", root_by(Disguised), SOUND)),
]
TAKEN = taken(
    # Only by who reads: the agent has seen such a root from nobody, and signs none.
    row("the name is a prefix and a star", named("127.0.0.1*"), agent="common name"),
    row("the name is a star", named("*"), agent="common name"),
    row("the certificate is signed by a stranger", named("{}", authority=stranger), agent=SIGNS),
)
