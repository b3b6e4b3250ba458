# SPDX-License-Identifier: Apache-2.0
"""Tokens of every kind sign, each by its real module: SoftHSM, a TPM, a smartcard, a YubiKey."""
import pytest


@pytest.fixture
def tokens(tpm, new_piv):
    """By the name of a key and its place in the token."""
    return {"tpm": (tpm, "tpm"), "card": (new_piv(), "9A"),
            "yubikey": (new_piv(is_yubikey=True), "9A")}


@pytest.fixture
def policy(policy, tokens, sanitizer):
    for name, (token, place) in tokens.items():
        policy.add_token(name, token, sanitizer, **{name: place})
    return policy


def delegate(client, gun, *names):
    client.run("init", gun)
    for name in names:
        client.run("delegation", "add", gun, f"targets/{name}", f"agent:{name}")
    client.run("delegation", "add", gun, "targets/releases", *(f"agent:{name}" for name in names))


def test_signs_with_all_kinds_at_once(client, gun, tokens, upload, readers):
    delegate(client, gun, "developer", *tokens)
    image = upload(f"{gun}:v1")
    client.run("sign", f"{gun}:v1")
    roles = ["targets/releases", *(f"targets/{name}" for name in ("developer", *tokens))]
    assert readers.roles_of(gun, "v1", *roles) == (set(roles), image.hex)
