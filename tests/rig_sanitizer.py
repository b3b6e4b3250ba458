# SPDX-License-Identifier: Apache-2.0
"""sanitizer: reports of AddressSanitizer, LeakSanitizer and UBSan from whatever process."""
import re

from rig_process import environment

# A status that none of the programs ends with by itself.
EXIT_STATUS = 86
REPORT = re.compile(r"ERROR: (Address|Leak|Undefined)\w*Sanitizer|runtime error: |SUMMARY: \w+Sanitizer")


class Sanitizer:
    """Where reports go, and whether there are any. Without a sanitized build there never are."""

    def __init__(self, scratch):
        self.directory = scratch.directory("sanitizer", mode=0o1777)
        common = f"log_path={self.directory}/report:exitcode={EXIT_STATUS}"
        self.variables = {
            "ASAN_OPTIONS": f"{common}:detect_leaks=1:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": f"{common}:halt_on_error=1:print_stacktrace=1",
        }

    def environment(self, **more):
        return environment(**self.variables, **more)

    def check(self, text=""):
        """Fail on a report in a file, or in text that a process wrote."""
        reports = [path.read_text(errors="replace") for path in sorted(self.directory.iterdir())]
        for path in self.directory.iterdir():
            path.unlink()
        if REPORT.search(text):
            reports.append(text)
        assert not reports, "\n".join(reports)
