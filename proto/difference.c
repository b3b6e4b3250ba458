/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/difference.h"

static enum rc
change_add(struct difference *d, const struct change *change, struct why *why)
{
    struct change *place =
        mem_grow((void **)&d->changes, d->n, sizeof *place, 2 * (TARGETS_MAX + DELEGATIONS_MAX));
    if (!place)
        return fail_memory(why);

    *place = *change;
    d->n++;
    return RC_OK;
}

static enum rc
tag_add(struct difference *d, const struct tuf_target *was, const struct tuf_target *is,
    struct why *why)
{
    struct change change = {
        .kind = CHANGE_TAG, .name = is ? is->name : was->name, .tag_was = was, .tag_is = is};

    /* Canonical bytes: equal bytes and nothing else mean equal values. */
    if (was && is && span_eq(was->value, is->value))
        return RC_OK;

    return change_add(d, &change, why);
}

static enum rc
tags_merge(struct difference *d, const struct tuf_targets *was, const struct tuf_targets *is,
    struct why *why)
{
    size_t w = 0, i = 0, n_was = was ? was->n_targets : 0;

    while (w < n_was || i < is->n_targets) {
        int order = w == n_was           ? 1
                    : i == is->n_targets ? -1
                                         : canon_cmp(was->targets[w].name, is->targets[i].name);
        const struct tuf_target *old = order <= 0 ? &was->targets[w++] : NULL;
        const struct tuf_target *new = order >= 0 ? &is->targets[i++] : NULL;

        enum rc rc = tag_add(d, old, new, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static bool
is_same_role(const struct tuf_role *a, const struct tuf_role *b)
{
    if (a->threshold != b->threshold || a->n_keyids != b->n_keyids || a->n_paths != b->n_paths)
        return false;

    for (size_t i = 0; i < a->n_keyids; i++)
        if (!keyid_eq(&a->keyids[i], &b->keyids[i]))
            return false;

    for (size_t i = 0; i < a->n_paths; i++)
        if (!span_eq(a->paths[i], b->paths[i]))
            return false;

    return true;
}

static enum rc
role_add(
    struct difference *d, const struct tuf_role *was, const struct tuf_role *is, struct why *why)
{
    struct change change = {.kind = CHANGE_DELEGATION,
        .name = is ? is->name : was->name,
        .role_was = was,
        .role_is = is};

    if (was && is && is_same_role(was, is))
        return RC_OK;

    return change_add(d, &change, why);
}

static enum rc
roles_compare(struct difference *d, const struct tuf_targets *was, const struct tuf_targets *is,
    struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < is->n_roles; i++) {
        const struct tuf_role *old = was ? tuf_targets_find_role(was, is->roles[i].name) : NULL;
        rc = role_add(d, old, &is->roles[i], why);
    }

    for (size_t i = 0; !rc && was && i < was->n_roles; i++)
        if (!tuf_targets_find_role(is, was->roles[i].name))
            rc = role_add(d, &was->roles[i], NULL, why);

    return rc;
}

enum rc
difference_of(struct difference *ret, const struct tuf_targets *was, const struct tuf_targets *is,
    struct why *why)
{
    closing(difference_done) struct difference d = {0};

    enum rc rc = tags_merge(&d, was, is, why);
    if (!rc)
        rc = roles_compare(&d, was, is, why);
    if (rc)
        return rc;

    *ret = d;
    d = (struct difference){0};
    return RC_OK;
}

void
difference_done(struct difference *d)
{
    free(d->changes);
    *d = (struct difference){0};
}
