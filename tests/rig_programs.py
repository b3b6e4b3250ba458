# SPDX-License-Identifier: Apache-2.0
"""programs: our own, copied to where every user may run them."""
import shutil


class Programs:
    """The layout is that of a build directory, by which the agent finds its worker."""

    def __init__(self, build, scratch):
        self.directory = scratch.directory("bin")
        (self.directory / "token").mkdir()
        self.agent = self._copy(build / "agent" / "countersign-agent")
        self.token = self._copy(build / "agent" / "token" / "countersign-token", "token")
        self.client = self._copy(build / "client" / "countersign")

    def take(self, source):
        """A copy of one more program."""
        return self._copy(source)

    def _copy(self, source, below="."):
        target = self.directory / below / source.name
        shutil.copyfile(source, target)
        target.chmod(0o755)
        return target
