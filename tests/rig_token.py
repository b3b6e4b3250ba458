# SPDX-License-Identifier: Apache-2.0
"""token: a SoftHSM token in a directory of its own, that belongs to the agent's user."""
import shutil
import subprocess

from rig_process import environment
from rig_scratch import give_tree, write

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "release"
PIN = "1234"


class Token:
    """keys: name to pkcs11-tool's key type; the name is the label."""

    def __init__(self, directory, owner, keys):
        self._settle(directory, owner)
        self._run("softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN,
                  "--so-pin", "5678")
        for name, kind in keys.items():
            self.generate(name, kind)

    def _settle(self, directory, owner):
        self.directory, self.owner = directory, owner
        (directory / "tokens").mkdir(mode=0o700, exist_ok=True)
        self.configuration = write(
            directory / "softhsm2.conf",
            f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\n"
            "log.level = ERROR\nslots.removable = false\n")
        self.pin_file = write(directory / "pin", PIN + "\n", mode=0o400)
        give_tree(directory, owner.uid)

    def copy(self, directory):
        """The same token again, for another agent: copying is faster than making keys."""
        twin = object.__new__(Token)
        shutil.copytree(self.directory / "tokens", directory / "tokens")
        twin._settle(directory, self.owner)
        return twin

    def generate(self, name, kind="EC:secp256r1"):
        self._tool("--login", "--pin", PIN, "--keypairgen", "--key-type", kind, "--label", name,
                   "--id", name.encode().hex())

    def change_pin(self, was, is_):
        self._tool("--login", "--pin", was, "--change-pin", "--new-pin", is_)

    def take_key(self, name, pem):
        """Import a private key that others have as well."""
        file = write(self.directory / f"{name}.key", pem, self.owner.uid, 0o400)
        self._run("softhsm2-util", "--import", file, "--token", LABEL, "--pin", PIN, "--label",
                  name, "--id", name.encode().hex())

    def delete(self, name):
        for kind in ("privkey", "pubkey"):
            self._tool("--login", "--pin", PIN, "--delete-object", "--type", kind, "--label", name)

    @staticmethod
    def key_uri(name):
        return f"pkcs11:object={name}"

    def public_key(self, name):
        """PEM of a public key."""
        der = self._tool("--read-object", "--type", "pubkey", "--label", name)
        return subprocess.run(["/usr/bin/openssl", "pkey", "-pubin", "-inform", "DER"], input=der,
                              check=True, capture_output=True).stdout.decode()

    def entry(self, **environment_of_worker):
        """The token's entry in a policy."""
        return {
            "module": MODULE, "uri": f"pkcs11:token={LABEL}", "pin": f"file:{self.pin_file}",
            "environment": {"SOFTHSM2_CONF": str(self.configuration), **environment_of_worker},
        }

    def _tool(self, *args):
        return self._run("pkcs11-tool", "--module", MODULE, "--token-label", LABEL, *args)

    def _run(self, program, *args):
        for _ in range(20):
            done = subprocess.run(
                [f"/usr/bin/{program}", *args], capture_output=True, timeout=60, cwd="/",
                env=environment(SOFTHSM2_CONF=str(self.configuration)), **self.owner.popen())
            # SoftHSM 2.6 shows no token while another process logs in to it.
            if b"No slot with token named" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout
