/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_plan.h"

#include <inttypes.h>

#include "proto/bounds.h"

int64_t
root_plan_threshold(const struct root_plan *plan, enum rank rank, const struct tuf_root *base)
{
    if (plan->roles[rank].threshold > 0)
        return plan->roles[rank].threshold;

    return base ? base->roles[rank].threshold : 1;
}

static bool
is_listed(const struct tuf_root *root, enum rank rank, const struct pubkey *key, bool is_loose)
{
    const struct tuf_role *role = &root->roles[rank];

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *listed = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (keyid_eq(&role->keyids[i], pubkey_id(key)) ||
            (is_loose && listed && keyid_eq(pubkey_canonical_id(listed), pubkey_canonical_id(key))))
            return true;
    }

    return false;
}

/* The role has the planned keys, and no others. */
static bool
has_keys(const struct root_plan_role *planned, const struct tuf_root *root, enum rank rank,
    bool is_loose)
{
    if (root->roles[rank].n_keyids != planned->n_keys)
        return false;

    for (size_t i = 0; i < planned->n_keys; i++)
        if (!is_listed(root, rank, planned->keys[i], is_loose))
            return false;

    return true;
}

/* None of the keys that the role had. */
static bool
has_new_keys(const struct tuf_root *root, const struct tuf_root *before, enum rank rank)
{
    const struct tuf_role *is = &root->roles[rank], *was = &before->roles[rank];

    for (size_t i = 0; i < is->n_keyids; i++)
        for (size_t k = 0; k < was->n_keyids; k++)
            if (keyid_eq(&is->keyids[i], &was->keyids[k]))
                return false;

    return true;
}

bool
root_plan_is_met(
    const struct root_plan *plan, const struct tuf_root *root, const struct tuf_root *before)
{
    for (size_t i = 0; i < RANK_DELEGATION; i++) {
        const struct root_plan_role *planned = &plan->roles[i];
        enum rank rank = (enum rank)i;
        bool is_of_server = rank == RANK_SNAPSHOT || rank == RANK_TIMESTAMP;

        if (root->roles[rank].threshold != root_plan_threshold(plan, rank, root))
            return false;
        if (planned->n_keys > 0 && !has_keys(planned, root, rank, before != NULL) &&
            !(before && is_of_server && has_new_keys(root, before, rank)))
            return false;
    }

    return true;
}

/* The arrays of a document that is being made; what they hold is borrowed. */
struct listing {
    struct tuf_root root;
    struct keyid *ids[RANK_DELEGATION]; /* of roles with planned keys */
};

static void
listing_done(struct listing *listing)
{
    for (size_t i = 0; i < RANK_DELEGATION; i++)
        free(listing->ids[i]);
    free(listing->root.keys.ids);
    free(listing->root.keys.keys);
}

/* Sorted by ID, as "keys" is; one key in two roles is listed once. */
static enum rc
list_key(struct tuf_keys *keys, struct pubkey *key, struct why *why)
{
    size_t at = 0;

    while (at < keys->n && strcmp(keys->ids[at].hex, pubkey_id(key)->hex) < 0)
        at++;
    if (at < keys->n && keyid_eq(&keys->ids[at], pubkey_id(key)))
        return RC_OK;

    if (keys->n == KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys, with former ones", KEYS_MAX);

    if (!mem_grow(&keys->ids, keys->n, sizeof *keys->ids, KEYS_MAX) ||
        !mem_grow(&keys->keys, keys->n, sizeof *keys->keys, KEYS_MAX))
        return fail_memory(why);

    memmove(keys->ids + at + 1, keys->ids + at, (keys->n - at) * sizeof *keys->ids);
    memmove(keys->keys + at + 1, keys->keys + at, (keys->n - at) * sizeof *keys->keys);
    keys->ids[at] = *pubkey_id(key);
    keys->keys[at] = key;
    keys->n++;
    return RC_OK;
}

static bool
has_role(const struct tuf_root *root, const struct keyid *id)
{
    for (size_t rank = 0; rank < RANK_DELEGATION; rank++)
        for (size_t i = 0; i < root->roles[rank].n_keyids; i++)
            if (keyid_eq(&root->roles[rank].keyids[i], id))
                return true;

    return false;
}

/* Certificates of root keys, those of before as well. */
static enum rc
list_former(struct tuf_keys *keys, const struct tuf_root *base, struct why *why)
{
    const struct tuf_role *role = &base->roles[RANK_ROOT];
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < role->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(&base->keys, &role->keyids[i]);
        rc = key ? list_key(keys, key, why) : RC_OK;
    }
    for (size_t i = 0; !rc && i < base->keys.n; i++)
        if (!has_role(base, &base->keys.ids[i]) && pubkey_is_x509(base->keys.keys[i]))
            rc = list_key(keys, base->keys.keys[i], why);

    return rc;
}

