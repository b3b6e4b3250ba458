/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_read — the tokens and keys of a policy file, from nodes to the structs of policy.h.
 *
 * Each function fills one entry whose name is already set. What it filled before it failed is the
 * caller's to free, as policy_unref() does. Errors are RC_MALFORMED with place; RC_NOT_FOUND and
 * RC_DENIED with place for files that an entry names.
 */
#include "agent/policy.h"
#include "agent/policy_files.h"
#include "agent/policy_node.h"

/* An entry of "tokens", "keys", "sockets" or "grants". */
struct policy_entry {
    const struct policy_node *name, *value;
};

must_check enum rc policy_read_token(struct policy_token *token, const struct policy_entry *entry,
    struct policy_files *files, struct why *why);
/* policy: its tokens are read. */
must_check enum rc policy_read_key(struct policy_key *key, const struct policy_entry *entry,
    const struct policy *policy, struct policy_files *files, struct why *why);
/* RC_MALFORMED: the entry does not have the member. */
must_check enum rc policy_read_need(
    const struct policy_member *member, const struct policy_entry *entry, struct why *why);

/* A list of texts without repetitions; check says what else is wrong with one. */
typedef enum rc policy_read_check(const char *text, struct why *why);
must_check enum rc policy_read_texts(char ***ret, size_t *ret_n, const struct policy_node *node,
    policy_read_check *check, struct why *why);
/* A pattern that can match a repository. */
must_check enum rc policy_read_check_repository(const char *text, struct why *why);
