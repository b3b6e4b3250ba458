# SPDX-License-Identifier: Apache-2.0
"""recipe: one of contrib/ci, for a registry, a token and directories of a test."""
import copy
import re

import yaml

from rig_policy import Policy
from rig_tree import ROOT

RECIPES = ROOT / "contrib" / "ci"
# What the keys of the recipes are called in the usual token.
KEYS = {"shop": "qa", "pay": "developer", "nightly": "devops"}


def of_block(text, name):
    """A member of a mapping in YAML, however deep."""
    if isinstance(text, dict):
        return [found for key, value in text.items()
                for found in ([value] if key == name else of_block(value, name))]
    return [found for value in text for found in of_block(value, name)] \
        if isinstance(text, list) else []


def commands(path):
    """The shell's lines of a recipe, job by job."""
    text = path.read_text(encoding="utf-8")
    if path.name == "Jenkinsfile":
        return re.findall(r"\bsh '(.*?)'", text)
    if path.suffix == ".yml":
        lines = []
        for found in [*of_block(yaml.safe_load(text), "script"),
                      *of_block(yaml.safe_load(text), "after_script"),
                      *of_block(yaml.safe_load(text), "run")]:
            lines += found if isinstance(found, list) else [found]
        return lines
    return text.splitlines()


def release(path):
    """The command that releases."""
    (line,) = [line for line in commands(path) if line.startswith("countersign push ")]
    return line


class Recipe:
    """sockets: where the directories of /run/countersign are."""

    def __init__(self, name, registry, sockets):
        self.directory, self.registry, self.sockets = RECIPES / name, registry, sockets

    def text(self, name):
        """A file of it, with the places of this test."""
        text = (self.directory / name).read_text(encoding="utf-8")
        return text.replace("registry.example.com", self.registry.host).replace(
            "/run/countersign", str(self.sockets))

    def policy(self, token, sanitizer):
        """Its policy, with a token that there is, and with a founder of repositories beside it."""
        policy = Policy(token, self.registry.host, sanitizer)
        ours = yaml.safe_load(self.text("policy.yaml"))
        for name, key in ours["keys"].items():
            key["uri"] = token.key_uri(KEYS[name])
        founder = copy.deepcopy(policy["grants"]["releaser"])
        founder["keys"] = ["root", "targets"]
        policy["keys"] = {**{name: policy["keys"][name] for name in founder["keys"]}, **ours["keys"]}
        policy["grants"] = {"founder": founder, **ours["grants"]}
        for name in {"sockets", "roots"} & set(ours):
            policy[name] = ours[name]
        return policy
