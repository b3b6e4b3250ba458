# SPDX-License-Identifier: Apache-2.0
"""sentences: what errors say, and tables of them."""


def has(said, *sentences):
    for sentence in sentences:
        assert sentence in said, said


def rows(table):
    """For parametrize: the first column of the table is the name of the test."""
    return {"argvalues": [row[1:] for row in table], "ids": [row[0] for row in table]}
