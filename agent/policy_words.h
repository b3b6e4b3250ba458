/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_words — how the parts of a policy read. Lists are sorted, so that the order of a file
 * shows nowhere: what means the same reads the same.
 */
#include "agent/policy.h"

/* "a, b"; texts may be NULL if n is 0. */
void policy_words_list(struct bytes *b, char *const *texts, size_t n);
void policy_words_duration(struct bytes *b, int64_t seconds); /* "90 days" */
/* "user alice" or "uid 1007": as it is written. */
void policy_words_name(struct bytes *b, const struct policy_name *name);
/* "user alice (uid 1000)", "user bob (matches nobody)": as the system knows it. */
void policy_words_resolved(struct bytes *b, const struct policy_name *name);
/* Several of them. */
typedef void policy_words_namer(struct bytes *b, const struct policy_name *name);
void policy_words_who(struct bytes *b, const struct policy_who *who, policy_words_namer *namer);
/* What an entry is, its name aside. Values of environments, which may be secret, do not show. */
void policy_words_token(struct bytes *b, const struct policy_token *token);
void policy_words_key(struct bytes *b, const struct policy_key *key);
void policy_words_socket(struct bytes *b, const struct policy_socket *socket);
void policy_words_root(struct bytes *b, const struct policy_pin_root *root);
/* What narrows the use of a key of that rank under the grant: "for at most 90 days, without changes
 * of delegations, …". */
void policy_words_limits(struct bytes *b, const struct policy_grant *grant, enum rank rank);
