/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * difference — what changed between two versions of a targets document.
 *
 * Found by merging the two sorted lists; nothing is copied. It is for people and for rules on tags:
 * that nothing at all changed in the delegations, their order and keys included, is seen by
 * comparing tuf_targets.delegations.
 */
#include "proto/tuf_targets.h"

enum change_kind {
    CHANGE_TAG,        /* added (no was), changed, or removed (no is) */
    CHANGE_DELEGATION, /* a listed role: added, changed in keys, threshold or paths, or removed */
    CHANGE_KIND_MAX_
};

struct change {
    enum change_kind kind;
    struct span name; /* raw string */
    const struct tuf_target *tag_was, *tag_is;
    const struct tuf_role *role_was, *role_is;
};

struct difference {
    struct change *changes; /* tags by name, then roles in the order of is, then removed ones */
    size_t n;
};

/* was may be NULL: everything is new. Borrows from both. RC_NO_MEMORY. difference_done(). */
must_check enum rc difference_of(struct difference *ret, const struct tuf_targets *was,
    const struct tuf_targets *is, struct why *why);
void difference_done(struct difference *d);
