# SPDX-License-Identifier: Apache-2.0
"""Eight clients do what they like in one repository at the same time: nothing is lost, nobody is told
a lie, and whoever reads it meanwhile sees it whole.

A test prints its seed when it fails; with it the same verbs come again, in about the same order.
"""
import random

import pytest

N_DEEDS = 4  # of each client


@pytest.mark.parametrize("is_free", [False, True], ids=["in a seeded order", "as it comes"])
def test_whatever_eight_do_at_once_is_found_afterwards(let_loose, is_free, record_property):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    record_property("summary", let_loose(seed, N_DEEDS, is_free).summary())
