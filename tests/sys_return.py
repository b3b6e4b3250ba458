# SPDX-License-Identifier: Apache-2.0
"""A token goes away in each of the ways that hardware has: it is named at once, others sign on, and it
signs again within a second after it is back, without a restart of the agent."""
import contextlib
import shutil
import time

import pytest

from rig_publisher import new_private_key, private_pem
from rig_signatures import Signatures

RETURN_S = 10  # ten times what is promised, for machines that are busy
ERROR_S = 5


@contextlib.contextmanager
def pulled(piv):
    piv.card.pull()
    yield
    piv.card.push()


@contextlib.contextmanager
def without_reader(piv):
    piv.reader.kill_daemon()
    piv.reader.start_daemon(is_plugged_in=False)
    yield
    piv.reader.kill_daemon()
    piv.reader.start_daemon(has_card=True)


@contextlib.contextmanager
def without_daemon(piv):
    piv.reader.kill_daemon()
    yield
    piv.reader.start_daemon(has_card=True)


@contextlib.contextmanager
def broken_off(piv):
    """It comes out in the middle of a signature."""
    with piv.card.coming_out():
        yield
    piv.card.push()


@contextlib.contextmanager
def without_chip(token):
    token.tpm.kill_chip()
    yield
    token.tpm.start_chip()


@contextlib.contextmanager
def without_manager(token):
    token.tpm.kill_manager()
    yield
    token.tpm.start_manager()


@contextlib.contextmanager
def without_room(token):
    with token.tpm.filled():
        yield


@contextlib.contextmanager
def moved(token):
    """SoftHSM's directory is replaced by a copy."""
    here = token.directory / "tokens"
    here.rename(token.directory / "away")
    yield
    shutil.copytree(token.directory / "away", token.directory / "new")
    shutil.chown(token.directory / "new", token.owner.uid)
    for path in (token.directory / "new").rglob("*"):
        shutil.chown(path, token.owner.uid)
    (token.directory / "new").rename(here)


CARD = [pulled, without_reader, without_daemon, broken_off]
WAYS = [*(("card", way) for way in CARD), *(("yubikey", way) for way in CARD),
        ("tpm", without_chip), ("tpm", without_manager), ("tpm", without_room), ("soft", moved)]




@pytest.fixture
def new(new_piv, tpm, new_token):
    """Makes a token by its name; returns it and what it calls its key."""
    def softhsm():
        token = new_token()
        token.take_key("soft", private_pem(new_private_key()))
        return token
    makers = {"card": (new_piv, "9A"), "yubikey": (lambda: new_piv(is_yubikey=True), "9A"),
              "tpm": (lambda: tpm, "tpm"), "soft": (softhsm, "soft")}
    return lambda name: (makers[name][0](), makers[name][1])


@pytest.mark.parametrize("name, way", WAYS, ids=lambda value: getattr(value, "__name__", value))
def test_it_is_missed_and_comes_back(name, way, new, policy, sanitizer, new_agent, gun,
                                     record_property):
    token, place = new(name)
    policy.add_token(name, token, sanitizer, **{name: place})
    signatures = Signatures(new_agent(policy).start(), gun)
    signatures.sign("qa", name)
    with way(token):
        began = time.monotonic()
        assert signatures.fails(name)["token"] == name
        assert time.monotonic() - began < ERROR_S
        signatures.sign("qa")
        signatures.wait_state(name, "absent", "failing")
    took = signatures.sign_in_time(name, RETURN_S)
    signatures.sign("qa", name)
    record_property("summary", f"{name}, {way.__name__}: signed {took:.2f} s after it was back")
