# SPDX-License-Identifier: Apache-2.0
"""A token goes away in each of the ways that hardware has: it is named at once, others sign on, and it
signs again within a second after it is back, without a restart of the agent."""
import contextlib
import shutil
import time

import pytest

from rig_publisher import new_private_key, private_pem
from rig_remote import RemoteToken
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
    token.tpm.load_object()
    yield
    token.tpm.start_manager()


@contextlib.contextmanager
def without_room(token):
    with token.tpm.filled():
        yield


@contextlib.contextmanager
def without_server(token):
    token.kill()
    yield
    token.start()


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


@pytest.fixture
def comes_back(policy, sanitizer, new_agent, gun, record_property):
    """What is true of each token and each way in which it goes away."""
    def comes_back(name, token, place, way):
        policy.add_token(name, token, sanitizer, **{name: place})
        signatures = Signatures(new_agent(policy).start(), gun)
        signatures.sign("qa", name)
        signatures.wait_workers(name, token.entry().get("workers", 1))
        with way(token):
            began = time.monotonic()
            assert signatures.fails(name)["token"] == name
            assert time.monotonic() - began < ERROR_S
            signatures.sign("qa")
            signatures.wait_state(name, "absent", "failing")
        took = signatures.sign_in_time(name, RETURN_S)
        signatures.sign("qa", name)
        record_property("summary", f"{name}, {way.__name__}: signed {took:.2f} s after it was back")
    return comes_back


@pytest.mark.parametrize("way", [pulled, without_reader, without_daemon, broken_off],
                         ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", ["opensc", "ykcs11"])
def test_a_card(name, way, new_piv, comes_back):
    comes_back(name, new_piv(is_yubikey=name == "ykcs11"), "9A", way)


@pytest.mark.parametrize("way", [without_chip, without_manager, without_room],
                         ids=lambda way: way.__name__)
def test_a_tpm(way, tpm, comes_back):
    comes_back("tpm", tpm, "tpm", way)


def test_softhsm(new_token, comes_back):
    token = new_token()
    token.take_key("soft", private_pem(new_private_key()))
    comes_back("soft", token, "soft", moved)


def test_a_network_hsm(new_token, scratch, comes_back):
    own = new_token()
    own.take_key("remote", private_pem(new_private_key()))
    token = RemoteToken(scratch.directory("remote"), own)
    try:
        comes_back("remote", token, "remote", without_server)
    finally:
        token.kill()
