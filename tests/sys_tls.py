# SPDX-License-Identifier: Apache-2.0
"""TLS to the trust server: whom the client believes, and what it says of those it does not."""
import shutil
import ssl

import pytest
import tokenserver


@pytest.fixture
def user(new_client):
    return new_client()


def directory_of(user, server):
    return user.home / ".docker" / "tls" / server.host


def test_an_unknown_authority_is_refused_on_loopback_too_and_the_place_for_it_is_named(
        user, notary_server, gun):
    # docker switches verification off where the registry is on loopback.
    directory = directory_of(user, notary_server)
    shutil.move(directory / "ca.crt", user.home / "ca.pem")
    said = user.refused(6, "list", gun)
    assert f"put the authority's certificate into {directory}/ca.crt" in said

    user.refused(4, "list", gun, "--tlscacert", user.home / "ca.pem")
    shutil.move(user.home / "ca.pem", directory / "any-name.crt")
    user.refused(4, "list", gun)


def test_the_authorities_of_the_system_count_besides_those_of_the_server(
        user, notary_server, scratch, gun):
    authority = user.write("system.pem", notary_server.tls.certificate.read_text())
    other = tokenserver.Authority(scratch.directory("authority"))
    shutil.copyfile(other.certificate_file, directory_of(user, notary_server) / "ca.crt")
    assert "not known here" in user.refused(6, "list", gun)
    assert "no such repository" in user.refused(4, "list", gun, SSL_CERT_FILE=str(authority))


@pytest.mark.parametrize("world,says,remedy", [
    ({"names": ["elsewhere"]}, "127.0.0.1", "call the server by a name that its certificate has"),
    ({"days": -1}, "expired", "check the clock of this machine, else whoever runs the server"),
], ids=["wrong name", "expired"])
def test_a_certificate_that_is_not_right_is_named(user, scratch, gun, world, says, remedy):
    authority = tokenserver.Authority(scratch.directory("authority"), **world)
    with tokenserver.BasicFront(0, {}, authority.tls_context()) as server:
        said = user.refused(6, "list", gun, "-s", server.url,
                            "--tlscacert", authority.certificate_file)
    assert server.url in said and says in said and remedy in said
    assert "put the authority's certificate" not in said
    assert server.requests == []


def test_half_of_a_pair_is_named_as_docker_does(user, notary_server, gun):
    directory = directory_of(user, notary_server)
    user.write(directory.relative_to(user.home) / "me.cert", "")
    assert f"missing key {directory}/me.key for client certificate" in user.refused(1, "list", gun)
    (directory / "me.cert").rename(directory / "me.key")
    assert f"missing client certificate {directory}/me.cert" in user.refused(1, "list", gun)


def test_a_client_certificate_is_shown_to_a_server_that_wants_one(user, scratch, gun):
    authority = tokenserver.Authority(scratch.directory("authority"))
    context = authority.tls_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate_file)
    pem = [user.write(name, file.read_text()) for name, file in (
        ("me.crt", authority.certificate_file), ("me.key", authority.key_file))]
    with tokenserver.BasicFront(0, {}, context) as server:
        list_it = ["list", gun, "-s", server.url, "--tlscacert", pem[0]]
        said = user.refused(6, *list_it)
        assert server.url in said and "the server may want a client certificate: --tlscert" in said
        assert server.requests == []

        said = user.refused(6, *list_it, "--tlscert", pem[0], "--tlskey", pem[1])
        assert "HTTP 401" in said  # one layer further


def test_plain_http_is_for_loopback_and_for_those_who_ask_for_it(user, gun):
    with tokenserver.BasicFront(0, {}) as server:
        said = user.refused(1, "list", gun, "-s", server.url)
        assert f"valid https URL required for trust server, got '{server.url}'" in said
        assert server.requests == []
        assert "HTTP 401" in user.refused(6, "list", gun, "-s", server.url,
                                          "--insecure-trust-server")
    said = user.refused(1, "list", gun, "-s", "http://192.0.2.1", "--insecure-trust-server")
    assert "plain http:// is for loopback" in said
