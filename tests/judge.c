/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - what decide.h says of cases that a test gives: line by line on standard input, one line
 * of answer for each.
 *
 * A line that begins with '{' is a world, in JSON:
 *     policy    path of a policy file
 *     now       seconds UTC
 *     states    lists of {name, id, state} for each key; state is ready, away, locked, changed
 *               or unseen, which has no id
 *     peers     {uid, gid, gids, door, unit}
 *     subjects  {repository, role, message, keys}; the message in base64
 *     known     what decide.h knows of the document's role, by the names of struct decide_known
 *               or, instead, what it is found out from: {subject, sign, seen, mark}, where sign are
 *               the parameters of a request, seen are those of one before it, whose chains were
 *               seen, and mark is {version, digest, delegations, base_version, tags} of what
 *               was released on top of that base
 *     ledger    a directory for one, where there are such
 *     used      {grant: documents}
 * Its answer is {"subjects": [why each was not understood, or ""]}, or {"error": why}.
 *
 * Any other line is a case, numbers with a space between: indices into peers, states and used,
 * whether it is partial, how many documents, subject and known of each, and votes as indices into
 * peers. Its answer is "rc refused document...", a document "rc reason grant choice...", with ','
 * as the space between those of a document, a choice "grant/reason"; '-' stands for none.
 */
#include <stdio.h>
#include <string.h>

#include "tests/judge_world.h"

#define CASE_MAX 64 /* documents or votes of one */

/* The next number of a case; a case that is none ends the program. */
static size_t
next(char **line, size_t limit)
{
    char *end;

    unsigned long number = strtoul(*line, &end, 10);
    if (end == *line || number >= limit) {
        fprintf(stderr, "judge: no number below %zu: '%s'\n", limit, *line);
        exit(EXIT_FAILURE);
    }
    *line = end;
    return number;
}

static const char *
or_none(const char *text)
{
    return text && *text ? text : "-";
}

static void
print_verdict(const struct decide_verdict *verdict)
{
    printf(" %d,%s,%s", (int)verdict->rc,
        verdict->failed ? or_none(reason_id(verdict->failed->reason)) : "-",
        verdict->grant ? verdict->grant->name : "-");
    for (size_t i = 0; i < verdict->n_choices; i++) {
        const struct decide_choice *choice = &verdict->choices[i];
        printf(",%s/%s", choice->grant ? choice->grant->name : "-",
            or_none(reason_id(choice->left_out)));
    }
}

static void
answer_case(const struct world *world, char *line)
{
    closing(decision_freep) struct decision *decision = NULL;
    struct subject *subjects[CASE_MAX];
    struct decide_known known[CASE_MAX];
    const struct peer *votes[CASE_MAX];

    const struct peer *peer = &world->peers[next(&line, world->n_peers)];
    const struct decide_key *keys = world->states[next(&line, world->n_states)];
    const int64_t *used = world->used[next(&line, world->n_used)];
    bool is_partial = next(&line, 2);
    size_t n = next(&line, CASE_MAX);
    for (size_t i = 0; i < n; i++) {
        subjects[i] = world->subjects[next(&line, world->n_subjects)];
        known[i] = world->known[next(&line, world->n_known)].known;
    }
    size_t n_votes = next(&line, CASE_MAX);
    for (size_t i = 0; i < n_votes; i++)
        votes[i] = &world->peers[next(&line, world->n_peers)];

    const struct decide_request request = {.policy = world->policy,
        .peer = peer,
        .keys = keys,
        .n_keys = world->policy->n_keys,
        .subjects = subjects,
        .known = known,
        .n_subjects = n,
        .used = used,
        .votes = votes,
        .n_votes = n_votes,
        .now = world->now,
        .is_partial = is_partial};
    if (decide(&decision, &request, NULL))
        abort();
    printf("%d %zu", (int)decision->rc, decision->refused);
    for (size_t i = 0; i < decision->n_verdicts; i++)
        print_verdict(&decision->verdicts[i]);
    putchar('\n');
}

/* A world replaces the one before. */
static void
answer_world(struct world *world, const char *line)
{
    struct why why = {""};

    json_auto_t *json = json_loads(line, 0, NULL);
    if (!json) {
        fprintf(stderr, "judge: no JSON: '%s'\n", line);
        exit(EXIT_FAILURE);
    }
    json_auto_t *answer = json_object();
    if (world_read(world, json, &why))
        json_object_set_new(answer, "error", json_string(why.text));
    else
        json_object_set(answer, "subjects", world->problems);
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
}

int
main(void)
{
    struct world world = {0};
    closing(freep) char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        if (*line == '{')
            answer_world(&world, line);
        else if (*line == '\n')
            fflush(stdout);
        else
            answer_case(&world, line);
    }
    world_done(&world);
    return EXIT_SUCCESS;
}
