# SPDX-License-Identifier: Apache-2.0
"""Who follows the manual page of a kind of token has a token that signs."""
import re
import shutil

import pytest
import yaml

import rig_users
from rig_process import environment
from rig_signatures import Signatures
from rig_terminal import type_into_shell
from rig_tpm import TCTI, Tpm
from rig_tree import text

DIRECTORIES = "/var/lib/countersign-token/"
ANSWERS = [(r"new SO PIN[^\n]*: ", "5678"), (r"enter SO PIN: ", "5678"), (r"user PIN: ", "1234"),
           (r"new PIN[^\n]*: ", "1234"), (r"User PIN: ", "1234"), (r"for the agent: ", "1234")]


class Page:
    """Its commands and its policy, moved to a directory of a test."""

    def __init__(self, name, directory):
        self._directory = directory
        page = text(f"agent/countersign-{name}.7")
        blocks = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page,
                            re.DOTALL | re.MULTILINE)
        *commands, policy = [self._move(block.replace(r"\e", "\\")) for block in blocks]
        self.commands, self.policy = commands, yaml.safe_load(policy)

    def _move(self, block):
        return re.sub(DIRECTORIES + r"\w+", str(self._directory), block)


@pytest.fixture
def directory(scratch):
    return scratch.directory("setup", rig_users.AGENT.uid, 0o700)


@pytest.fixture
def signs(policy, sanitizer, new_agent, gun):
    """Puts the tokens and keys of a page into the usual policy; its key qa then signs."""
    def signs(page, **environment_of_worker):
        (name,) = page.policy["tokens"]
        token = page.policy["tokens"][name]
        token["environment"] = {**token.get("environment", {}), **environment_of_worker,
                                **sanitizer.variables}
        policy["tokens"] = {name: token}
        policy["keys"] = {"qa": policy["keys"]["qa"] | {
            member: page.policy["keys"]["qa"][member] for member in ("token", "uri")}}
        policy["grants"]["releaser"]["keys"] = ["qa"]
        signatures = Signatures(new_agent(policy).start(), gun)
        signatures.sign("qa")
        return signatures
    return signs


def test_softhsm(directory, signs):
    page = Page("softhsm", directory)
    type_into_shell(page.commands[0], ANSWERS, environment(), rig_users.AGENT)
    signs(page)


def test_a_tpm(directory, scratch, signs):
    page = Page("tpm", directory)
    tpm = Tpm(scratch.directory("chip"), rig_users.AGENT)
    try:
        commands = page.commands[0].replace("device:/dev/tpmrm0", TCTI)
        type_into_shell(commands, ANSWERS, tpm.environment(), rig_users.AGENT)
        signs(page, **{**tpm.variables, "TPM2_PKCS11_TCTI": TCTI})
    finally:
        tpm.stop()


@pytest.mark.parametrize("name", ["yubikey", "card"])
def test_a_card(name, directory, new_piv, signs):
    """A new YubiKey, whose key is then used through either module."""
    page = Page("piv", directory)
    piv = new_piv(is_yubikey=True, keys="")
    certificate = """
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \\
            -addext keyUsage=digitalSignature -subj /CN=qa -keyout qa.key -out qa.crt 2>&1"""
    generate, attest, bring = page.commands
    shutil.copyfile(piv.card.directory / "attestation-ca.crt", directory / "piv-attestation-ca.pem")
    for commands in (generate, attest, certificate, bring):
        type_into_shell(f"cd {directory}\n{commands}", ANSWERS,
                        environment(**piv.reader.variables, HOME=str(directory)), rig_users.AGENT)
    page.policy["tokens"] = {name: page.policy["tokens"][name] | {"pin": f"file:{piv.pin_file}"}}
    page.policy["keys"]["qa"]["token"] = name
    if name == "card":  # which shows what has a certificate
        page.policy["keys"]["qa"]["uri"] = "pkcs11:id=%03"
    signs(page, **piv.reader.variables)
