/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_targets — a targets document: tags with their digests, and delegations.
 *
 * A document of role targets/x has the same form and does not say whose it is.
 */
#include "proto/tuf_hashes.h"
#include "proto/tuf_role.h"

struct tuf_target {
    struct span name;   /* raw string */
    struct span value;  /* canonical bytes of its object */
    struct span custom; /* canonical bytes; empty: none */
    int64_t length;
    struct tuf_hashes hashes;
};

struct tuf_targets {
    int64_t version, expires_at;
    struct tuf_keys keys;   /* of delegations */
    struct tuf_role *roles; /* delegations, in their order, which is precedence */
    size_t n_roles;
    bool roles_null;            /* Go writes null after the last one was removed */
    struct span delegations;    /* canonical bytes of the whole member */
    struct tuf_target *targets; /* sorted by name */
    size_t n_targets;
    bool targets_null;
};

/* Spans point into message, which must outlive the result. RC_MALFORMED, RC_TOO_LARGE: what and
 * where. RC_NO_MEMORY. */
must_check enum rc tuf_targets_parse(
    struct tuf_targets **ret, struct span message, struct why *why);
void tuf_targets_free(struct tuf_targets *targets);
DEFINE_CLEANUP(struct tuf_targets, tuf_targets_free);

/* The first flaw of a document of role: listed roles must be its children. */
enum tuf_flaw tuf_targets_check(
    const struct tuf_targets *targets, struct span role, struct why *why);

/* Borrowed, or NULL. name is decoded, as a user types it. */
const struct tuf_target *tuf_targets_find(const struct tuf_targets *targets, struct span name);
const struct tuf_role *tuf_targets_find_role(const struct tuf_targets *targets, struct span role);
