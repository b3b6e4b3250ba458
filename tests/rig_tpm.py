# SPDX-License-Identifier: Apache-2.0
"""tpm: a TPM 2.0 (swtpm) behind its resource manager (tpm2-abrmd), as a token of tpm2-pkcs11.

All of it runs as the token's owner: the resource manager answers on a D-Bus of its own.
"""
import contextlib
import re
import signal
import socket
import subprocess

from rig_port import free_port
from rig_process import LIBRARIES, Process, answers, answers_at, environment
from rig_scratch import give_tree, write

MODULE = str(LIBRARIES / "pkcs11" / "libtpm2_pkcs11.so")
TCTI = "tabrmd:bus_type=session"
LABEL = "tpm"
OBJECTS_MAX = 3  # keys that swtpm has room for
PIN = "1234"
SO_PIN = "5678"
# Nobody says who he is: the bus would want to find him in /etc/passwd, where our users are not.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>ANONYMOUS</auth>
  <allow_anonymous/>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Tpm:
    """The chip, its bus and its resource manager; each can be killed and started again."""

    def __init__(self, directory, owner):
        self.directory, self.owner = directory, owner
        (directory / "chip").mkdir()
        configuration = write(directory / "bus.conf", BUS.format(path=directory / "bus"))
        give_tree(directory, owner.uid)
        self._port = self._free_ports()
        self._chip = self._bus = self._manager = None
        self._is_as_made = True
        self.variables = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={directory}/bus",
                          "TSS2_LOG": "all+NONE"}
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self.start_chip()
            self._bus = self._start("bus", [
                "dbus-daemon", f"--config-file={configuration}", "--nofork"])
            self._bus.wait_until(lambda: answers_at(directory / "bus"))
            self.lift_lockout()
            self.start_manager()
            undo.pop_all()

    @staticmethod
    def _free_ports():
        """Commands, and the control channel at the port above."""
        while True:
            port = free_port()
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port + 1))
                return port

    def _start(self, name, args):
        return Process(args, self.directory / f"{name}.log", self.environment(), self.owner)

    def environment(self, **more):
        return environment(HOME=str(self.directory), TPM2TOOLS_TCTI=TCTI,
                           **{**self.variables, **more})

    @property
    def _tcti(self):
        return f"swtpm:host=127.0.0.1,port={self._port}"

    def start_chip(self):
        self._chip = self._start("chip", [
            "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.directory}/chip",
            "--server", f"type=tcp,port={self._port},bindaddr=127.0.0.1",
            "--ctrl", f"type=tcp,port={self._port + 1},bindaddr=127.0.0.1",
            "--flags", "not-need-init,startup-clear"])
        self._chip.wait_until(lambda: answers(self._port + 1))

    def kill_chip(self):
        self._is_as_made = False
        self._chip.stop(signal.SIGKILL)

    def start_manager(self):
        """One that was killed may have left an object in the chip."""
        self._manager = self._start("manager", [
            "tpm2-abrmd", "--session", "--flush-all", f"--tcti={self._tcti}"])
        self._manager.wait_until(self._manager_answers)

    def kill_manager(self):
        self._is_as_made = False
        self._manager.stop(signal.SIGKILL)

    def _manager_answers(self):
        return self.run("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                        "org.freedesktop.DBus.NameHasOwner", "string:com.intel.tss2.Tabrmd"
                        ).endswith("true\n")

    def lift_lockout(self):
        """Forget wrong PINs and unclean deaths, each of which the chip counts, and allow many more."""
        self.allow_tries(1000)
        self.run("tpm2_dictionarylockout", "--clear-lockout", f"--tcti={self._tcti}")

    def allow_tries(self, n):
        """Past the manager, which does not mind."""
        self.run("tpm2_dictionarylockout", "--setup-parameters", f"--max-tries={n}",
                 "--recovery-time=100000", "--lockout-recovery-time=1", f"--tcti={self._tcti}")

    @contextlib.contextmanager
    def filled(self):
        """Somebody else has taken all room for keys, past the manager."""
        direct = f"--tcti={self._tcti}"
        # The manager answers first, and then takes out what the answer needed.
        self._chip.wait_until(lambda: not self.run("tpm2_getcap", "handles-transient", direct))
        for _ in range(OBJECTS_MAX):
            self.load_object()
        yield
        self.run("tpm2_flushcontext", "--transient-object", direct)

    def load_object(self):
        """A key of somebody else, past the manager; as a manager leaves one that dies."""
        self.run("tpm2_createprimary", "--quiet", "--hierarchy=o", "--key-algorithm=ecc256",
                 f"--key-context={self.directory}/other", f"--tcti={self._tcti}")

    def tries(self):
        """How many wrong PINs, of whomever, the chip has counted."""
        said = self.run("tpm2_getcap", "properties-variable")
        return int(re.search(r"TPM2_PT_LOCKOUT_COUNTER: (0x[0-9A-Fa-f]+)", said).group(1), 16)

    def run(self, program, *args, **variables):
        """Run a program as the owner; its standard output."""
        done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, timeout=60,
                              cwd="/", env=self.environment(**variables), check=False,
                              **self.owner.popen())
        assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
        return done.stdout

    def mend(self):
        """Start all of it again where something was killed: a manager whose chip was another one
        meanwhile may know of objects that are gone."""
        if self._is_as_made and self._chip.is_running() and self._manager.is_running():
            return
        for process in (self._manager, self._chip):
            process.stop(signal.SIGKILL)
        self.start_chip()
        self.lift_lockout()
        self.start_manager()
        self._is_as_made = True

    def stop(self):
        for process in (self._manager, self._bus, self._chip):
            if process:
                process.stop(signal.SIGKILL)


