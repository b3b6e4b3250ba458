# SPDX-License-Identifier: Apache-2.0
"""piv_pins: PIN and PUK of the emulated card, with counters that survive its removal."""
import json
import os


class Pins:
    """Kept in a file, as a card keeps them."""

    def __init__(self, path, pin, puk, retries):
        self._path, self.retries = path, retries
        self._values = {"pin": pin, "puk": puk}
        self._left = {"pin": retries, "puk": retries}
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                stored = json.load(file)
            self._values.update(stored["values"])
            self._left.update(stored["left"])

    def left(self, name="pin"):
        return self._left[name]

    def status(self, name):
        """The status word of a refusal, or of a question about the counter."""
        return 0x6983 if self._left[name] == 0 else 0x63C0 | self._left[name]

    def check(self, name, padded):
        """Whether it is right; a wrong one costs a try."""
        if self._left[name] == 0:
            return False
        is_right = padded.rstrip(b"\xff") == self._values[name].encode()
        self._left[name] = self.retries if is_right else self._left[name] - 1
        self._save()
        return is_right

    def change(self, name, padded):
        self._values[name] = padded.rstrip(b"\xff").decode("ascii")
        self._left[name] = self.retries
        self._save()

    def reset(self):
        """Give back all tries of the PIN, which only a test can."""
        self._left["pin"] = self.retries
        self._save()

    def _save(self):
        with open(self._path + ".new", "w", encoding="ascii") as file:
            json.dump({"values": self._values, "left": self._left}, file)
        os.rename(self._path + ".new", self._path)
