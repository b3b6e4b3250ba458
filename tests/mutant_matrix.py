# SPDX-License-Identifier: Apache-2.0
"""The judge with a rule left out or turned round, which the matrix must notice: so it can fail.

Each mutant is one file of agent/ with one text in place of another. It is compiled as the build
does, and linked before the library, which then is not asked for that file.
"""
import json
import shlex
import subprocess

import pytest

from rig_judge import RC_OK, Judge, codes
from rig_matrix import World
from rig_matrix_story import difference
from rig_matrix_variants import overreaches

WORLDS, CASES = 64, 400 # until it is noticed

WEIGH = {
    "any unit": ("return !grant->unit ||", "return true ||"),
    "units by their beginning": ("!strcmp(unit, grant->unit)", "!strncmp(unit, grant->unit, 1)"),
    "no base needed": ("(!m->known->needs_base && !grant->tags)", "!grant->tags"),
    "no base needed for tags": ("(!m->known->needs_base && !grant->tags)", "!m->known->needs_base"),
    "whoever delegates replaces anything": ("(grant->delegate && !grant->tags);",
                                            "grant->delegate;"),
    "everybody replaces what cannot be read": (
        "return m->known->base != DECIDE_BASE_UNREADABLE ||", "return true ||"),
    "everybody delegates": ("return grant->delegate || digest_eq(&m->subject->delegations, &m->known",
                            "return true || digest_eq(&m->subject->delegations, &m->known"),
    "old delegations": ("digest_eq(&subject->delegations, &known->newest_delegations)) &&",
                        "true) &&"),
    "tags that somebody else released": ("(is_again || may_undo(m, grant))", "true"),
    "the same tags not again": ("(is_again || may_undo(m, grant))", "may_undo(m, grant)"),
    "tags that somebody else released first": (
        "i < known->n_unpublished; i++)", "i < known->n_unpublished && i < 1; i++)"),
    "any tag": ("grant->tags && i < m->known->n_tags", "false && i < m->known->n_tags"),
    "the first tag only": ("grant->tags && i < m->known->n_tags",
                           "grant->tags && i < m->known->n_tags && i < 1"),
    "a day more": ("+ VALIDITY_SLACK_S;", "+ 2 * VALIDITY_SLACK_S;"),
    "a second less": ("m->subject->expires_at - m->request->now <= most",
                      "m->subject->expires_at - m->request->now < most"),
    "lower thresholds": ("return (!m->known->lowers_threshold &&", "return (true &&"),
    "doubtful thresholds": ("&& !has_doubtful_thresholds(m))", ")"),
    "no lower threshold at all": ("has_doubtful_thresholds(m)) ||\n           grant->approvals.count > 0",
                                  "has_doubtful_thresholds(m))"),
    "keys listed elsewhere": ("    if (weigh_find_elsewhere(m, key))", "    if (false)"),
    "quotas without those in work": ("request->used[i] : 0) - m->taken[i]",
                                     "request->used[i] : 0) - 0 * m->taken[i]"),
    "no quota": ("    if (weigh_count_left(m, grant) <= 0)", "    if (false)"),
    "one more than the quota": ("    if (weigh_count_left(m, grant) <= 0)",
                                "    if (weigh_count_left(m, grant) < 0)"),
    "votes twice": ("if (votes[i]->uid == votes[vote]->uid &&", "if (false &&"),
    "anybody's vote": ("if (!policy_grant_may_approve(grant, votes[vote], request->peer->uid))",
                       "if (false)"),
    "no votes": (">= grant->approvals.count;", ">= 0 * grant->approvals.count;"),
    "one vote less": (">= grant->approvals.count;", "+ 1 >= grant->approvals.count;"),
    "any scope": ("if (!policy_key_covers(key->policy, m->subject->repository, m->subject->role))",
                  "if (false)"),
    "any repository for a root": ("if (!policy_grant_admits(grant, m->subject->repository))",
                                  "if (false)"),
    "an old chain": ("    if (m->known->stale_role)\n        return", "    if (false)\n        return"),
    "grants on other keys": ("!policy_grant_has_key(grant, choice->key->policy)", "false"),
    "grants of other people": ("if (!policy_grant_is_for(grant, m->request->peer) ||", "if ("),
    "the worst grant": ("return nearer > 0;", "return nearer < 0;"),
    "the grant with least left": ("a->left > b->left", "a->left < b->left"),
    "the last grant by name": ("strcmp(a->grant->name, b->grant->name) < 0",
                               "strcmp(a->grant->name, b->grant->name) > 0"),
    "keys that were changed": ("choice->key->state != REASON_NONE)",
                               "choice->key->state == REASON_TOKEN)"),
    "keys without a token": ("choice->key->state != REASON_NONE)",
                             "choice->key->state == REASON_KEY_CHANGED)"),
}

