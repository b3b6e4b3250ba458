# SPDX-License-Identifier: Apache-2.0
"""slow token: tests/faultp11.c, which is told how long signatures take, and counts them."""
import os
import shutil
import struct

import rig_users
from rig_scratch import write


class SlowToken:
    """In a policy under the name "slow", with one key of that name for the role of the key qa, granted
    to all whom the policy grants anything by then."""

    CALL_SIGN, CALLS, FAULT_DELAY = 15, 17, 2
    FAULT = struct.Struct("<IIIxxxxQ")

    def __init__(self, module, directory):
        self.module = directory / "faultp11.so"
        shutil.copyfile(module, self.module)
        self.control = directory / "control"
        self.control.write_bytes(bytes(4096))
        os.chown(self.control, rig_users.AGENT.uid, rig_users.AGENT.gid)
        pin = write(directory / "pin", "1234\n", rig_users.AGENT.uid, 0o400)
        self.entry = {"module": str(self.module), "uri": "pkcs11:token=fault", "pin": f"file:{pin}",
                      "environment": {"FAULTP11": str(self.control)}}

    def add_to(self, policy):
        policy["tokens"]["slow"] = self.entry
        policy["keys"]["slow"] = {"token": "slow", "uri": "pkcs11:object=key",
                                  "scope": policy["keys"]["qa"]["scope"]}
        for grant in policy["grants"].values():
            grant["keys"].append("slow")
        return self

    def delay(self, n_times, milliseconds):
        """The next signatures; 0: all."""
        with open(self.control, "r+b") as file:
            file.seek(self.CALL_SIGN * self.FAULT.size)
            file.write(self.FAULT.pack(self.FAULT_DELAY, 0, n_times, milliseconds))

    def n_signed(self):
        """How often the module was asked to sign."""
        with open(self.control, "rb") as file:
            file.seek(self.CALLS * self.FAULT.size + 4 * self.CALL_SIGN)
            return int.from_bytes(file.read(4), "little")
