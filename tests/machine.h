/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * machine — for tests: a machine with docker's cache on it, and what a trust server answers its
 * processes, one after the other.
 *
 *     machine_init(&m);
 *     machine_answer_file(&m, &r.files[TIMESTAMP]);
 *     machine_enter(&m);
 *     machine_update(&m);
 *     machine_leave(&m);
 */
#include "client/trust.h"
#include "tests/canned.h"
#include "tests/repository.h"

#define MACHINE_ANSWERS_MAX 64

struct machine {
    char *dir;
    struct canned server;
    bool is_serving;
    struct bytes texts[MACHINE_ANSWERS_MAX];
    const char *answers[MACHINE_ANSWERS_MAX + 1];
    size_t n_answers;
    struct repo_server *repo_server;
    struct repo *repo;
    struct trust *trust; /* of the process that is running */
};

void machine_init(struct machine *m);
void machine_done(struct machine *m);

/* What the server says to the next request of the next process. */
void machine_answer(struct machine *m, const char *head, struct span body);
void machine_answer_file(struct machine *m, const struct bytes *file);
void machine_answer_nothing(struct machine *m); /* 404 */

/* A process begins and ends; directory and time of the options are set. */
void machine_enter_with(struct machine *m, struct trust_options options);
void machine_enter(struct machine *m);
void machine_leave(struct machine *m);

/* trust_update(), which must ask for all that is answered, and succeed or be refused. */
void machine_update(struct machine *m);
void machine_refuse(struct machine *m, enum rc want, const char *sentence);

/* A process that sees all of a repository for the first time. */
void machine_see(struct machine *m, const struct repository *r);
