/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_things — what a policy names beside people and rights: tokens, keys, sockets and pinned
 * roots, in words and sorted, to be listed and compared.
 */
#include "agent/policy.h"

enum policy_thing_kind {
    POLICY_THING_TOKEN,
    POLICY_THING_KEY,
    POLICY_THING_SOCKET,
    POLICY_THING_ROOTS,
    POLICY_THING_KIND_MAX_
};

struct policy_thing {
    enum policy_thing_kind kind;
    const char *name;                 /* of roots: their pattern */
    char *text;                       /* what it is, see policy_words.h */
    const struct policy_token *token; /* NULL: it is none */
};

/* Borrows from the policy. */
struct policy_things {
    struct policy_thing *things; /* by kind, then name */
    size_t n;
};

/* RC_NO_MEMORY. policy_things_done(). */
must_check enum rc policy_things_of(
    struct policy_things *ret, const struct policy *policy, struct why *why);
void policy_things_done(struct policy_things *things);

int policy_thing_compare(const struct policy_thing *a, const struct policy_thing *b);
const char *policy_thing_heading(enum policy_thing_kind kind); /* "keys" */
const char *policy_thing_noun(enum policy_thing_kind kind);    /* "key" */
