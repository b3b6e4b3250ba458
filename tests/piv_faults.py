# SPDX-License-Identifier: Apache-2.0
"""piv_faults: what a test wants to go wrong with the next signatures of the emulated card."""
import threading

TOUCH_MS = 15000  # how long a YubiKey waits


class Faults:
    """Set by the thread of the control socket, met by the one that answers commands."""

    def __init__(self):
        self.delay_ms = 0
        self.mute_ms = 0
        self.is_loose = False
        self.wants_touch = self.is_waiting = False
        self._status, self._failures = 0, 0
        self._touched = threading.Event()
        self._ended = threading.Event()

    def fail(self, status, times):
        """The next signatures end with this status word."""
        self._status, self._failures = status, times

    def touch(self):
        """A finger, now: what is waited for goes on, and any delay ends."""
        self._touched.set()

    def meet(self):
        """Before a signature; the status word that it ends with, or None."""
        if self._failures > 0:
            self._failures -= 1
            return self._status
        if self.wants_touch and not self._wait(TOUCH_MS):
            return 0x6982
        if self.delay_ms:
            self._wait(self.delay_ms)
        if self.mute_ms:
            mute_ms, self.mute_ms = self.mute_ms, 0
            self._ended.wait(mute_ms / 1000)
        return None

    def comes_out(self):
        """Whether the card does, before this answer."""
        was_loose, self.is_loose = self.is_loose, False
        return was_loose

    def _wait(self, ms):
        # A finger that was there before does not count.
        self._touched.clear()
        self.is_waiting = True
        was_touched = self._touched.wait(ms / 1000)
        self.is_waiting = False
        return was_touched
