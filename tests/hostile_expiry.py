# SPDX-License-Identifier: Apache-2.0
"""Times that are over, or are none."""
import datetime

from rig_edits import both, change, drop, new_root
from rig_forge import NOW, after
from rig_hostile import NOT_ASKED, SIGNS, SKIPPED, kind, row, sound, taken

YEAR = "2049-01-01T00:00:00Z"
TEXTS = [
    ("has no zone", "2049-01-01T00:00:00"),
    ("has a lower-case zone", "2049-01-01T00:00:00z"),
    ("has a lower-case t", "2049-01-01t00:00:00Z"),
    ("has a blank for the T", "2049-01-01 00:00:00Z"),
    ("is a date", "2049-01-01"),
    ("is in a leap second", "2048-12-31T23:59:60Z"),
    ("is at 24 o'clock", "2049-01-01T24:00:00Z"),
    ("is in minute 60", "2049-01-01T00:60:00Z"),
    ("is on the 29th of February of another year", "2049-02-29T00:00:00Z"),
    ("is on the 31st of April", "2049-04-31T00:00:00Z"),
    ("is on day 0", "2049-01-00T00:00:00Z"),
    ("is in month 13", "2049-13-01T00:00:00Z"),
    ("is in month 0", "2049-00-01T00:00:00Z"),
    ("is in the year 10000", "10000-01-01T00:00:00Z"),
    ("is in a negative year", "-2049-01-01T00:00:00Z"),
    ("is in a year with a sign", "+2049-01-01T00:00:00Z"),
    ("has a fraction without digits", "2049-01-01T00:00:00.Z"),
    ("has a fraction that ends with zero", "2049-01-01T00:00:00.50Z"),
    ("has a fraction after a comma", "2049-01-01T00:00:00,5Z"),
    ("has a fraction of ten digits", "2049-01-01T00:00:00.0123456789Z"),
    ("has a zone of 24 hours", "2049-01-01T00:00:00+24:00"),
    ("has a zone of 99 minutes", "2049-01-01T00:00:00+01:99"),
    ("has zero for a zone", "2049-01-01T00:00:00+00:00"),
    ("has a zone without a colon", "2049-01-01T00:00:00+0100"),
    ("has a name for a zone", "2049-01-01T00:00:00 CET"),
    ("has a blank behind it", "2049-01-01T00:00:00Z "),
    ("has a blank before it", " 2049-01-01T00:00:00Z"),
    ("has digits of Arabia", "٢٠٤٩-01-01T00:00:00Z"),
    ("is empty", ""),
    ("is a word", "never"),
]


def expires(role, value):
    return change(role, expires=value)


def by_clock(hours, zone):
    """What the clocks of UTC show so many hours from now, in the name of another zone."""
    return (NOW + datetime.timedelta(hours=hours)).strftime(f"%Y-%m-%dT%H:%M:%S{zone}")


YESTERDAY, TOMORROW = after(-1), after(1)

ROWS = [
    *kind("timestamp: expired at",
          row("timestamp expired yesterday", expires("timestamp", YESTERDAY),
              expires("timestamp", TOMORROW)),
          row("timestamp expired in 1970", expires("timestamp", "1970-01-01T00:00:00Z")),
          row("timestamp expired in the year 0", expires("timestamp", "0000-01-01T00:00:00Z")),
          row("timestamp expired an hour ago, by its zone",
              expires("timestamp", by_clock(1, "+02:00")),
              expires("timestamp", by_clock(1, "-02:00"))),
          row("timestamp is the one that was seen, and expired since",
              expires("timestamp", YESTERDAY), expires("timestamp", TOMORROW),
              seen=expires("timestamp", YESTERDAY), twin_seen=expires("timestamp", TOMORROW),
              agent=NOT_ASKED)),
    *kind("snapshot: expired at",
          row("snapshot expired yesterday", expires("snapshot", YESTERDAY),
              expires("snapshot", TOMORROW))),
    # The agent lets those sign who renew what has expired.
    *kind("targets: expired at",
          row("targets expired yesterday", expires("targets", YESTERDAY),
              expires("targets", TOMORROW), agent=SIGNS)),
    *kind("targets/qa: expired at",
          row("a delegation expired yesterday", expires("targets/qa", YESTERDAY),
              expires("targets/qa", TOMORROW), outcome=SKIPPED, agent=SIGNS)),
    *kind("root version 2: expired at",
          row("root expired yesterday", new_root(expires("root", YESTERDAY)),
              new_root(expires("root", TOMORROW)))),
    *kind("is no time as Go writes it",
          *(row(f"an expiry {says}", expires("timestamp", text), expires("timestamp", YEAR))
            for says, text in TEXTS)),
    *kind("expires: byte *: want a string",
          row("an expiry is a number", expires("snapshot", 2493072000)),
          row("an expiry is null", expires("snapshot", None)),
          row("an expiry is a list", expires("snapshot", [YEAR]))),
    *kind("want member 'expires'", row("there is no expiry", drop("snapshot", "expires"))),
]
TAKEN = taken(
    row("an expired root has a successor", both(expires("root", YESTERDAY), new_root(
        expires("root", TOMORROW))), seen=expires("root", YESTERDAY), agent=NOT_ASKED),
    row("an expiry is in another zone",
        expires("timestamp", "2049-01-01T00:00:00.123456789-11:30")),
    row("a timestamp is replayed before its time is over", sound, seen=sound),
    row("an expiry is the last second of the year 9999",
        expires("timestamp", "9999-12-31T23:59:59Z")),
)
