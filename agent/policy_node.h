/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_node — a value of a policy file with its place, and strict reading of it.
 *
 * All errors are RC_MALFORMED and say "policy.yaml:12:7: …" unless memory ran out. A scalar that
 * YAML 1.1 or 1.2 would read as something else than text ("yes", "1e3", "null") is no text unless
 * it is quoted: people's expectations of it differ.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/rc.h"

enum policy_node_kind { POLICY_SCALAR, POLICY_LIST, POLICY_MAP };

struct policy_node {
    enum policy_node_kind kind;
    bool is_plain; /* a scalar without quotes */
    int line, column;
    const char *file;           /* borrowed from whoever parsed it */
    char *text;                 /* of a scalar, UTF-8; else NULL */
    struct policy_node *names;  /* of a mapping: scalars, no two equal; else NULL */
    struct policy_node *values; /* of a list or mapping */
    size_t n;
};

void policy_node_free(struct policy_node *node);
DEFINE_CLEANUP(struct policy_node, policy_node_free);

/* Fail at the place of the node. */
must_check like_printf(3, 4) enum rc
    policy_node_fail(const struct policy_node *node, struct why *why, const char *fmt, ...);
/* Put the place of the node before the sentence that is there. */
must_check enum rc policy_node_within(const struct policy_node *node, struct why *why, enum rc rc);

/* Entries of a list or mapping; at least one if that is wanted. */
enum policy_node_need { POLICY_MAY_BE_EMPTY, POLICY_NOT_EMPTY };
must_check enum rc policy_node_want_list(const struct policy_node *node, struct why *why);
must_check enum rc policy_node_want_map(const struct policy_node *node, struct why *why);

/* Text without control characters, not empty. Borrowed. */
must_check enum rc policy_node_text(
    const char **ret, const struct policy_node *node, struct why *why);
/* A copy of it: free(). */
must_check enum rc policy_node_dup(char **ret, const struct policy_node *node, struct why *why);
/* Name of a token, key or grant: [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
must_check enum rc policy_node_name(
    const char **ret, const struct policy_node *node, struct why *why);
/* Only true and false: yes, on and 1 are refused. */
must_check enum rc policy_node_bool(bool *ret, const struct policy_node *node, struct why *why);
/* Decimal digits without quotes. */
must_check enum rc policy_node_integer(
    int64_t *ret, const struct policy_node *node, int64_t min, int64_t max, struct why *why);
/* A time with its unit, as 30s or 90d. */
struct policy_duration {
    const char *units;  /* of them, those that may be: "hdw" */
    const char *wanted; /* for people: "12h, 90d or 2w" */
    int64_t max_s;
};
must_check enum rc policy_node_duration(int64_t *ret_s, const struct policy_node *node,
    const struct policy_duration *kind, struct why *why);
/* Whether it is a plain scalar of digits only. */
bool policy_node_is_number(const struct policy_node *node);

/* One member that a mapping can have. */
struct policy_member {
    const char *name;
    const char *refusal;             /* why it is an error here; NULL: it is not */
    const struct policy_node *value; /* set by policy_node_members(); NULL: it is not there */
};
/*
 * Find the members of a mapping: an unknown one is an error that names the nearest known one, a
 * refused one an error with its refusal. what: "token", for the sentence.
 */
must_check enum rc policy_node_members(struct policy_member *members, size_t n,
    const struct policy_node *node, const char *what, struct why *why);
