# SPDX-License-Identifier: Apache-2.0
"""Eight clients do what they like in one repository at the same time: nothing is lost, nobody is told
a lie, and whoever reads it meanwhile sees it whole.

A test prints its seed when it fails. With CROWD_SEED in the environment the same verbs come again, in
about the same order. In a soak, one crowd comes after the other.
"""
import os
import random
import time

import pytest

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
N_DEEDS = 12 if SOAK_SECONDS else 4  # of each client


def seeds():
    """One, or as many as there is time for."""
    until = time.monotonic() + SOAK_SECONDS / 2
    while True:
        seed = int(os.environ.get("CROWD_SEED", random.SystemRandom().randrange(10**6)))
        print(f"seed {seed}")
        yield seed
        if time.monotonic() >= until or "CROWD_SEED" in os.environ:
            return


# As it comes, the server may go back to old files by itself, whereupon clients rightly complain.
@pytest.mark.parametrize("is_free", [False, True] if SOAK_SECONDS else [False],
                         ids=lambda is_free: "as it comes" if is_free else "in a seeded order")
def test_whatever_eight_do_at_once_is_found_afterwards(let_loose, is_free, record_property):
    for n, seed in enumerate(seeds(), 1):
        record_property("summary", f"crowd {n}: {let_loose(seed, N_DEEDS, is_free).summary()}")
