# SPDX-License-Identifier: Apache-2.0
"""ledger: what an agent that has ended wrote down, read by other means than its own."""
import hashlib
import json
import sqlite3


class Ledger:
    def __init__(self, state):
        self._file = state / "ledger.db"

    def rows(self, query):
        # Not read-only: what the agent left in the write-ahead log belongs to it.
        database = sqlite3.connect(self._file)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def execute(self, statement):
        """Change it, as nobody should."""
        database = sqlite3.connect(self._file)
        try:
            with database:
                database.execute(statement)
        finally:
            database.close()

    def records(self):
        """Bodies of all records, the oldest first."""
        return [json.loads(body)
                for (body,) in self.rows("SELECT body FROM record ORDER BY seq")]

    def marks(self):
        """{(repository, role): version}"""
        return {(repository, role): version for repository, role, version
                in self.rows("SELECT repository, role, version FROM mark")}

    def verify(self):
        """Compute the chain of hashes anew; the number of records in it."""
        hash_ = bytes(32)
        expected = 0
        for seq, at_us, found, body in self.rows(
                "SELECT seq, at_us, hash, body FROM record ORDER BY seq"):
            expected += 1
            assert seq == expected
            numbers = seq.to_bytes(8, "big") + at_us.to_bytes(8, "big", signed=True)
            hash_ = hashlib.sha256(hash_ + numbers + body.encode()).digest()
            assert hash_ == found, f"record {seq}"
        assert self.rows("SELECT seq, hash FROM ledger") == [(expected, hash_)]
        return expected
