# SPDX-License-Identifier: Apache-2.0
"""What a new user meets: slips of the pen, things that are not there, and what is said of them."""
import pytest


@pytest.fixture
def stranger(new_client):
    """A user without an agent."""
    return new_client()


@pytest.mark.parametrize("line,says", [
    ("", "a verb is missing"),
    ("sing a:1", "unknown verb 'sing'"),
    ("delegation", "there is 'delegation add' and 'delegation remove' and 'delegation purge'"),
    ("audit", "there is 'audit show' and 'audit verify' and 'audit export'"),
    ("audit show -f --server x", "'audit show' takes no option --server"),
    ("sign", "'sign' takes more arguments"),
    ("list a b", "'list' takes fewer arguments"),
    ("sign a:1 --pretty", "'sign' takes no option --pretty"),
    ("status -r targets", "'status' takes no option --role"),
    ("sign a:1 --no-such-option", "unrecognized option"),
    ("inspect a --server", "requires an argument"),
])
def test_wrong_usage(stranger, line, says):
    assert says in stranger.refused(2, *line.split())


@pytest.mark.parametrize("line,says", [
    ("sign {gun}", "has no tag: trust data is per tag"),
    ("sign Foo:bar", "repository name (library/Foo) must be lowercase"),
    ("sign {gun}:v1 --key qa", "'qa': want agent:NAME"),
    ("init {gun}:tag", "names one image, want the repository"),
    ("delegation add {gun} qa agent:qa", "'qa' is no delegation: want targets/NAME"),
    ("delegation add {gun} targets/qa absent.pem", "'absent.pem': no such file"),
    ("delegation add {gun} targets/qa /etc/passwd", "want a certificate or a public key"),
    ("delegation add {gun} targets/qa agent:qa --paths=", "an empty path admits every tag"),
    ("delegation add {gun} targets/qa agent:qa --paths=v,,w", "an empty path admits every tag"),
    ("delegation add {gun} targets/qa agent:qa --paths v --all-paths", "exclude each other"),
    ("addhash {gun} v1 12", "--sha256 HEX is missing"),
    ("addhash {gun} v1 x --sha256 00", "size 'x': not an integer"),
    ("addhash {gun} v1 12 --sha256 00", "2 hexadecimal digits, want 64"),
    ("signer add Alice {gun} --key agent:qa", "must start with lowercase"),
    ("signer add releases {gun} --key agent:qa", "releases is a reserved keyword"),
    ("signer add alice {gun}", "--key is missing"),
    ("list {gun} -s http://example.com", "valid https URL required"),
    ("list {gun} --tlscacert absent.pem", "'absent.pem': no such file"),
    ("list {gun} --tlscert absent.pem", "give both or none"),
])
def test_arguments_that_make_no_sense(stranger, gun, line, says):
    """Said at once: without an agent, and without asking a server."""
    assert says in stranger.refused(1, *line.format(gun=gun).split())


@pytest.mark.parametrize("line", [
    "sign {gun}:v1", "addhash {gun} v1 5 --sha256 " + 64 * "0",
    "delegation add {gun} targets/qa agent:qa"])
def test_a_repository_that_is_not_there(client, gun, upload, line):
    upload(f"{gun}:v1")
    says = client.refused(1, *line.format(gun=gun).split())
    assert f"the trust server has no repository '{gun}'; 'countersign init' makes it" in says


def test_a_path_that_the_role_above_excludes(client, gun):
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa", "--paths", "v")
    assert "the paths of 'targets/qa' exclude 'w' below it" in client.refused(
        1, "delegation", "add", gun, "targets/qa/deep", "agent:qa", "--paths", "v1,w")


def test_no_agent(stranger, gun, upload):
    for socket in ("/nowhere/agent.sock", str(stranger.home / "x")):
        says = stranger.refused(5, "status", "--socket", socket)
        assert f"no agent listens on '{socket}'" in says
        assert "systemctl start countersign-agent.socket" in says


def test_the_wrong_server(client, gun):
    assert "cannot connect" in client.refused(6, "list", gun, "-s", "https://127.0.0.1:1")
    assert "name of the host" in client.refused(6, "list", gun, "-s", "https://absent.invalid")
    host = gun.split("/", maxsplit=1)[0]
    assert "may be plain HTTP" in client.refused(6, "list", gun, "-s", f"https://{host}")
    assert "no Notary server" in client.refused(
        6, "list", gun, "-s", f"http://{host}", "--insecure-trust-server")


def test_the_keys_of_a_new_repository(client, gun):
    assert "the agent has no key 'absent'" in client.refused(
        1, "init", gun, "--root-key", "agent:absent")
    assert "'root': no such file" in client.refused(
        1, "init", gun, "--root-key", "root")
    assert "key 'qa' is not yours to use for root" in client.refused(
        3, "init", gun, "--root-key", "agent:qa")
    out = client.run("init", gun, "--root-key", "agent:root", "--targets-key", "agent:targets")
    assert "root: version 1, signed by root" in out
    assert "it exists already; nothing was changed" in client.refused(1, "init", gun)


def test_another_key_does_not_widen_paths(client, gun):
    client.run("init", gun)
    client.run("delegation", "add", gun, "targets/qa", "agent:qa", "--paths", "v,w")
    client.run("delegation", "add", gun, "targets/qa", "agent:qa")
    client.run("delegation", "add", gun, "targets/devops", "agent:devops")
    roles = client.json("delegation", "list", gun, "--json")
    assert [role["paths"] for role in roles] == [["v", "w"], [""]]
    client.run("delegation", "add", gun, "targets/qa", "agent:qa", "--all-paths")
    assert "" in client.json("delegation", "list", gun, "--json")[0]["paths"]


def test_roles_that_cannot_hold_a_tag(client, gun, upload):
    upload(f"{gun}:v1")
    client.run("init", gun)
    assert "'root' holds no targets" in client.refused(1, "sign", f"{gun}:v1", "-r", "root")
    assert "has no role 'targets/qa'; 'countersign delegation add' makes one" in client.refused(
        1, "sign", f"{gun}:v1", "-r", "targets/qa")