DECIDE = {
    "any spelling": ("return repository_is_normal(m->subject->repository);", "return true;"),
    "any flaw": ("if (m->subject->flaw == REASON_NONE)", "if (true)"),
    "expired documents": ("return m->subject->expires_at > m->request->now;", "return true;"),
    "documents that expire now": ("return m->subject->expires_at > m->request->now;",
                                  "return m->subject->expires_at >= m->request->now;"),
    "own keys listed anywhere": ("if (!key || (role &&", "if (true || !key || (role &&"),
    "a base that does not verify": ("if (!m->known->base_problem)", "if (true)"),
    "partial, asked for or not": ("if (!away || (m->request->is_partial && signs))",
                                  "if (!away || signs)"),
    "never partial": ("if (!away || (m->request->is_partial && signs))", "if (!away)"),
    "without any key": ("if (!away || (m->request->is_partial && signs))",
                        "if (!away || m->request->is_partial)"),
    "rollback": ("is_same_again(m) || m->subject->version > m->known->version)", "true)"),
    "other bytes, same version": ("m->subject->version > m->known->version)",
                                  "m->subject->version >= m->known->version)"),
    "never the same again": ("digest_eq(&m->subject->digest, &m->known->digest);", "false;"),
    "any step": ("return m->subject->version <= m->known->version + VERSION_STEP_MAX;",
                 "return true;"),
    "a step less": ("return m->subject->version <= m->known->version + VERSION_STEP_MAX;",
                    "return m->subject->version < m->known->version + VERSION_STEP_MAX;"),
    "roots that skip one": ("m->subject->version == m->known->version + 1;",
                            "m->subject->version <= m->known->version + 2;"),
    "votes only if nothing else signs": (
        "if (waiting == m->verdict->n_choices || (m->request->is_partial && signs))",
        "if (waiting == m->verdict->n_choices || signs)"),
    "a denial is told as pending": ("return rc == RC_PENDING;", "return 9 * (rc == RC_PENDING);"),
    "some documents": ("if (severity(rc) > severity(decision->rc)) {", "if (i == 0) {"),
    "a document counts for each key": ("verdict->choices[k].grant == verdict->choices[i].grant",
                                       "false"),
    "documents count for nothing": ("        if (!is_counted)\n", "        if (false)\n"),
}

POLICY = {
    "the main door opens all": ("return grant->n_sockets == 0 && policy_who_has(&grant->who, peer);",
                                "return policy_who_has(&grant->who, peer);"),
    "any door": ("if (!strcmp(grant->sockets[i]->name, peer->door))", "if (true)"),
    "a door is enough": ("return grant->who.n_names == 0 || policy_who_has(&grant->who, peer);",
                         "return true;"),
    "who asks approves": ("peer->uid != requester &&", ""),
    "approval at any door": ("grant->approvals.count > 0 && !peer->door &&",
                             "grant->approvals.count > 0 &&"),
    "the first scope only": (
        "for (size_t i = 0; i < key->n_scope; i++) {\n"
        "        const struct policy_scope *scope = &key->scope[i];\n        if (one_matches(",
        "for (size_t i = 0; i < 1; i++) {\n"
        "        const struct policy_scope *scope = &key->scope[i];\n        if (one_matches("),
    "a role of any scope": ("one_matches(scope->roles, scope->n_roles, role)", "true"),
}

MUTANTS = [(file, says, *texts) for file, mutants in (
    ("weigh", WEIGH), ("decide", DECIDE), ("policy", POLICY)) for says, texts in mutants.items()]


def words_of(build, output):
    """The command with which the build makes a file."""
    commands = json.loads((build / "compile_commands.json").read_text())
    (command,) = (each["command"] for each in commands if each["output"] == output)
    return shlex.split(command)


@pytest.fixture(scope="module")
def mutant(build, pytestconfig, tmp_path_factory):
    """Makes the judge anew, with a file changed."""
    directory = tmp_path_factory.mktemp("mutant")

    def make(file, before, after):
        text = (pytestconfig.rootpath / "agent" / f"{file}.c").read_text()
        assert text.count(before) == 1, f"{before!r} is not once in {file}.c"
        source, made = directory / f"{file}.c", directory / "judge"
        source.write_text(text.replace(before, after))
        words = words_of(build, f"agent/libcountersign-agent.a.p/{file}.c.o")
        words = [word for word in words if word != "-Werror"]
        words[words.index("-o") + 1:] = [f"{directory}/{file}.o", "-w", "-c", str(source)]
        subprocess.run(words, cwd=build, check=True)
        link = subprocess.run(["ninja", "-t", "commands", "-s", "tests/judge"], cwd=build,
                              check=True, capture_output=True, text=True).stdout
        words = shlex.split(link)
        words[words.index("-o") + 1] = str(made)
        words.insert(words.index("-o"), f"{directory}/{file}.o")
        subprocess.run(words, cwd=build, check=True)
        return made

    return make


def is_noticed(judge, names):
    for seed in range(WORLDS):
        world = World(seed, CASES)
        for case, decision in zip(world.cases,
                                  judge.ask(world.oracle.keys, world.policy, world.cases)):
            if difference(names, world.oracle.judge(case), decision) or (
                    decision.rc == RC_OK and overreaches(world, case, decision)):
                return True
    return False


@pytest.mark.parametrize("file, before, after", [
    pytest.param(file, before, after, id=says) for file, says, before, after in MUTANTS])
def test_is_noticed(file, before, after, mutant, tmp_path, pytestconfig):
    judge = Judge(mutant(file, before, after), tmp_path)
    try:
        assert is_noticed(judge, codes(pytestconfig.rootpath / "proto" / "rc.h"))
    finally:
        judge.process.kill()
        judge.process.wait()