static enum rc
list_planned(
    struct listing *listing, const struct root_plan_role *planned, enum rank rank, struct why *why)
{
    struct tuf_role *role = &listing->root.roles[rank];

    listing->ids[rank] = calloc(planned->n_keys, sizeof *listing->ids[rank]);
    if (!listing->ids[rank])
        return fail_memory(why);

    for (size_t i = 0; i < planned->n_keys; i++) {
        if (rank == RANK_ROOT && !pubkey_is_x509(planned->keys[i]))
            return fail(why, RC_UNSUPPORTED, "a root key is listed without its certificate");

        listing->ids[rank][i] = *pubkey_id(planned->keys[i]);
        enum rc rc = list_key(&listing->root.keys, planned->keys[i], why);
        if (rc)
            return rc;
    }

    role->keyids = listing->ids[rank];
    role->n_keyids = planned->n_keys;
    return RC_OK;
}

/* The keys that the role has already. */
static enum rc
list_kept(struct listing *listing, const struct tuf_root *base, enum rank rank, struct why *why)
{
    const struct tuf_role *role = &base->roles[rank];
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < role->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(&base->keys, &role->keyids[i]);
        rc = key ? list_key(&listing->root.keys, key, why)
                 : fail(why, RC_MALFORMED, "a key of a role is not listed");
    }

    listing->root.roles[rank].keyids = role->keyids;
    listing->root.roles[rank].n_keyids = role->n_keyids;
    return rc;
}

static enum rc
list_role(struct listing *listing, const struct root_plan *plan, enum rank rank,
    const struct tuf_root *base, struct why *why)
{
    static const char *const names[RANK_DELEGATION] = {
        [RANK_ROOT] = "root",
        [RANK_TARGETS] = "targets",
        [RANK_SNAPSHOT] = "snapshot",
        [RANK_TIMESTAMP] = "timestamp",
    };
    struct tuf_role *role = &listing->root.roles[rank];

    role->name = span_of(names[rank]);
    role->threshold = root_plan_threshold(plan, rank, base);
    enum rc rc = plan->roles[rank].n_keys > 0 ? list_planned(listing, &plan->roles[rank], rank, why)
                                              : list_kept(listing, base, rank, why);
    if (!rc && role->threshold > (int64_t)role->n_keyids)
        rc = fail(why, RC_REFUSED,
            "role %s would have %zu keys, too few for its threshold of %" PRId64
            ": name more keys, or give --threshold",
            names[rank], role->n_keyids, role->threshold);
    return rc;
}

enum rc
root_plan_format(struct bytes *ret, const struct root_plan *plan, const struct tuf_root *base,
    int64_t expires_at, struct why *why)
{
    closing(listing_done) struct listing listing = {
        .root = {.version = base ? base->version + 1 : 1,
            .expires_at = expires_at,
            .consistent_snapshot = base && base->consistent_snapshot}};
    enum rc rc = RC_OK;

    for (size_t rank = 0; !rc && rank < RANK_DELEGATION; rank++)
        rc = list_role(&listing, plan, (enum rank)rank, base, why);
    if (!rc && base)
        rc = list_former(&listing.root.keys, base, why);
    if (rc)
        return rc;

    tuf_root_format(ret, &listing.root);
    return bytes_check(ret, why);
}