class TpmToken:
    """keys: name to tpm2_ptool's algorithm; the name is the label."""

    def __init__(self, directory, owner, keys):
        self.directory, self.owner = directory, owner
        chip = directory / "tpm"
        chip.mkdir()
        self.tpm = Tpm(chip, owner)
        self.store = directory / "store"
        self.store.mkdir(mode=0o700)
        self.pin_file = write(directory / "pin", PIN + "\n", mode=0o400)
        give_tree(self.store, owner.uid)
        give_tree(self.pin_file, owner.uid)
        self.variables = {"TPM2_PKCS11_STORE": str(self.store), "TPM2_PKCS11_LOG_LEVEL": "0",
                          "TPM2_PKCS11_TCTI": TCTI, **self.tpm.variables}
        self.ptool("init")
        self.ptool("addtoken", "--pid=1", f"--label={LABEL}", f"--sopin={SO_PIN}",
                   f"--userpin={PIN}")
        for name, algorithm in keys.items():
            self.generate(name, algorithm)

    @property
    def uri(self):
        return f"pkcs11:token={LABEL}"

    @staticmethod
    def key_uri(name):
        return f"pkcs11:object={name}"

    def generate(self, name, algorithm="ecc256", *more):
        self.ptool("addkey", f"--label={LABEL}", f"--userpin={PIN}", f"--algorithm={algorithm}",
                   f"--key-label={name}", *more)

    def take_key(self, name, pem, algorithm="ecc"):
        """Import a private key that others have as well."""
        file = write(self.directory / f"{name}.key", pem, self.owner.uid, 0o400)
        self.ptool("import", f"--label={LABEL}", f"--userpin={PIN}", f"--privkey={file}",
                   f"--algorithm={algorithm}", f"--key-label={name}")

    def public_key(self, name):
        """PEM of a public key."""
        der = self.tool("--read-object", "--type", "pubkey", "--label", name)
        return subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER"], input=der, check=True,
                              capture_output=True).stdout.decode()

    def entry(self, **environment_of_worker):
        """The token's entry in a policy."""
        return {"module": MODULE, "uri": self.uri, "pin": f"file:{self.pin_file}",
                "environment": {**self.variables, **environment_of_worker}}

    def ptool(self, verb, *args):
        return self.tpm.run("tpm2_ptool", verb, *args, f"--path={self.store}", **self.variables)

    @contextlib.contextmanager
    def locked(self):
        """Somebody has tried as many wrong PINs as the chip allows."""
        self.tpm.allow_tries(1)
        self.tool("--login", "--pin", "4711", "--list-objects", status=1)
        yield
        self.tpm.lift_lockout()

    def tool(self, *args, status=0):
        """Run pkcs11-tool on it; its standard output."""
        done = subprocess.run(
            ["pkcs11-tool", "--module", MODULE, "--token-label", LABEL, *args], cwd="/", timeout=60,
            env=environment(**self.variables), capture_output=True, check=False,
            **self.owner.popen())
        assert done.returncode == status, done.stderr.decode()
        return done.stdout

    def stop(self):
        self.tpm.stop()
