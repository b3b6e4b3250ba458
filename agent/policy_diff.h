/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_diff — what becomes different with a new policy: who gains what, who loses what, and which
 * other things change. A reload tells it, and --check-policy --diff.
 *
 * People are compared as they are written, so that it says the same on every machine.
 */
#include "agent/policy.h"

enum policy_change_kind { POLICY_GAINED, POLICY_LOST, POLICY_CHANGED, POLICY_CHANGE_KIND_MAX_ };

struct policy_change {
    enum policy_change_kind kind;
    char *subject; /* "group qa", "socket ci" */
    char *what;    /* "key qa for role targets/qa of …", "is new: …" */
};

struct policy_diff {
    struct policy_change *changes; /* by kind, subject, what */
    size_t n;
};

/* was: NULL where there was none. RC_TOO_LARGE: as policy_rights_of(). RC_NO_MEMORY.
 * policy_diff_done(). */
must_check enum rc policy_diff_of(
    struct policy_diff *ret, const struct policy *was, const struct policy *is, struct why *why);
void policy_diff_done(struct policy_diff *diff);

/* One of them as a sentence: "group qa gains key qa for …". */
void policy_change_put(struct bytes *b, const struct policy_change *change);
/* All of them, for people, under a heading for each kind. */
void policy_diff_put(struct bytes *b, const struct policy_diff *diff);
