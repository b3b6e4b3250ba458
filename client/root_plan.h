/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * root_plan — what the root of a publication is to say of the four base roles, and the canonical
 * message that comes out of it. Pure.
 *
 *     struct root_plan plan = {.roles[RANK_TARGETS] = {&key, 1, 0}};   the other roles stay
 */
#include "proto/tuf_root.h"

/* Borrows its keys. */
struct root_plan_role {
    struct pubkey *const *keys; /* of the root role: with their certificates */
    size_t n_keys;              /* 0: the role keeps its keys; not so in a first root */
    int64_t threshold;          /* 0: it stays; 1 in a first root */
};

struct root_plan {
    struct root_plan_role roles[RANK_DELEGATION]; /* by rank */
    bool is_first;                                /* the root of a new repository: version 1 */
    bool is_renewed; /* published with a new expiry, even if it says what is published already */
};

/* The threshold of a role by plan; base: the root that is replaced, NULL for a first one. */
int64_t root_plan_threshold(
    const struct root_plan *plan, enum rank rank, const struct tuf_root *base);

/*
 * Whether root says all of it. before: NULL; or, where root was signed for an earlier run that was
 * cut short, what it replaces: then another certificate of a planned root key will do, and any new
 * key of the trust server, as neither is made twice.
 */
bool root_plan_is_met(
    const struct root_plan *plan, const struct tuf_root *root, const struct tuf_root *before);

/*
 * Append the message of the root that follows base; NULL: of a first one. Certificates of former
 * root keys stay listed, as Notary keeps them; other keys that have no role any more do not.
 * RC_UNSUPPORTED: a root key without its certificate. RC_REFUSED: a threshold above the number of
 * keys. RC_TOO_LARGE: more than KEYS_MAX keys. RC_NO_MEMORY.
 */
must_check enum rc root_plan_format(struct bytes *ret, const struct root_plan *plan,
    const struct tuf_root *base, int64_t expires_at, struct why *why);
