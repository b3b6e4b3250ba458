# SPDX-License-Identifier: Apache-2.0
"""The recipes for pipelines fit together, and to the programs that they are for."""
import re
import shutil
import subprocess
import tomllib
from pathlib import PurePath

import pytest
import yaml

from rig_recipe import RECIPES, commands, of_block
from rig_tree import ROOT, text

PIPELINES = ["gitlab-shell/gitlab-ci.yml", "gitlab-docker/gitlab-ci.yml", "jenkins/Jenkinsfile",
             "github/release.yml", "buildah/release"]
NAMES = sorted(path.name for path in RECIPES.iterdir() if path.is_dir())
# What a policy is warned of here: that users are those of another machine, that Linux is older than 6.5, and
# that a key is for all repositories of a team.
EXPECTED = re.compile(r"matches nobody|nobody whom this system knows|cannot tell units|"
                      r"^  key (shop|pay): valid in more than one repository or role")


def check(build, policy):
    done = subprocess.run([build / "agent" / "countersign-agent", "--check-policy", policy],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_of_a_recipe_is_taken_and_keeps_teams_apart(name, build, tmp_path):
    tmp_path.chmod(0o755)
    policy = tmp_path / "policy.yaml"
    policy.write_text(text(f"contrib/ci/{name}/policy.yaml"), encoding="utf-8")
    policy.chmod(0o644)
    said = check(build, policy)
    unexpected = [line for line in said.split("\nwarnings\n")[1].splitlines()
                  if not EXPECTED.search(line)]
    assert not unexpected
    rights = said.split("\nrights\n")[1].split("\nadmins\n")[0]
    for someone in re.split(r"^  (?=\S)", rights, flags=re.MULTILINE)[1:]:
        teams = {repository.split("/")[1] for repository in re.findall(r" of (\S+/\S+)$", someone, re.M)}
        assert len(teams) == 1, someone
        assert "without changes of delegations" in someone, someone


def test_a_door_is_mounted_for_one_team_and_no_job_has_the_engine():
    runners = tomllib.loads(text("contrib/ci/gitlab-docker/config.toml"))["runners"]
    policy = yaml.safe_load(text("contrib/ci/gitlab-docker/policy.yaml"))
    mounted = {}
    for runner in runners:
        assert runner["docker"]["privileged"] is False
        assert not (runner["docker"].keys() >= {"volumes", "security_opt"}), runner
        for volume in runner["docker"].get("volumes", []):
            source, target, mode = volume.split(":")
            assert (target, mode) == ("/run/countersign", "ro")
            mounted[source] = runner["name"]
    assert mounted == {str(PurePath(place["path"]).parent): f"release-{name}"
                       for name, place in policy["sockets"].items()}
    for recipe in ("gitlab-docker", "gitlab-shell"):
        names = {runner["name"] for runner in
                 tomllib.loads(text(f"contrib/ci/{recipe}/config.toml"))["runners"]} | {"build"}
        tags = of_block(yaml.safe_load(text(f"contrib/ci/{recipe}/gitlab-ci.yml")), "tags")
        assert {tag for found in tags for tag in found} <= names, tags
    for path in RECIPES.rglob("*"):
        assert path.is_dir() or path.suffix == ".7" or "docker.sock" not in path.read_text()


def test_commands_of_recipes_have_no_known_traps(tmp_path):
    for name in PIPELINES:
        lines = commands(RECIPES / name)
        assert lines, name
        (tmp_path / name.replace("/", "-")).write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(["shellcheck", "--shell=bash", *tmp_path.iterdir()], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PIPELINES)
def test_commands_of_recipes_have_options_that_there_are(name, build):
    found = [line.split() for line in commands(RECIPES / name) if line.startswith("countersign ")]
    assert found
    for _, verb, *words in found:
        done = subprocess.run([build / "client" / "countersign", verb, "--help"], check=True,
                              capture_output=True, text=True)
        options = {word for word in words if word.startswith("-")}
        assert options <= set(re.findall(r"(?<!\S)--?[a-z-]+", done.stdout)), done.stdout


def test_the_image_for_jobs_has_the_libraries_of_the_client(build):
    image = text("contrib/ci/gitlab-docker/Containerfile")
    listed = subprocess.run(["readelf", "--dynamic", build / "client" / "countersign"], check=True,
                            capture_output=True, text=True).stdout
    for library in re.findall(r"\(NEEDED\).*\[lib(\w+)\.so\.", listed):
        # As Debian names packages of libraries; each image has libc, and libcrypto is of OpenSSL.
        package = {"c": "debian", "crypto": "libssl", "asan": "debian", "ubsan": "debian"}.get(
            library, f"lib{library}")
        assert package in image, library


def test_the_unit_of_a_tunnel_is_correct(build, tmp_path):
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for target in ("basic", "multi-user", "network-online", "shutdown", "sockets", "sysinit"):
        (units / f"{target}.target").write_text("[Unit]\nDescription=A target\n")
    for name in ("agent.socket", "door@.socket"):
        shutil.copy(ROOT / f"contrib/systemd/countersign-{name}", units)
    service = (build / "contrib/systemd/system-countersign-agent.service").read_text("utf-8")
    (units / "countersign-agent.service").write_text(service, encoding="utf-8")
    shutil.copy(RECIPES / "ssh" / "countersign-tunnel@.service", units)
    drop_in = units / "countersign-door@build1.socket.d"
    drop_in.mkdir()
    shutil.copy(RECIPES / "ssh" / "door.conf", drop_in)
    for program in ("/usr/bin/ssh", "/bin/kill", re.search(r"ExecStart=(\S+)", service).group(1)):
        path = tmp_path / program[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}",
         "/usr/lib/systemd/system/countersign-tunnel@build1.service",
         "/usr/lib/systemd/system/countersign-door@build1.socket"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_every_recipe_is_installed_and_on_the_page():
    page, installed = text("contrib/ci/countersign-ci.7"), text("contrib/ci/meson.build")
    for name in NAMES:
        assert re.search(rf"^\.It Pa .*\b{name}\b", page, re.MULTILINE), name
    for path in RECIPES.rglob("*"):
        if path.is_file() and path.name != "meson.build":
            assert f"'{path.relative_to(RECIPES)}'" in installed, path
