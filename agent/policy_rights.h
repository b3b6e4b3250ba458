/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_rights — a policy as decide sees it: who may sign what with which key, one by one.
 *
 * A right is a name or a door, a key, a repository and a role of one of its scopes, and what
 * narrows it. They are sorted, so that the order of files and entries shows nowhere; those that are
 * the same but for the grant stand beside each other.
 */
#include "agent/policy.h"

struct policy_right {
    const struct policy_name *name;   /* NULL: everybody who comes through the door */
    const struct policy_socket *door; /* NULL: the main one */
    const struct policy_key *key;
    const char *limits;            /* policy_words_limits() */
    const char *role, *repository; /* patterns of one scope of the key */
    const struct policy_grant *grant;
};

/* Borrows from the policy. */
struct policy_rights {
    struct policy_right *rights;
    size_t n;
    char **limits;
    size_t n_limits;
};

/* RC_TOO_LARGE: more than POLICY_RIGHTS_MAX. RC_NO_MEMORY. policy_rights_done(). */
must_check enum rc policy_rights_of(
    struct policy_rights *ret, const struct policy *policy, struct why *why);
void policy_rights_done(struct policy_rights *rights);

/* The order of rights, whatever policy each is of; 0: the same right, whatever grants give it. */
int policy_right_compare(const struct policy_right *a, const struct policy_right *b);
/* 0: the same people at the same door. */
int policy_right_compare_people(const struct policy_right *a, const struct policy_right *b);
/* How many of n sorted ones, from the first on, differ in nothing but repository, role and grant.
 */
size_t policy_rights_run(const struct policy_right *rights, size_t n);
/* What such a run reaches: "roles targets/qa, targets/dev of r.io/a; role targets of r.io/b". */
void policy_rights_put_reach(struct bytes *b, const struct policy_right *rights, size_t n);
/* "group qa", "everybody at door 'ci'" */
void policy_right_put_who(struct bytes *b, const struct policy_right *right);
