# SPDX-License-Identifier: Apache-2.0
"""gate: repositories that verify is asked about, made by notary or by hand, and what it answers."""
import hashlib
import json

from cryptography.hazmat.primitives import serialization

from rig_delegate import Delegate
from rig_notary import Notary


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def spki_pem(key):
    """The plain public key of a private key or a certificate."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def ids(client, gun):
    """The root key's canonical ID, and that of its certificate."""
    (key,) = json.loads(client.run("root-id", "--json", gun))[0]["keys"]
    return key["root-key-id"], key["certificate-id"]


def own_file(pins, mode="enforced", **more):
    """Our own pinning file. pins: the member trust-pinning; more: of content-trust, but for require
    and verifier, which stand beside it."""
    beside = {name: more.pop(name) for name in ("require", "verifier") if name in more}
    trust = {"mode": mode, **{name.replace("_", "-"): value for name, value in more.items()}}
    if pins is not None:
        trust["trust-pinning"] = pins
    return json.dumps({"content-trust": trust, **beside})


class Gate:
    """A repository of three teams, by notary: v1 is signed by all, v2 by developers only, v3 by
    developers and, with another digest, by qa."""

    def __init__(self, scratch, server, gun):
        self.gun = gun
        notary = Notary(scratch.directory("notary"), server)
        teams = {name: Delegate(notary, name, kind) for name, kind in (
            ("dev", "key"), ("qa", "certificate"), ("ops", "key"), ("nobody", "key"))}
        self.pem = {name: delegate.public for name, delegate in teams.items()}
        notary.run("init", gun, "-p")
        for role, names in (("releases", ("dev", "qa", "ops")), ("dev", ("dev",)), ("qa", ("qa",)),
                            ("ops", ("ops",))):
            notary.run("delegation", "add", gun, f"targets/{role}", "--all-paths",
                       *(self.pem[name] for name in names))
        self._sign(notary, "v1", "releases", "dev", "qa", "ops")
        self._sign(notary, "v2", "releases", "dev")
        self._sign(notary, "v3", "releases", "dev")
        self._sign(notary, "v3", "qa", text="another v3")
        self._sign(notary, "v4", "dev")
        notary.run("addhash", gun, "old", "7", "--sha256", digest("old"))
        notary.run("publish", gun)
        self.notary = notary

    def _sign(self, notary, tag, *roles, text=None):
        args = [arg for role in roles for arg in ("-r", f"targets/{role}")]
        notary.run("addhash", self.gun, tag, "7", "--sha256", digest(text or tag), *args)

    def reference(self, text):
        return f"{self.gun}@sha256:{digest(text)}\n"


def judged(client, *args, status=4):
    """What verify --json says; the exit status is checked."""
    done = client.try_run("verify", "--json", *args)
    assert done.returncode == status, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["allowed"] == (status == 0)
    return answer
