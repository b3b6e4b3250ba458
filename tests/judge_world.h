/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * judge_world — what the cases of judge.c are made of: a real policy, scanned documents, and peers,
 * keys and published files as a test says they are.
 */
#include <jansson.h>

#include "agent/known.h"

/* As the test says it is, or as the agent finds out from a chain of files. */
struct world_known {
    struct decide_known known; /* borrows from what follows */
    const char **tags, **unpublished;
    struct subject_listing *listings;
    struct message_sign sign;
    struct known *gathered;
};

/* A document, which its subject borrows from. */
struct world_document {
    struct message_document document;
    struct keyid *keys;
};

struct world {
    json_t *json; /* owns the strings */
    struct policy *policy;
    int64_t now;
    struct peer *peers;
    size_t n_peers;
    struct decide_key **states; /* lists of policy->n_keys, in the order of the policy */
    size_t n_states;
    struct world_document *documents;
    struct subject **subjects; /* NULL: not understood */
    json_t *problems;          /* why not */
    size_t n_subjects;
    struct world_known *known;
    size_t n_known;
    struct ledger *ledger; /* what is written to it is rolled back; opened where there are chains */
    struct seen *seen;
    int64_t **used; /* lists of policy->n_grants, in the order of the policy */
    size_t n_used;
};

/* Forget what the world was and read what it is now. What is not of the form that judge.c says ends
 * the program; the error of policy_load() is returned. */
must_check enum rc world_read(struct world *world, json_t *json, struct why *why);
void world_done(struct world *world);
