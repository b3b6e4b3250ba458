# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what the code does."""
import re
import subprocess

from rig_tree import ROOT, files, text

PAGES = [path for path in files() if re.fullmatch(r"\.[1-8]", path.suffix)]
PROTOCOL = "proto/countersign-protocol.7"
POLICY = "agent/countersign-policy.5"


def rendered(page):
    """The page as a reader sees it, without its line breaks."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", page], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    return re.sub(r".\x08", "", done.stdout)


def options_of_page(page):
    """Long options that the page marks up as such."""
    return set(re.findall(r"\bFl -([a-z][a-z-]+)", text(page)))


def options_of_help(*command):
    done = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True)
    return set(re.findall(r"--([a-z][a-z-]+)", done.stdout))


def test_every_page_is_correct_mdoc():
    done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", *PAGES], cwd=ROOT, capture_output=True,
                          text=True)
    # Cross references to pages that are not installed here are no fault of ours.
    faults = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert not faults, "\n".join(faults)


def test_every_page_is_installed():
    missing = [page for page in PAGES if f"'{page.name}'" not in text(page.parent / "meson.build")]
    assert not missing


def test_every_verb_is_in_the_list_before_the_sections_about_them():
    verbs = re.findall(r'^    \{"([a-z -]+)", ', text("client/commands.c"), re.MULTILINE)
    (listed,) = re.findall(r"These are the verbs.*?Pushing.*?\n\s+Pushing\n",
                           rendered("client/countersign.1"), re.DOTALL)
    listed = re.sub(r"\s+", " ", listed)
    assert verbs
    assert not [verb for verb in verbs if not re.search(rf"(?<![\w-]){verb}(?![\w-])", listed)]


def test_pages_refer_to_pages_that_exist():
    there = {path.name for path in PAGES}
    for page in PAGES:
        for name, section in re.findall(r"\.Xr (countersign[a-z-]*) ([1-8])", text(page)):
            assert f"{name}.{section}" in there, f"{page}: {name}({section})"


def test_all_of_the_interface_is_in_the_protocol_page():
    interface = text("proto/org.countersign.Agent.varlink")
    page = rendered(PROTOCOL)
    missing = [name for name in re.findall(r"^(?:error|method|type) (\w+)", interface, re.MULTILINE)
               if not re.search(rf"\b{name}\b", page)]
    assert not missing


def test_every_error_has_the_exit_status_of_the_pages():
    kinds = re.findall(r'\[RC_\w+\] = \{(?:"(\w+)"|NULL), (\d+)\}', text("proto/rc.c"))
    assert len(kinds) == len(re.findall(r"^    RC_(?!MAX_)\w+,", text("proto/rc.h"), re.MULTILINE))
    section = text(PROTOCOL).split(".Sh ERROR REPLIES")[1].split("\n.Sh ")[0]
    assert set(re.findall(r"^\.It Er (\w+) .*No (\d)$", section, re.MULTILINE)) == \
        {(name, status) for name, status in kinds if name}
    section = text("client/countersign.1").split(".Sh EXIT STATUS")[1].split("\n.Sh ")[0]
    # Wrong usage is found before there is an error with a kind.
    assert set(re.findall(r"^\.It (\d+)$", section, re.MULTILINE)) == \
        {status for _, status in kinds} | {"2"}


def test_every_bound_of_the_socket_is_in_the_protocol_page():
    section = text("proto/bounds.h").split("/* The socket */")[1].split("\n/* ")[0]
    page = rendered(PROTOCOL)
    bounds = re.findall(r"^#define (\w+) +(\(.*?\)|\d+)", section, re.MULTILINE)
    assert bounds
    for name, value in bounds:
        line = re.search(rf"^.*\b{name}\b.*$", page, re.MULTILINE)
        assert line, f"{PROTOCOL} lacks {name}"
        # Numbers are written for people: 67,108,864, or 64 MiB.
        number = eval(value)  # pylint: disable=eval-used
        spellings = {f"{number}", f"{number:,}"}
        if number % 1024 == 0:
            spellings |= {f"{number // 1024} KiB", f"{number // 1024:,} KiB"}
        if number % (1024 * 1024) == 0:
            spellings |= {f"{number // (1024 * 1024)} MiB"}
        around = page[line.start():line.end() + 400]
        assert any(re.search(rf"(?<![\d,]){spelling}(?![\d,])", around) for spelling in spellings), \
            f"{PROTOCOL}: {name} is {number}"


def test_every_mechanism_is_in_the_page_of_the_agent():
    rows = re.findall(r"^    ROW\((\w+),", text("agent/token/mechanism.c"), re.MULTILINE)
    section = text("agent/countersign-agent.8").split(".Ss Algorithms")[1].split("\n.Ss ")[0]
    assert rows == re.findall(r"^\.Dv (CKM_\w+)", section, re.MULTILINE)


def test_the_reasons_of_the_policy_page_are_those_of_the_code():
    """test_reason holds them against the agent itself."""
    done = subprocess.run([ROOT / "agent" / "reasons.py", "--print"], check=True,
                          capture_output=True, text=True)
    section = text(POLICY).split(".Sh REASONS")[1].split("\n.Sh ")[0]
    assert section.endswith(done.stdout.rstrip("\n")), "run agent/reasons.py"
    assert section.count(".It Cm ") == done.stdout.count(".It Cm ") > 30


def test_the_page_of_the_agent_has_the_options_of_its_help(build):
    assert options_of_page("agent/countersign-agent.8") == \
        options_of_help(build / "agent" / "countersign-agent")


def test_the_page_of_the_client_has_the_options_of_its_help(build):
    client = build / "client" / "countersign"
    usage = subprocess.run([client, "--help"], check=True, capture_output=True, text=True).stdout
    verbs = re.findall(r"^  ([a-z][a-z-]+(?: [a-z][a-z-]+)?) ", usage, re.MULTILINE)
    assert verbs
    options = options_of_help(client)
    for verb in verbs:
        options |= options_of_help(client, *verb.split())
    of_verify = options_of_page("client/countersign-verify.1")
    assert options_of_page("client/countersign.1") | of_verify == options
    assert of_verify <= options_of_help(client, "verify")


def test_the_page_of_the_plugin_has_docker_s_words(build, tmp_path):
    trust = tmp_path / "docker-trust"
    trust.symlink_to(build / "client" / "countersign")
    said = subprocess.run([trust, "--help"], check=True, capture_output=True, text=True).stdout
    verbs = re.findall(r"^  ([a-z]+(?: [a-z]+)?) ", said, re.MULTILINE)
    assert re.findall(r"^\.Cm trust ([a-z ]+)$", text("client/docker-countersign.1"),
                      re.MULTILINE) == verbs
    for option in ("--local", "--dir", "--keep"):
        assert option.removeprefix("--") in options_of_page("client/docker-countersign.1")
